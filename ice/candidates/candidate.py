"""Local candidates: building, foundations, redundancy, the cap, the default (RFC 8445 §5.1, RFC 6544 §4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ice.candidates.address import version
from ice.candidates.priority import local_priority
from ice.types import Candidate, CandidateType, TcpType, Transport, TransportAddress

ACTIVE_PORT = 9
"""Port of an active TCP candidate: it has no socket yet (RFC 6544 §4.5)."""

_DEFAULT_ORDER = (CandidateType.RELAY, CandidateType.SRFLX, CandidateType.HOST, CandidateType.PRFLX)


class Foundations:
    """Numbers the foundations of one session, of all its streams (RFC 8445 §5.1.1.3).

    Two candidates share one exactly where type, base IP address, server, transport and, for TCP, the
    direction are equal; the direction counts in the examples of RFC 6544 (appendix C).
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._numbers: dict[tuple[object, ...], str] = {}

    def of(
        self,
        kind: CandidateType,
        base_host: str,
        transport: Transport,
        tcptype: TcpType | None = None,
        server: str = "",
    ) -> str:
        """The foundation; `server` is the IP address of the STUN or TURN server, empty without one."""
        key = (kind, base_host, transport, tcptype, server)
        return self._numbers.setdefault(key, f"{self._prefix}{len(self._numbers) + 1}")


class HostCandidates:
    """Makes the host candidates of one session (RFC 8445 §5.1.1.1, RFC 6544 §5.1).

    Args:
        hosts: the IP addresses of this host that are used, best first (`interleaved`).
        foundations: of the session; None where nobody else makes candidates.
    """

    def __init__(self, hosts: Sequence[str], foundations: Foundations | None = None) -> None:
        self._ranks = {host: rank for rank, host in enumerate(hosts)}
        self._foundations = foundations or Foundations()

    def udp(self, address: TransportAddress, component: int) -> Candidate:
        """The candidate of a bound UDP socket; KeyError where its host is none of ours."""
        return self._candidate(address, component, None)

    def passive(self, address: TransportAddress, component: int) -> Candidate:
        """The candidate of a listening TCP socket; KeyError where its host is none of ours."""
        return self._candidate(address, component, TcpType.PASSIVE)

    def simultaneous(self, address: TransportAddress, component: int) -> Candidate:
        """The candidate of a TCP socket that listens while it connects; KeyError as above."""
        return self._candidate(address, component, TcpType.SO)

    def active(self, host: str, component: int) -> Candidate:
        """The placeholder of connections that will leave from `host`; KeyError where it is none of ours."""
        return self._candidate(TransportAddress(host=host, port=ACTIVE_PORT), component, TcpType.ACTIVE)

    def _candidate(self, address: TransportAddress, component: int, tcptype: TcpType | None) -> Candidate:
        transport = Transport.UDP if tcptype is None else Transport.TCP
        kind = CandidateType.HOST
        return Candidate(
            foundation=self._foundations.of(kind, address.host, transport, tcptype),
            component=component,
            transport=transport,
            priority=local_priority(kind, tcptype, self._ranks[address.host], component),
            address=address,
            type=kind,
            tcptype=tcptype,
        )


class ServerCandidates:
    """Makes the server-reflexive and relayed candidates of one session (RFC 8445 §5.1.1.2, RFC 6544 §5.2).

    Args:
        hosts: the IP addresses of this host that are used, best first (`interleaved`).
        foundations: of the session; None where nobody else makes candidates but `HostCandidates`.
        hide_related: leave raddr and rport out of relayed candidates (RFC 8839 §5.1).
    """

    def __init__(
        self,
        hosts: Sequence[str],
        foundations: Foundations | None = None,
        *,
        hide_related: bool = False,
    ) -> None:
        self._ranks = {host: rank for rank, host in enumerate(hosts)}
        self._hide_related = hide_related
        self._foundations = foundations or Foundations("s")

    def reflexive(self, base: Candidate, mapped: TransportAddress, server: str, order: int) -> Candidate:
        """The candidate that a server saw.

        Args:
            base: the host candidate, UDP or listening TCP, whose port the request left from; KeyError where
                its host is none of ours.
            mapped: what the server told.
            server: IP address that was asked.
            order: place of the server in the configuration, 0 for the first.
        """
        kind = CandidateType.SRFLX
        rank = order * len(self._ranks) + self._ranks[base.address.host]
        return Candidate(
            foundation=self._foundations.of(
                kind, base.address.host, base.transport, base.tcptype, server=server
            ),
            component=base.component,
            transport=base.transport,
            priority=local_priority(kind, base.tcptype, rank, base.component),
            address=mapped,
            type=kind,
            tcptype=base.tcptype,
            related=base.address,
            base=base.address,
        )

    def reflexive_active(
        self, base: Candidate, mapped: TransportAddress, server: str, order: int
    ) -> Candidate:
        """The active candidate that follows from a listening one, without asking (RFC 6544 §5.2).

        Nobody connects to it; relays of the peer learn from it whom to let in. The arguments are those of
        `reflexive`.
        """
        placeholder = TransportAddress(host=base.address.host, port=ACTIVE_PORT)
        active = replace(base, address=placeholder, tcptype=TcpType.ACTIVE)
        return self.reflexive(active, TransportAddress(host=mapped.host, port=ACTIVE_PORT), server, order)

    def relayed(
        self,
        address: TransportAddress,
        mapped: TransportAddress | None,
        component: int,
        server: str,
        order: int,
    ) -> Candidate:
        """The candidate of an allocation; it is its own base.

        Args:
            address: the relayed transport address.
            mapped: where the server saw us; raddr and rport (RFC 8839 §5.1).
            component: 1 RTP, 2 RTCP.
            server: IP address of the server.
            order: place of the server in the configuration, 0 for the first.
        """
        kind = CandidateType.RELAY
        return Candidate(
            foundation=self._foundations.of(kind, address.host, Transport.UDP, server=server),
            component=component,
            transport=Transport.UDP,
            priority=local_priority(kind, None, order, component),
            address=address,
            type=kind,
            related=None if self._hide_related else mapped,
        )

    def relayed_tcp(
        self,
        address: TransportAddress,
        mapped: TransportAddress | None,
        component: int,
        server: str,
        order: int,
    ) -> tuple[Candidate, Candidate]:
        """The passive and the active candidate of an allocation that relays TCP (RFC 6544 §5.5).

        Both have the relayed address, the active one with port 9; their base is the allocation. The
        arguments are those of `relayed`.
        """

        def make(tcptype: TcpType, place: TransportAddress) -> Candidate:
            kind = CandidateType.RELAY
            return Candidate(
                foundation=self._foundations.of(kind, address.host, Transport.TCP, tcptype, server),
                component=component,
                transport=Transport.TCP,
                priority=local_priority(kind, tcptype, order, component),
                address=place,
                type=kind,
                tcptype=tcptype,
                related=None if self._hide_related else mapped,
                base=address,
            )

        placeholder = TransportAddress(host=address.host, port=ACTIVE_PORT)
        return make(TcpType.PASSIVE, address), make(TcpType.ACTIVE, placeholder)


def base_of(candidate: Candidate) -> TransportAddress:
    """The local address that checks of this candidate leave from (RFC 8445 §5.1.1.2)."""
    return candidate.base or candidate.address


def stands_on(candidate: Candidate, host: str) -> bool:
    """True where checks of this candidate leave from that address of this host; a relay has its own."""
    return candidate.type is not CandidateType.RELAY and base_of(candidate).host.partition("%")[0] == host


def without_redundant(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Highest priority first, without those that repeat address and base of a better one (RFC 8445 §5.1.3).

    An active and a passive TCP candidate are never redundant with each other.
    """
    best: dict[tuple[object, ...], Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: -c.priority):
        key = (
            candidate.component,
            candidate.transport,
            candidate.tcptype,
            candidate.address,
            base_of(candidate),
        )
        best.setdefault(key, candidate)
    return tuple(best.values())


def capped(candidates: Iterable[Candidate], limit: int) -> tuple[Candidate, ...]:
    """At most `limit` candidates, highest priority first.

    They are taken in rounds: the best of every component, transport, direction, type and address family
    comes before second ones. A description full of UDP candidates, of host candidates, or of one family,
    would be of no use behind a firewall that drops UDP, behind a NAT, or to a peer of the other family.
    Of active ones only the best of each component has a place in the rounds, the others come last of all: we
    connect from them whether they are told or not. Passive ones of TCP relays come a round later than the
    others: what needs them is rare.
    """
    ranked = sorted(candidates, key=lambda c: -c.priority)
    groups: Counter[tuple[object, ...]] = Counter()
    rounds: list[tuple[bool, int, bool, int, Candidate]] = []
    dialling: set[int] = set()
    for candidate in ranked:
        kind = (candidate.component, candidate.transport, candidate.tcptype, candidate.type)
        family = (*kind, version(candidate.address.host))
        relayed = candidate.transport is Transport.TCP and candidate.type is CandidateType.RELAY
        spare = candidate.tcptype is TcpType.ACTIVE and candidate.component in dialling
        if candidate.tcptype is TcpType.ACTIVE:
            dialling.add(candidate.component)
        order = groups[family] + relayed
        rounds.append((spare, order, relayed or groups[kind] > 0, -candidate.priority, candidate))
        groups[family] += 1
        groups[kind] += 1
    rounds.sort(key=lambda item: item[:4])
    return tuple(sorted((item[4] for item in rounds[:limit]), key=lambda c: -c.priority))


def default_candidate(candidates: Iterable[Candidate], component: int) -> Candidate | None:
    """Where a peer without ICE sends to (RFC 8445 §5.1.4, RFC 6544 §4.3); None without candidates.

    UDP where there is any, the type most likely to be reached first; of TCP an active one, never `so`.
    """
    ours = [c for c in candidates if c.component == component and c.tcptype is not TcpType.SO]
    if not ours:
        return None
    return min(
        ours,
        key=lambda c: (
            c.transport is not Transport.UDP,
            c.tcptype is not TcpType.ACTIVE,
            _DEFAULT_ORDER.index(c.type),
            -c.priority,
        ),
    )
