"""What happens to the connections of media over TCP without ICE; `at` is monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass

from ice.types import TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpListening:
    """Connections of a component (1 RTP, 2 RTCP) can come to `local` from now on."""

    at: float
    component: int
    local: TransportAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpConnected:
    """A component has its connection; `dialled` where we have opened it."""

    at: float
    component: int
    local: TransportAddress
    remote: TransportAddress
    dialled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpConnectionRefused:
    """A connection that came was closed, and why."""

    at: float
    component: int
    remote: TransportAddress
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpUnreachable:
    """No connection could be had, and why."""

    at: float
    component: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpLost:
    """The connection of a component ended by itself or by the peer, and why."""

    at: float
    component: int
    reason: str


TcpEvent = TcpListening | TcpConnected | TcpConnectionRefused | TcpUnreachable | TcpLost
