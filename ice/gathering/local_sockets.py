"""The sockets of our candidates in one session: which candidates they serve, which are still needed."""

from __future__ import annotations

from collections.abc import Iterable

from ice.candidates.candidate import default_candidate
from ice.gathering.hosts import Gathered
from ice.net.flows import Flows
from ice.types import Candidate, Description, FlowId, Transport


class LocalSockets:
    """What gathering brought; several candidates may share one socket.

    Args:
        flows: takes the sockets over and closes them.
        ipv6: the default candidate is an IPv6 one where there is any, else an IPv4 one.
    """

    def __init__(self, flows: Flows, *, ipv6: bool = False) -> None:
        self._flows = flows
        self._ipv6 = ipv6
        self._gathered: list[Gathered] = []
        self._told: tuple[Candidate, ...] = ()

    def adopt(self, item: Gathered) -> None:
        """Take a candidate and its socket."""
        self._gathered.append(item)
        if item.flow is None:
            return
        if item.udp is not None:
            self._flows.add_udp(item.flow, item.udp)
        elif item.listener is not None:
            self._flows.add_listener(item.flow, item.listener)
        if item.relay is not None:
            self._flows.add_relay(item.flow, item.relay, item.dialler)

    def tell(self, description: Description) -> None:
        """The peer is told this; nobody will ever hear of sockets without a candidate in it."""
        self._told = description.candidates
        told = {(c.component, c.transport, c.address) for c in description.candidates}
        self._keep(
            item.flow
            for item in self._gathered
            if (item.candidate.component, item.candidate.transport, item.candidate.address) in told
            # From a relay we dial whether its candidates are told or not.
            or item.dialler is not None
        )

    def limit_components(self, count: int) -> None:
        """Components beyond `count` are not used."""
        self._keep(item.flow for item in self._gathered if item.candidate.component <= count)

    def keep_defaults(self) -> dict[int, FlowId]:
        """Close all but the UDP sockets of the default candidates; those, by component."""
        numbers = {candidate.component for candidate in self._told}
        defaults = [self.default(number) for number in numbers]
        kept = {
            item.candidate.component: item.flow
            for item in self._gathered
            if item.flow is not None and item.udp is not None and item.candidate in defaults
        }
        self._keep(kept.values())
        return kept

    def default(self, component: int) -> Candidate:
        """Where a peer without ICE sends to (RFC 8445 §5.1.4): UDP where there is such a candidate.

        Of both families the one that was chosen.

        Raises:
            ValueError: no candidate of that component.
        """
        first = [c for c in self._told if (":" in c.address.host) is self._ipv6]
        default = default_candidate(first, component)
        if default is None or default.transport is not Transport.UDP:
            default = default_candidate(self._told, component)
        if default is None:
            raise ValueError(f"there is no candidate of component {component}")
        return default

    @property
    def open(self) -> bool:
        """True while one of them is not closed."""
        return any(item.flow is not None and self._flows.has(item.flow) for item in self._gathered)

    def _keep(self, flows: Iterable[FlowId | None]) -> None:
        kept = set(flows)
        for item in self._gathered:
            if item.flow is not None and item.flow not in kept:
                self._flows.close_flow(item.flow)
