"""The host candidates of a lite agent (RFC 8445 §5.2, RFC 6544 §4.4)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ice.candidates.address import version
from ice.candidates.priority import (
    MAX_LOCAL_PREFERENCE,
    MAX_OTHER_PREFERENCE,
    TYPE_PREFERENCE,
    candidate_priority,
    tcp_local_preference,
)
from ice.lite.address_selection import precedence
from ice.types import Candidate, CandidateType, TcpType, Transport, TransportAddress

_HOST = TYPE_PREFERENCE[CandidateType.HOST]


def lite_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """The addresses that a lite agent uses: one of each family, a public one where there is any.

    Without checks nobody can tell which of several would have been the right one (RFC 8445 §5.2).
    """
    chosen: dict[int, str] = {}
    for host in sorted(hosts, key=lambda host: not is_public(host)):
        chosen.setdefault(version(host), host)
    return tuple(host for host in hosts if chosen[version(host)] == host)


def is_public(host: str) -> bool:
    """True of an address by which the whole Internet can reach this host, NATs aside."""
    return ipaddress.ip_address(host).is_global


def unfit(hosts: Sequence[str]) -> tuple[str, ...]:
    """What people must be told about hosts that no lite agent should have (RFC 6544 §12), one text each."""
    return tuple(
        f"ICE lite on {host}, which is no public address: peers elsewhere find nobody there, or somebody else"
        for host in hosts
        if not is_public(host)
    )


class LiteCandidates:
    """Makes the host candidates of a lite agent; there are no others, and no active ones.

    The local preference is 65535 on a host with IPv4 alone, else the precedence of the address. There a TCP
    candidate, whose direction weighs more, stays below UDP by its type preference.

    Args:
        hosts: the IP addresses that are used, one of each family.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        self._foundations = {host: str(number) for number, host in enumerate(hosts, start=1)}
        self._ipv4_only = all(version(host) == 4 for host in hosts)

    def udp(self, address: TransportAddress, component: int) -> Candidate:
        """The candidate of a bound UDP socket; KeyError where its host is none of ours."""
        preference = MAX_LOCAL_PREFERENCE if self._ipv4_only else precedence(address.host)
        return self._candidate(address, component, None, candidate_priority(_HOST, preference, component))

    def passive(self, address: TransportAddress, component: int) -> Candidate:
        """The candidate of a listening TCP socket; KeyError where its host is none of ours."""
        other = MAX_OTHER_PREFERENCE if self._ipv4_only else precedence(address.host)
        preference = tcp_local_preference(CandidateType.HOST, TcpType.PASSIVE, other)
        priority = candidate_priority(_HOST, preference, component)
        return self._candidate(address, component, TcpType.PASSIVE, priority)

    def _candidate(
        self, address: TransportAddress, component: int, tcptype: TcpType | None, priority: int
    ) -> Candidate:
        return Candidate(
            foundation=self._foundations[address.host],
            component=component,
            transport=Transport.UDP if tcptype is None else Transport.TCP,
            priority=priority,
            address=address,
            type=CandidateType.HOST,
            tcptype=tcptype,
        )
