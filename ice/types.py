"""The values that ICE agents exchange: addresses, candidates, descriptions, pairs.

Values are frozen; descriptions have a JSON form, so that any rendezvous can carry them (RFC 8445 §3).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NewType

FlowId = NewType("FlowId", int)
"""Names one socket of the shell: a bound UDP socket, a TCP listener or one TCP connection."""


class Transport(enum.StrEnum):
    """Transport protocol of a candidate (RFC 8839 §5.1, RFC 6544 §4.5)."""

    UDP = "udp"
    TCP = "tcp"


class TcpType(enum.StrEnum):
    """Direction of a TCP candidate (RFC 6544 §3)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    SO = "so"


class CandidateType(enum.StrEnum):
    """How a candidate was learned (RFC 8445 §5.1.1)."""

    HOST = "host"
    SRFLX = "srflx"
    PRFLX = "prflx"
    RELAY = "relay"


class Role(enum.StrEnum):
    """Who nominates (RFC 8445 §6.1.1)."""

    CONTROLLING = "controlling"
    CONTROLLED = "controlled"

    @property
    def other(self) -> Role:
        """The role of the peer."""
        return Role.CONTROLLED if self is Role.CONTROLLING else Role.CONTROLLING


class PairState(enum.StrEnum):
    """State of a candidate pair (RFC 8445 §6.1.2.6)."""

    FROZEN = "frozen"
    WAITING = "waiting"
    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class SessionState(enum.StrEnum):
    """State of an ICE session (RFC 8445 §6.1.3); NEW until the peer's description is known."""

    NEW = "new"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TransportAddress:
    """An IP address literal (no zone, no brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One candidate of either side (RFC 8445 §5.1, RFC 8839 §5.1, RFC 6544 §4.5).

    Attributes:
        foundation: 1 to 32 ice-chars.
        component: 1 RTP, 2 RTCP.
        transport: UDP or TCP.
        priority: 1 to 2^31-1; of a remote candidate an opaque number.
        address: transport address; the port of an active TCP candidate is 9 and means nothing.
        type: host, srflx, prflx or relay.
        tcptype: the direction of a TCP candidate, None for UDP.
        related: raddr and rport, None for host candidates.
        extensions: unknown name and value pairs, in order.
        base: the local address that checks leave from; None means the address itself. Never signalled.
        check_priority: PRIORITY of checks from here (RFC 8445 §7.1.1); None means that of the recommended
            formula. Never signalled.
    """

    foundation: str
    component: int
    transport: Transport
    priority: int
    address: TransportAddress
    type: CandidateType
    tcptype: TcpType | None = None
    related: TransportAddress | None = None
    extensions: tuple[tuple[str, str], ...] = ()
    base: TransportAddress | None = field(default=None, compare=False)
    check_priority: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if (self.tcptype is None) is (self.transport is Transport.TCP):
            raise ValueError("a TCP candidate has a tcptype and a UDP candidate has none (RFC 6544 §4.5)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """User name fragment and password of one side (RFC 8445 §5.3); the password is kept out of repr."""

    ufrag: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What one side tells the other about one data stream (RFC 8445 §5.3).

    Attributes:
        credentials: ufrag and password of the side that speaks.
        candidates: its candidates.
        options: ice-options tokens; "ice2" marks an RFC 8445 agent.
        lite: true for a lite agent (RFC 8445 §2.5).
        pacing_ms: proposed Ta in ms; None where the side is silent (50 counts then).
        mismatch: true where the side saw an ICE mismatch: ICE is not used (RFC 8839 §5.3).
        end_of_candidates: true where no more candidates will follow (RFC 8838 §14).
    """

    credentials: Credentials
    candidates: tuple[Candidate, ...]
    options: frozenset[str] = frozenset({"ice2"})
    lite: bool = False
    pacing_ms: int | None = None
    mismatch: bool = False
    end_of_candidates: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PairView:
    """A candidate pair as applications, reports and logs see it.

    Attributes:
        id: number of the pair within its agent, never reused.
        component: 1 RTP, 2 RTCP.
        local: local candidate (of a valid TCP pair the peer-reflexive one with the real port).
        remote: remote candidate.
        priority: RFC 8445 §6.1.2.3.
        state: state in the check list.
        nominated: true once nominated.
        selected: true for the pair that carries the media of its component.
        checks_sent: Binding requests sent, retransmissions included.
        checks_answered: valid answers received.
        rtt_ms: last measured round trip, None before the first answer.
        reason: why it failed, was cancelled or selected; empty otherwise.
    """

    id: int
    component: int
    local: Candidate
    remote: Candidate
    priority: int
    state: PairState
    nominated: bool = False
    selected: bool = False
    checks_sent: int = 0
    checks_answered: int = 0
    rtt_ms: float | None = None
    reason: str = ""
