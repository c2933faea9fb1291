"""NAT-assisted candidates: ports that gateways map towards our sockets (RFC 6544 §5.3): a `Gatherer`.

One gateway is asked for one mapping per socket: by PCP, NAT-PMP or UPnP, never by two of them (§5). A mapping
lives as long as its socket; nothing of it is left when the session ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, assert_never

from ice.candidates.address import is_private, is_unique_local
from ice.candidates.candidate import Foundations
from ice.config import IceConfig, PortMappingChoice
from ice.errors import PortMappingError
from ice.gateways.candidates import MappedCandidates
from ice.gateways.client import open_gateway
from ice.gateways.events import (
    AnswerRefused,
    InternalPort,
    MappingEvent,
    MappingFreed,
    MappingGranted,
    MappingLost,
    MappingProtocol,
    MappingRefused,
)
from ice.gateways.upnp import Control
from ice.gateways.upnp_client import UpnpClient, find_controls
from ice.gateways.upnp_http import MISSING, available
from ice.gathering.gatherer import Found, Job, Turns
from ice.gathering.hosts import Gathered
from ice.net.flows import Flows
from ice.net.network import Network
from ice.net.tcp_socket import describe_error
from ice.types import FlowId, TcpType, Transport, TransportAddress

PATIENCE_S = 0.2
"""Seconds that PCP and NAT-PMP have before UPnP is used where it is there: a gateway is one hop away."""

MAX_PROBLEMS = 20
"""So many are told; whoever shares our network could make up any number."""

PROTOCOLS: dict[PortMappingChoice, tuple[MappingProtocol, ...]] = {
    "off": (),
    "auto": (MappingProtocol.PCP, MappingProtocol.NAT_PMP, MappingProtocol.UPNP),
    "pcp": (MappingProtocol.PCP,),
    "nat-pmp": (MappingProtocol.NAT_PMP,),
    "upnp": (MappingProtocol.UPNP,),
}
"""What a configuration allows, in the order in which it is tried."""


class MappingClient(Protocol):
    """Somebody who asks a gateway for mappings, whatever the protocol."""

    def ask(self, port: InternalPort) -> None:
        """Want a mapping towards a port of ours."""

    def free(self, port: InternalPort) -> None:
        """The port needs no mapping any more."""

    async def close(self) -> None:
        """Give all mappings back and free everything."""


class PortMappings:
    """The NAT-assisted candidates of one session. Made inside a running event loop.

    Args:
        config: whether and how gateways are asked.
        network: where sockets come from; names the gateways.
        flows: the sockets of the session; a mapping ends with its socket.

    Attributes:
        problems: what could not be had, and what was lost later; for people.
    """

    def __init__(
        self, *, config: IceConfig, network: Network, flows: Flows, foundations: Foundations | None = None
    ) -> None:
        self._foundations = foundations
        self.problems: list[str] = []
        self._protocols = PROTOCOLS[config.port_mapping]
        self._network = network
        self._flows = flows
        self._loop = asyncio.get_running_loop()
        self._sides: list[_Side] = []

    def jobs(self, bound: Sequence[Gathered], turns: Turns, found: Found) -> Iterable[Job]:
        """One for each address of this host that has a gateway."""
        if not self._protocols:
            return
        try:
            gateways = {(gw.interface, ":" in gw.host): gw.host for gw in self._network.gateways()}
        except OSError as error:
            self._tell(f"port mapping: this system does not tell its gateways: {describe_error(error)}")
            return
        interfaces = {address.host: address.interface for address in self._network.host_addresses()}
        hosts = tuple(dict.fromkeys(item.candidate.address.host for item in bound))
        maker = MappedCandidates(hosts, self._foundations)
        for host in hosts:
            gateway = gateways.get((interfaces.get(host, ""), ":" in host))
            if ":" in host:
                if gateway is None or is_unique_local(host) or MappingProtocol.PCP not in self._protocols:
                    continue
            elif gateway is None:
                self._tell(f"port mapping: there is no gateway for {host}")
                continue
            sockets = [item for item in bound if item.candidate.address.host == host and _is_mapped(item)]
            side = _Side(host, gateway, sockets, maker, found, self._tell)
            self._sides.append(side)
            for item in sockets:
                if item.flow is not None:
                    self._flows.when_closed(item.flow, side.free)
            work = self._open_firewall if ":" in host else self._map
            yield Job(name=side.name, work=work(side, turns))

    async def _open_firewall(self, side: _Side, turns: Turns) -> None:
        """Ask for holes in an IPv6 firewall (RFC 6887): nothing is translated, so nobody waits for them."""
        await turns.take()
        try:
            side.use(
                await open_gateway(self._network, side.host, side.gateway, (MappingProtocol.PCP,), side.heard)
            )
        except OSError as error:
            self._tell(f"{side.name}: {describe_error(error)}")

    async def _map(self, side: _Side, turns: Turns) -> None:
        """Ask one gateway, by one protocol after the other until one works."""
        await turns.take()
        by_upnp = MappingProtocol.UPNP in self._protocols
        searching = self._loop.create_task(self._search(side)) if by_upnp and available() else None
        try:
            others = [protocol for protocol in self._protocols if protocol is not MappingProtocol.UPNP]
            if others and await self._ask(side, others, searching):
                return
            controls = [] if searching is None else await searching
            if controls:
                side.close_client()
                side.use(UpnpClient(self._network, side.host, controls, side.heard))
                await side.decided.wait()
        except OSError as error:
            self._tell(f"{side.name}: {describe_error(error)}")
        finally:
            problem = side.without_upnp if available() else MISSING
            if by_upnp and problem and not side.granted:
                self._tell(problem)
            if searching is not None:
                searching.cancel()
                await asyncio.wait([searching])
            side.end_gathering()

    async def _ask(
        self,
        side: _Side,
        protocols: Sequence[MappingProtocol],
        searching: asyncio.Task[list[Control]] | None,
    ) -> bool:
        """Ask by PCP or NAT-PMP; False once nothing is granted and UPnP is to be tried."""
        client = await open_gateway(self._network, side.host, side.gateway, protocols, side.heard)
        side.use(client)
        decided = self._loop.create_task(_wait(side.decided))
        try:
            if searching is not None:
                await asyncio.wait([decided], timeout=PATIENCE_S)
                # The search asks for nothing; a gateway that is there but silent may still answer to PCP.
                await asyncio.wait([decided, searching], return_when=asyncio.FIRST_COMPLETED)
                if not decided.done() and searching.result():
                    return side.granted
            await decided
        finally:
            decided.cancel()
        return side.granted

    async def _search(self, side: _Side) -> list[Control]:
        """The UPnP services of the gateway; none where they cannot be had, and why."""
        try:
            return await find_controls(self._network, side.host, side.gateway)
        except OSError as error:
            side.without_upnp = f"{side.name} by UPnP: {describe_error(error)}"
        except PortMappingError as error:
            side.without_upnp = f"{side.name} by UPnP: {error}"
        return []

    def intercept(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> bool:  # noqa: ARG002
        """Gateways answer on sockets of their own."""
        return False

    def stop(self) -> None:
        """Mappings end with their sockets: those that are not selected are closed soon."""

    async def close(self) -> None:
        """Delete all mappings; waits until the gateways have confirmed it, a second at most."""
        await asyncio.gather(*(side.close() for side in self._sides))

    def _tell(self, problem: str) -> None:
        if problem not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


class _Side:
    """One address of this host and its gateway."""

    def __init__(
        self,
        host: str,
        gateway: str,
        sockets: Sequence[Gathered],
        maker: MappedCandidates,
        found: Found,
        tell: Callable[[str], None],
    ) -> None:
        self.host = host
        self.gateway = gateway
        self.name = f"port mapping by {gateway}"
        self.granted = False
        self.without_upnp = ""
        """Why UPnP is of no use."""
        self.decided = asyncio.Event()
        """Set while nothing is waited for."""
        self._sockets = {
            InternalPort(transport=item.candidate.transport, port=item.candidate.address.port): item
            # Some gateways need a while for each: TCP cannot do without a mapping, UDP often can.
            for item in sorted(sockets, key=lambda item: item.candidate.transport is Transport.UDP)
        }
        self._maker = maker
        self._found = found
        self._tell = tell
        # What is let through a firewall needs no candidate of its own.
        self._gathering = ":" not in host
        self._waiting: set[InternalPort] = set()
        self._client: MappingClient | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def use(self, client: MappingClient) -> None:
        """Ask by this client from now on."""
        self._client = client
        self._waiting = set(self._sockets)
        self.decided.clear()
        for port in tuple(self._sockets):
            client.ask(port)
        self._check_decided()

    def close_client(self) -> None:
        """Take back what was asked and not answered."""
        if self._client is not None:
            client, self._client = self._client, None
            task = asyncio.get_running_loop().create_task(client.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def end_gathering(self) -> None:
        """What is granted later comes too late: it is not wanted any more."""
        self._gathering = False
        for port in tuple(self._waiting):
            self._forget(port)

    def free(self, flow: FlowId) -> None:
        """A socket is closed."""
        for port, item in tuple(self._sockets.items()):
            if item.flow == flow:
                self._forget(port)

    async def close(self) -> None:
        """Free everything."""
        self.end_gathering()
        self.close_client()
        if self._closing:
            await asyncio.wait(tuple(self._closing))

    def heard(self, event: MappingEvent) -> None:
        """What a client tells."""
        match event:
            case MappingGranted():
                self._take(event)
            case MappingRefused(port=port, reason=reason):
                self._tell(f"{self.name}: {reason}")
                self._settle(port)
            case MappingLost(port=port, external=external, reason=reason):
                self._tell(f"{self.name}: {external} for {port} is lost: {reason}")
                self._settle(port)
            case AnswerRefused(reason=reason):
                self._tell(f"{self.name}: refused a packet: {reason}")
            case MappingFreed():
                pass
            case _:
                assert_never(event)

    def _take(self, event: MappingGranted) -> None:
        item = self._sockets.get(event.port)
        if item is None or event.port not in self._waiting:
            return
        self.granted = True
        if is_private(event.external.host):
            self._tell(f"{self.name}: it maps to {event.external.host}: there is another NAT behind it")
            self._forget(event.port)
            return
        self._settle(event.port)
        if event.external == item.candidate.address:
            # A firewall lets that port in; the host candidate says all about it.
            return
        if not self._gathering:
            self._forget(event.port)
            return
        base = item.candidate
        candidate = self._maker.mapped(base, event.external, self.gateway)
        self._found(Gathered(candidate=candidate, flow=item.flow, udp=item.udp, listener=item.listener))
        if base.tcptype is TcpType.PASSIVE:
            self._found(Gathered(candidate=self._maker.active(base, event.external, self.gateway)))

    def _forget(self, port: InternalPort) -> None:
        self._sockets.pop(port, None)
        if self._client is not None:
            self._client.free(port)
        self._settle(port)

    def _settle(self, port: InternalPort) -> None:
        self._waiting.discard(port)
        self._check_decided()

    def _check_decided(self) -> None:
        if not self._waiting:
            self.decided.set()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def _is_mapped(item: Gathered) -> bool:
    """Sockets that wait for peers; simultaneous open makes its own way through a NAT."""
    candidate = item.candidate
    return candidate.transport is Transport.UDP or candidate.tcptype is TcpType.PASSIVE
