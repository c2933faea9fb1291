"""The allocations of one session at its TURN servers (RFC 8445 §5.1.1.2)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import Callable, Iterator, Sequence

from ice.candidates.address import may_ask
from ice.candidates.candidate import Foundations, ServerCandidates
from ice.config import IceConfig
from ice.errors import TurnError
from ice.gathering.hosts import Gathered, Receivers
from ice.gathering.servers import TurnServer
from ice.net.clock import LoopClock
from ice.net.network import Network
from ice.turn.client import RelayedListener, RelayedSocket, allocate, listen
from ice.turn.events import AllocationLost, TurnEvent, UserNameInClear
from ice.types import FlowId

ANY_ADDRESS = {4: "0.0.0.0", 6: "::"}  # noqa: S104  to send from, where the system knows the way best


class Relays:
    """Gets relayed candidates, and waits until their allocations are given back.

    Args:
        config: which interfaces may be used, and whether our addresses are told.
        network: where UDP sockets come from.
        receivers: who takes what peers send.
        foundations: of the session.
        on_problem: hears of relays that are lost later.
    """

    def __init__(
        self,
        *,
        config: IceConfig,
        network: Network,
        receivers: Receivers,
        on_problem: Callable[[str], None],
        foundations: Foundations | None = None,
    ) -> None:
        self._config = config
        self._network = network
        self._receivers = receivers
        self._on_problem = on_problem
        self._maker = ServerCandidates((), foundations, hide_related=config.relay_only)
        self._clock = LoopClock()
        self._sockets: list[RelayedSocket | RelayedListener] = []

    def usable(self, server: TurnServer) -> bool:
        """True where this session may ask the server to relay UDP."""
        return self._config.udp_relay and (self._config.udp or server.transport != "udp")

    def listens(self, server: TurnServer) -> bool:
        """True where this session may ask the server to relay TCP (RFC 6062 §4.1)."""
        return self._config.tcp and self._config.tcp_relay and server.transport != "udp"

    async def allocate(
        self,
        server: TurnServer,
        name: str,
        address: str,
        local_host: str,
        component: int,
        order: int,
        *,
        ipv6: bool = False,
    ) -> Gathered:
        """Get the relayed candidate of one component.

        Args:
            server: as configured.
            name: of the server, for people.
            address: its IP address.
            local_host: what to send from.
            component: 1 RTP, 2 RTCP.
            order: place of the server in the configuration.
            ipv6: an IPv6 address or none, whatever the way to the server.

        Raises:
            TurnError: there is none; the text says why.
        """
        flow = self._receivers.new_flow()
        with self._asking(server, tcp=False):
            socket = await allocate(
                self._at(server, address),
                network=self._network,
                local_host=local_host,
                on_datagram=self._receivers.datagrams(flow),
                random=secrets.token_bytes,
                on_event=self._watcher(name, flow),
                software=self._config.turn_software,
                ipv6=ipv6,
            )
        self._sockets.append(socket)
        if ipv6 and ":" not in socket.local.host:
            socket.close()
            raise TurnError(f"{name}: it relays from IPv4 alone")
        candidate = self._maker.relayed(socket.local, socket.mapped, component, address, order)
        return Gathered(candidate=candidate, flow=flow, udp=socket, relay=socket)

    async def listen(
        self, server: TurnServer, name: str, address: str, local_host: str, component: int, order: int
    ) -> tuple[Gathered, Gathered]:
        """Get the relayed TCP candidates of one component, passive and active; like `allocate`.

        Raises:
            TurnError: there are none; the text says why.
        """
        flow = self._receivers.new_flow()
        with self._asking(server, tcp=True):
            listener = await listen(
                self._at(server, address),
                network=self._network,
                local_host=local_host,
                on_accept=self._receivers.connections(flow),
                random=secrets.token_bytes,
                on_event=self._watcher(name, flow),
                software=self._config.turn_software,
            )
        self._sockets.append(listener)
        passive, active = self._maker.relayed_tcp(listener.local, listener.mapped, component, address, order)
        return (
            Gathered(candidate=passive, flow=flow, listener=listener, relay=listener, dialler=listener),
            Gathered(candidate=active),
        )

    @contextlib.contextmanager
    def _asking(self, server: TurnServer, *, tcp: bool) -> Iterator[None]:
        """Ask nothing of a server that has refused us, and remember it where it does (RFC 8656 §7.4)."""
        refusals = self._config.refusals
        known = refusals.of(server, self._clock.now(), tcp=tcp)
        if known is not None:
            raise TurnError(f"{known.reason}; it is not asked again for now", code=known.code)
        try:
            yield
        except TurnError as error:
            refusals.remember(server, error.code, str(error), self._clock.now(), tcp=tcp)
            raise

    def _at(self, server: TurnServer, address: str) -> TurnServer:
        # Its certificate is that of the name, not of the address.
        certified = server.server_name or server.host
        return dataclasses.replace(server, host=address, server_name=certified)

    def _watcher(self, name: str, flow: FlowId) -> Callable[[TurnEvent], None]:
        def on_event(event: TurnEvent) -> None:
            if isinstance(event, AllocationLost):
                reason = f"{name}: the relay is lost: {event.reason}"
                self._on_problem(reason)
                self._receivers.lost(flow, reason)
            elif isinstance(event, UserNameInClear):
                self._on_problem(f"{name}: our user name goes there in clear; turns: would hide it")

        return on_event

    async def close(self) -> None:
        """Give back all allocations, and wait until they are."""
        for socket in self._sockets:
            socket.close()
        await asyncio.gather(*(socket.wait_closed() for socket in self._sockets))


def local_host_for(server: str, hosts: Sequence[str], config: IceConfig) -> str | None:
    """What to send to a TURN server from; None where no address of this host can reach it.

    The base of a relayed candidate is the relay's own, so the system may choose the way, unless the
    configuration names interfaces.

    Args:
        server: its IP address.
        hosts: our usable addresses, best first.
        config: policy.
    """
    fitting = [host for host in hosts if may_ask(host, server)]
    if not fitting:
        return None
    return fitting[0] if config.interfaces else ANY_ADDRESS[6 if ":" in server else 4]
