"""Candidates at ports that a NAT mapped for us: NAT-assisted ones (RFC 6544 §5.3)."""

from __future__ import annotations

from collections.abc import Sequence

from ice.candidates.candidate import ACTIVE_PORT, Foundations
from ice.candidates.priority import (
    MAX_LOCAL_PREFERENCE,
    MAX_OTHER_PREFERENCE,
    candidate_priority,
    interleaved,
    tcp_local_preference,
)
from ice.types import Candidate, CandidateType, TcpType, TransportAddress

TYPE_PREFERENCE = 105
"""RFC 6544 §4.2: above server-reflexive ones, whose mapping nobody promised to keep."""


class MappedCandidates:
    """Makes the NAT-assisted candidates of one session; they are written like server-reflexive ones.

    Args:
        hosts: the IP addresses of this host that are used, best first within each family.
        foundations: of the session; None where nobody else makes candidates but `HostCandidates`.
    """

    def __init__(self, hosts: Sequence[str], foundations: Foundations | None = None) -> None:
        self._ranks = {host: rank for rank, host in enumerate(interleaved(hosts))}
        self._foundations = foundations or Foundations("m")

    def mapped(self, base: Candidate, external: TransportAddress, gateway: str) -> Candidate:
        """The candidate of a mapping.

        Args:
            base: the host candidate, UDP or listening TCP, that is mapped; KeyError where its host is none
                of ours.
            external: where the outside reaches it.
            gateway: IP address of the NAT.
        """
        return self._candidate(base, base.address, base.tcptype, external, gateway)

    def active(self, base: Candidate, external: TransportAddress, gateway: str) -> Candidate:
        """The active candidate that follows from a listening one, without asking (RFC 6544 §5.2, §5.3).

        Nobody connects to it; relays of the peer learn from it whom to let in. The arguments are those of
        `mapped`.
        """
        placeholder = TransportAddress(host=base.address.host, port=ACTIVE_PORT)
        outside = TransportAddress(host=external.host, port=ACTIVE_PORT)
        return self._candidate(base, placeholder, TcpType.ACTIVE, outside, gateway)

    def _candidate(
        self,
        base: Candidate,
        local: TransportAddress,
        tcptype: TcpType | None,
        address: TransportAddress,
        gateway: str,
    ) -> Candidate:
        kind = CandidateType.SRFLX
        rank = self._ranks[local.host]
        preference = MAX_LOCAL_PREFERENCE - rank
        if tcptype is not None:
            preference = tcp_local_preference(kind, tcptype, MAX_OTHER_PREFERENCE - rank)
        return Candidate(
            foundation=self._foundations.of(kind, local.host, base.transport, tcptype, server=gateway),
            component=base.component,
            transport=base.transport,
            priority=candidate_priority(TYPE_PREFERENCE, preference, base.component),
            address=address,
            type=kind,
            tcptype=tcptype,
            related=local,
            base=local,
        )
