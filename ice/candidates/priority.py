"""Priorities of candidates and pairs (RFC 8445 §5.1.2, §6.1.2.3, RFC 6544 §4.2, RFC 8421 §4)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ice.types import Candidate, CandidateType, TcpType

TYPE_PREFERENCE = {
    CandidateType.HOST: 126,
    CandidateType.PRFLX: 110,
    CandidateType.SRFLX: 100,
    CandidateType.RELAY: 0,
}
"""RFC 8445 §5.1.2.2; the same for UDP and TCP."""

MAX_PRIORITY = 2**31 - 1
MAX_LOCAL_PREFERENCE = 2**16 - 1
MAX_OTHER_PREFERENCE = 2**13 - 1
"""RFC 6544 §4.2: other-pref of a host with one IP address."""

# RFC 6544 §4.2: an active connection gets out of most networks; behind a NAT that must be opened from
# both sides simultaneous open is worth most. Peer-reflexive ones have no row of their own: that of srflx.
_DIRECT = {TcpType.ACTIVE: 6, TcpType.PASSIVE: 4, TcpType.SO: 2}
_REFLEXIVE = {TcpType.SO: 6, TcpType.ACTIVE: 4, TcpType.PASSIVE: 2}
_DIRECTION_PREFERENCE = {
    CandidateType.HOST: _DIRECT,
    CandidateType.RELAY: _DIRECT,
    CandidateType.SRFLX: _REFLEXIVE,
    CandidateType.PRFLX: _REFLEXIVE,
}


def candidate_priority(type_preference: int, local_preference: int, component: int) -> int:
    """The recommended formula (RFC 8445 §5.1.2.1).

    Raises:
        ValueError: the type preference is outside 0 to 126, the local preference outside 0 to 65535 or the
            component outside 1 to 256.
    """
    if not 0 <= type_preference <= 126:
        raise ValueError(f"type preference {type_preference} is outside 0 to 126")
    if not 0 <= local_preference <= MAX_LOCAL_PREFERENCE:
        raise ValueError(f"local preference {local_preference} is outside 0 to 65535")
    if not 1 <= component <= 256:
        raise ValueError(f"component {component} is outside 1 to 256")
    return (type_preference << 24) + (local_preference << 8) + (256 - component)


def tcp_local_preference(kind: CandidateType, tcptype: TcpType, other_preference: int) -> int:
    """Local preference of a TCP candidate: direction first, then which address (RFC 6544 §4.2).

    It stays below 57344, hence below that of every UDP candidate of the same type: for RTP, UDP is preferred.

    Raises:
        ValueError: the other-pref is outside 0 to 8191.
    """
    if not 0 <= other_preference <= MAX_OTHER_PREFERENCE:
        raise ValueError(f"other-pref {other_preference} is outside 0 to 8191")
    return (_DIRECTION_PREFERENCE[kind][tcptype] << 13) + other_preference


def local_priority(kind: CandidateType, tcptype: TcpType | None, rank: int, component: int) -> int:
    """Priority of a candidate of ours: UDP where `tcptype` is None; `rank` 0 is our best address.

    Raises:
        ValueError: the rank is outside 0 to 8191 or the component outside 1 to 256.
    """
    if tcptype is not None:
        preference = tcp_local_preference(kind, tcptype, MAX_OTHER_PREFERENCE - rank)
    elif 0 <= rank <= MAX_OTHER_PREFERENCE:
        preference = MAX_LOCAL_PREFERENCE - rank
    else:
        raise ValueError(f"rank {rank} is outside 0 to 8191")
    return candidate_priority(TYPE_PREFERENCE[kind], preference, component)


def peer_reflexive_priority(local: Candidate) -> int:
    """PRIORITY of checks from `local`: what it would have as a peer-reflexive candidate (RFC 8445 §7.1.1).

    `local` must be a candidate of ours: it has a `check_priority`, or the address preference is taken out of
    its priority.
    """
    if local.check_priority is not None:
        return local.check_priority
    preference = local.priority >> 8 & MAX_LOCAL_PREFERENCE
    if local.tcptype is not None:
        other = preference & MAX_OTHER_PREFERENCE
        preference = tcp_local_preference(CandidateType.PRFLX, local.tcptype, other)
    return candidate_priority(TYPE_PREFERENCE[CandidateType.PRFLX], preference, local.component)


def pair_priority(controlling: int, controlled: int) -> int:
    """Priority of a pair from those of the controlling and of the controlled side's candidate (§6.1.2.3)."""
    low, high = sorted((controlling, controlled))
    return (low << 32) + 2 * high + (1 if controlling > controlled else 0)


def interleaved(hosts: Sequence[str]) -> tuple[str, ...]:
    """IP addresses with the families mixed: after every (n4 + n6) / n4 IPv6 ones an IPv4 one (RFC 8421 §4).

    The order within a family stays. Where one family is missing, nothing changes.
    """
    v6 = [host for host in hosts if ipaddress.ip_address(host).version == 6]
    v4 = [host for host in hosts if ipaddress.ip_address(host).version == 4]
    if not v4 or not v6:
        return tuple(hosts)
    head_start = (len(v4) + len(v6)) // len(v4)
    mixed: list[str] = []
    while v6 or v4:
        mixed += v6[:head_start] + v4[:1]
        del v6[:head_start], v4[:1]
    return tuple(mixed)
