"""What an allocation tells (RFC 8656); `at` is monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass

from ice.types import TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocated:
    """The server relays for us.

    Attributes:
        at: when.
        relayed: the relayed address, where peers send to.
        mapped: our address as the server sees it; None where it did not tell.
        lifetime_s: seconds that the server granted.
    """

    at: float
    relayed: TransportAddress
    mapped: TransportAddress | None
    lifetime_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationFailed:
    """The server does not relay for us.

    Attributes:
        at: when.
        code: STUN error code; 0 where the server answered nothing usable.
        reason: for people.
        alternates: of an authenticated 300, where to ask instead (RFC 8489 §10).
        domain: of an authenticated 300, the name in the certificate there; empty for the same as here.
    """

    at: float
    code: int
    reason: str
    alternates: tuple[TransportAddress, ...] = ()
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationLost:
    """The relay is gone: its candidate is of no use any more."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The allocation was given back, or the server was waited for long enough."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionRefused:
    """The server sends nothing to this host for us."""

    at: float
    host: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRefused:
    """No channel to this peer; data goes on in Send indications."""

    at: float
    peer: TransportAddress
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerUnreachable:
    """An ICMP error came back from the way to a peer; nobody signed it, so it proves nothing."""

    at: float
    peer: TransportAddress
    icmp_type: int
    icmp_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefused:
    """Bytes from the server that were dropped."""

    at: float
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerData:
    """A datagram of a peer."""

    peer: TransportAddress
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UserNameInClear:
    """Anybody on the way to the server can read who we are (RFC 8656 §21.1.6)."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConnected:
    """The server holds a connection with a peer for us, for 30 s unless it is bound (RFC 6062 §4.3, §4.4).

    Attributes:
        at: when.
        peer: its address as the server sees it.
        connection_id: what ConnectionBind names.
        inbound: True where the peer opened it.
    """

    at: float
    peer: TransportAddress
    connection_id: int
    inbound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFailed:
    """The server has no connection to a peer for us; code 0 where it answered nothing usable."""

    at: float
    peer: TransportAddress
    code: int
    reason: str


TurnEvent = (
    Allocated
    | AllocationFailed
    | AllocationLost
    | Released
    | PermissionRefused
    | ChannelRefused
    | PeerUnreachable
    | MessageRefused
    | PeerData
    | UserNameInClear
    | PeerConnected
    | ConnectFailed
)
