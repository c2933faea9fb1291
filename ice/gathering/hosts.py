"""Gathering of host candidates: which addresses, and a socket for each (RFC 8445 §5.1.1.1, RFC 6544 §5.1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ice.candidates.candidate import Foundations, HostCandidates
from ice.candidates.priority import interleaved
from ice.config import IceConfig
from ice.errors import GatheringFailed
from ice.gathering.servers import stream_servers
from ice.lite.candidates import LiteCandidates, lite_hosts, unfit
from ice.net.network import (
    DatagramReceiver,
    HostAddress,
    Network,
    Relay,
    TcpConnection,
    TcpListener,
    TcpRelay,
    UdpSocket,
)
from ice.net.tcp_socket import describe_error
from ice.types import Candidate, FlowId, TransportAddress

VIRTUAL_INTERFACES = ("docker", "veth", "br-", "virbr", "lxcbr", "lxdbr", "cni", "flannel", "podman", "vnet")
"""Interfaces with these prefixes lead to containers and virtual machines of this host, to nobody else."""

PORT_PAIR_ATTEMPTS = 4
"""Tries to get an even port and the one above it for two components."""

_IPV6_EXCLUDED = (
    # RFC 8445 §5.1.1.1: no site-local and no IPv4-compatible addresses; IPv4-mapped ones are IPv4's.
    ipaddress.IPv6Network("fec0::/10"),
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("::ffff:0:0/96"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """One local candidate and its socket.

    Attributes:
        candidate: host candidate.
        flow: id of the socket; None for an active TCP candidate, which has none yet.
        udp: socket of a UDP candidate.
        listener: socket of a passive or simultaneous-open TCP candidate.
        relay: the same socket, where it is one at a relay.
        dialler: the same listener, where it is one at a relay.
    """

    candidate: Candidate
    flow: FlowId | None = None
    udp: UdpSocket | None = None
    listener: TcpListener | None = None
    relay: Relay | None = None
    dialler: TcpRelay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What came of binding the sockets of host candidates.

    Attributes:
        gathered: at least one candidate.
        problems: addresses that could not be used, with the reason.
    """

    gathered: tuple[Gathered, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """How the owner of the sockets is called, by flow.

    Attributes:
        new_flow: takes a fresh id.
        datagrams: receiver of the UDP socket with this id.
        connections: receiver of what the listener with this id accepts.
        lost: hears that the socket with this id is gone, and why: the relay behind it was lost.
    """

    new_flow: Callable[[], FlowId]
    datagrams: Callable[[FlowId], DatagramReceiver]
    connections: Callable[[FlowId], Callable[[TcpConnection], None]]
    lost: Callable[[FlowId, str], None] = lambda _flow, _reason: None


def usable_hosts(addresses: Sequence[HostAddress], config: IceConfig) -> tuple[str, ...]:
    """The IP addresses to gather on, best first (RFC 8445 §5.1.1.1, RFC 8421 §4).

    Left out: loopback unless asked for, link-local, site-local, IPv4-compatible and IPv4-mapped addresses,
    and virtual interfaces unless named in the configuration. Loopback comes last in its family. The families
    are mixed; addresses of unreliable interfaces come behind all others, mixed among themselves.
    """
    usable = [a for a in addresses if not a.loopback and _is_usable(a, config)]
    if config.loopback:
        usable += [a for a in addresses if a.loopback and _is_usable(a, config)]
    unreliable = (*config.unreliable_interfaces, *VIRTUAL_INTERFACES)
    last = [a.host for a in usable if a.interface.startswith(unreliable)]
    first = [a.host for a in usable if a.host not in last]
    return (*interleaved(tuple(dict.fromkeys(first))), *interleaved(tuple(dict.fromkeys(last))))


def within_limit(hosts: Sequence[str], limit: int) -> tuple[str, ...]:
    """At most `limit` of the addresses, in their order, both families among them if there is room.

    Where only one fits it is an IPv4 one if there is any: most peers without IPv6 would else be out of reach.
    """
    first = {ipaddress.ip_address(host).version: host for host in reversed(hosts)}
    wanted = [first[version] for version in (4, 6) if version in first]
    wanted += [host for host in hosts if host not in wanted]
    return tuple(host for host in hosts if host in wanted[:limit])


def opens_at_once(host: str, config: IceConfig, *, asks: bool) -> bool:
    """True where an address gets a simultaneous-open candidate, if the system can (RFC 6544 §4.1).

    It is of use where both sides must open a filter from inside: a firewall in front of a public address, or
    a NAT whose outer port some server tells. Who reaches a private address as it is needs no such thing.

    Args:
        host: the address.
        config: policy.
        asks: a server can be asked over TCP.
    """
    match config.simultaneous_open:
        case "on":
            return True
        case "off":
            return False
        case "auto":
            ip = ipaddress.ip_address(host)
            return not ip.is_loopback and (ip.is_global or asks)


def _is_usable(address: HostAddress, config: IceConfig) -> bool:
    if config.interfaces:
        if address.interface not in config.interfaces:
            return False
    elif address.interface.startswith(VIRTUAL_INTERFACES):
        return False
    ip = ipaddress.ip_address(address.host)
    if ip.is_unspecified or ip.is_multicast or ip.is_link_local:
        return False
    if ip.is_loopback:
        return True
    return not (isinstance(ip, ipaddress.IPv6Address) and any(ip in net for net in _IPV6_EXCLUDED))


async def gather_hosts(
    network: Network,
    config: IceConfig,
    components: int,
    receivers: Receivers,
    foundations: Foundations | None = None,
) -> Bound:
    """Bind the sockets of all host candidates; `foundations` are those of the session.

    Per address and component: a UDP socket, a TCP listener (passive) and a placeholder (active); that one a
    lite agent has not. The listener listens before its candidate is known to anybody. Addresses beyond what
    fits `config.max_candidates` are not used at all.

    Raises:
        GatheringFailed: no candidate; the text says why.
    """
    if not config.udp and not config.tcp:
        raise GatheringFailed("neither UDP nor TCP candidates are allowed by the configuration")
    addresses = network.host_addresses()
    hosts = usable_hosts(addresses, config)
    if not hosts:
        seen = ", ".join(f"{a.host} ({a.interface})" for a in addresses) or "none"
        raise GatheringFailed(f"no usable network address; the host has: {seen}")
    if config.lite:
        hosts = lite_hosts(hosts)
    per_host = components * (config.udp + 2 * config.tcp)
    hosts = within_limit(hosts, max(1, config.max_candidates // per_host))
    gatherer = _Gatherer(network, config, _maker(hosts, config, foundations), components, receivers)
    try:
        for host in hosts:
            if config.udp:
                await gatherer.udp(host)
            if config.tcp:
                await gatherer.tcp(host)
    except BaseException:
        release(gatherer.gathered)
        raise
    if not gatherer.gathered:
        raise GatheringFailed("no socket could be bound: " + "; ".join(gatherer.problems))
    problems = (*gatherer.problems, *(unfit(hosts) if config.lite else ()))
    return Bound(gathered=tuple(gatherer.gathered), problems=problems)


def _maker(
    hosts: Sequence[str], config: IceConfig, foundations: Foundations | None
) -> HostCandidates | LiteCandidates:
    return LiteCandidates(hosts) if config.lite else HostCandidates(hosts, foundations)


def release(gathered: Sequence[Gathered]) -> None:
    """Close the sockets."""
    for item in gathered:
        socket = item.udp or item.listener
        if socket is not None:
            socket.close()


class _Gatherer:
    def __init__(
        self,
        network: Network,
        config: IceConfig,
        candidates: HostCandidates | LiteCandidates,
        components: int,
        receivers: Receivers,
    ) -> None:
        self._network = network
        self._config = config
        self._asks = bool(stream_servers(config.stun_servers, config.turn_servers))
        self._candidates = candidates
        self._components = components
        self._receivers = receivers
        self.gathered: list[Gathered] = []
        self.problems: list[str] = []

    async def udp(self, host: str) -> None:
        """One socket per component, all or none; RTP on an even port and RTCP above it where possible."""
        bound: list[tuple[FlowId, UdpSocket]] = []
        try:
            for attempt in range(PORT_PAIR_ATTEMPTS):
                bound.append(await self._bind_udp(host, 0))
                try:
                    # Peers without ICE may take the port above RTP's for RTCP (RFC 3550 §11).
                    if self._components > 1:
                        bound.append(await self._bind_udp(host, bound[0][1].local.port ^ 1))
                except OSError:
                    if attempt < PORT_PAIR_ATTEMPTS - 1:
                        bound.pop()[1].close()
                        continue
                break
            while len(bound) < self._components:
                bound.append(await self._bind_udp(host, 0))
        except BaseException as error:
            for _, socket in bound:
                socket.close()
            if not isinstance(error, OSError):
                raise
            self.problems.append(f"UDP on {host}: {describe_error(error)}")
            return
        bound.sort(key=lambda item: item[1].local.port)
        for component, (flow, socket) in enumerate(bound, start=1):
            candidate = self._candidates.udp(socket.local, component)
            self.gathered.append(Gathered(candidate=candidate, flow=flow, udp=socket))

    async def tcp(self, host: str) -> None:
        """Per component a placeholder, a listener, and a port for simultaneous open where that is wanted."""
        shared = self._asks and self._network.shares_ports
        simultaneous = opens_at_once(host, self._config, asks=self._asks) and self._network.shares_ports
        for component in range(1, self._components + 1):
            if isinstance(self._candidates, HostCandidates):
                active = self._candidates.active(host, component)
                self.gathered.append(Gathered(candidate=active))
            await self._listen(host, component, self._candidates.passive, shared=shared)
            if simultaneous and isinstance(self._candidates, HostCandidates):
                await self._listen(host, component, self._candidates.simultaneous, shared=True)

    async def _listen(
        self,
        host: str,
        component: int,
        make: Callable[[TransportAddress, int], Candidate],
        *,
        shared: bool,
    ) -> None:
        flow = self._receivers.new_flow()
        receiver = self._receivers.connections(flow)
        try:
            listener = await self._network.listen_tcp(host, 0, receiver, shared=shared)
        except OSError as error:
            self.problems.append(f"TCP on {host}: {describe_error(error)}")
            return
        candidate = make(listener.local, component)
        self.gathered.append(Gathered(candidate=candidate, flow=flow, listener=listener))

    async def _bind_udp(self, host: str, port: int) -> tuple[FlowId, UdpSocket]:
        flow = self._receivers.new_flow()
        return flow, await self._network.bind_udp(host, port, self._receivers.datagrams(flow))
