"""One candidate pair (RFC 8445 §6.1.2, RFC 6544 §6.2)."""

from __future__ import annotations

from dataclasses import dataclass

from ice.candidates.address import can_reach
from ice.candidates.candidate import base_of
from ice.candidates.priority import TYPE_PREFERENCE, pair_priority, peer_reflexive_priority
from ice.types import Candidate, CandidateType, FlowId, PairState, PairView, Role, TcpType, Transport

_OPPOSITE = {TcpType.ACTIVE: TcpType.PASSIVE, TcpType.PASSIVE: TcpType.ACTIVE, TcpType.SO: TcpType.SO}
"""RFC 6544 §6.2: which remote direction a local one goes with."""

PENDING = frozenset({PairState.FROZEN, PairState.WAITING, PairState.IN_PROGRESS})
"""States of a pair whose check is still to come or out."""


Foundation = tuple[str, str]
"""Foundations of the local and the remote candidate (RFC 8445 §6.1.2.6)."""

_BELOW_TYPE = (1 << 24) - 1
"""What stands below the type preference; that of a relay is 0 (RFC 8445 §5.1.2.2)."""

_LEAST_REFLEXIVE = TYPE_PREFERENCE[CandidateType.SRFLX] << 24


def _below_reflexive_udp(priority: int) -> int:
    """The priority of a candidate with its type preference lowered, where it is higher, to just that."""
    if priority < _LEAST_REFLEXIVE:
        return priority
    return _LEAST_REFLEXIVE - (1 << 24) | priority & (1 << 24) - 1


def can_pair(local: Candidate, remote: Candidate) -> bool:
    """True where the two form a pair (RFC 8445 §6.1.2.2, RFC 6544 §6.2).

    Same component and transport, addresses that can reach each other, directions that fit.
    """
    if local.component != remote.component or local.transport is not remote.transport:
        return False
    if local.tcptype is not None and _OPPOSITE[local.tcptype] is not remote.tcptype:
        return False
    return can_reach(base_of(local).host, remote.address.host)


def priority_of(local: int, remote: int, role: Role) -> int:
    """Priority of a pair of ours from the priorities of its candidates (RFC 8445 §6.1.2.3)."""
    return pair_priority(local, remote) if role is Role.CONTROLLING else pair_priority(remote, local)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidPair:
    """What a successful check proved (RFC 8445 §7.2.5.3.2): an entry of the valid list.

    Attributes:
        local: the candidate that the peer saw; of a TCP connection that we dialled a peer-reflexive one.
        flow: the socket or connection that media takes.
        at: when it was proved, monotonic seconds.
    """

    local: Candidate
    flow: FlowId
    at: float


class Pair:
    """A candidate pair, its state and what was seen of it; changed by the check list and the agent only."""

    __slots__ = (
        "_role",
        "cancelled",
        "checks_answered",
        "checks_sent",
        "connect_s",
        "flow",
        "id",
        "local",
        "nominated",
        "nominating",
        "peer_checked",
        "peer_nominates",
        "reason",
        "remote",
        "replaces",
        "rtt_s",
        "sent_at",
        "state",
        "valid",
    )

    def __init__(
        self, *, number: int, local: Candidate, remote: Candidate, role: Role, flow: FlowId | None
    ) -> None:
        self.id = number
        self.local = local
        self.remote = remote
        self.flow = flow
        """The UDP socket or the open or dialled TCP connection; None while a TCP pair has none."""
        self.state = PairState.FROZEN
        self.valid: ValidPair | None = None
        self.nominated = False
        self.nominating = False
        """Our request with USE-CANDIDATE is queued or out."""
        self.peer_nominates = False
        """The controlling peer sent USE-CANDIDATE."""
        self.peer_checked = False
        """The peer's own check on this pair was answered."""
        self.replaces = False
        """The peer dialled the selected pair anew; this one takes its place once it is proved."""
        self.cancelled = False
        self.checks_sent = 0
        self.checks_answered = 0
        self.sent_at: float | None = None
        """When the last check began: sent, or dialled."""
        self.connect_s: float | None = None
        """How long dialling took: one round trip."""
        self.rtt_s: float | None = None
        self.reason = ""
        self._role = role

    @property
    def component(self) -> int:
        """1 RTP, 2 RTCP."""
        return self.local.component

    @property
    def is_tcp(self) -> bool:
        """True of a TCP pair."""
        return self.local.transport is Transport.TCP

    @property
    def foundation(self) -> Foundation:
        """Foundation of the pair: those of its candidates (RFC 8445 §6.1.2.6)."""
        return self.local.foundation, self.remote.foundation

    @property
    def pending(self) -> bool:
        """True while a check is still to come or out."""
        return self.state in PENDING

    @property
    def priority(self) -> int:
        """Priority in the check list."""
        return priority_of(self.local.priority, self.remote.priority, self._role)

    @property
    def merit(self) -> int:
        """How good its valid pair is or would be, without the bit that only breaks ties.

        A connection that we dial becomes valid as a pair with a peer-reflexive candidate (RFC 6544 §7.1),
        so its place in the check list says too much. That is the type of every connection, NAT or not: it
        would beat UDP through a NAT, which suits media better, hence counts a little less here. One from a
        relay counts as what it is, whatever its PRIORITY says.
        """
        if self.local.type is CandidateType.RELAY:
            local = self.local.priority
        elif self.valid is not None:
            local = self.valid.local.priority
        elif self.local.tcptype is TcpType.ACTIVE:
            local = peer_reflexive_priority(self.local)
        else:
            local = self.local.priority
        remote = self.remote.priority
        if self.is_tcp:
            local, remote = _below_reflexive_udp(local), _below_reflexive_udp(remote)
            if self.remote.type is CandidateType.RELAY:
                remote &= _BELOW_TYPE
        return priority_of(local, remote, self._role) >> 1

    @property
    def measured_rtt_s(self) -> float | None:
        """The best guess at the round trip, None before anything was answered."""
        known = [time for time in (self.connect_s, self.rtt_s) if time is not None]
        return min(known, default=None)

    def take_role(self, role: Role) -> None:
        """Recompute the priority after a change of roles (RFC 8445 §7.3.1.1)."""
        self._role = role

    def view(self, *, selected: bool) -> PairView:
        """The pair as applications see it."""
        local = self.local if self.valid is None else self.valid.local
        return PairView(
            id=self.id,
            component=self.component,
            local=local,
            remote=self.remote,
            priority=priority_of(local.priority, self.remote.priority, self._role),
            state=self.state,
            nominated=self.nominated,
            selected=selected,
            checks_sent=self.checks_sent,
            checks_answered=self.checks_answered,
            rtt_ms=None if self.rtt_s is None else self.rtt_s * 1000,
            reason=self.reason,
        )
