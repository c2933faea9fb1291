"""PCP and NAT-PMP towards one gateway: runs a port mapper on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence

from ice.gateways.events import InternalPort, MappingEvent, MappingProtocol
from ice.gateways.port_mapper import ANNOUNCEMENT_PORT, SERVER_PORT, PortMapper
from ice.net.clock import CoreTimer, LoopClock
from ice.net.network import Network, UdpSocket
from ice.types import TransportAddress

ANNOUNCEMENT_GROUP = "224.0.0.1"
"""RFC 6887 §14.1.3, RFC 6886 §3.2.1: all hosts; nobody needs to join it."""

CLOSE_S = 1.0
"""Seconds that the gateway has to confirm that the mappings are deleted."""


class GatewayClient:
    """The mappings of one address of this host at one gateway. Made by `open_gateway`."""

    def __init__(self, mapper: PortMapper, gateway: str, on_event: Callable[[MappingEvent], None]) -> None:
        self._mapper = mapper
        self._host = gateway.partition("%")[0]
        self._server = TransportAddress(host=gateway, port=SERVER_PORT)
        self._on_event = on_event
        self._clock = LoopClock()
        self._timer = CoreTimer(self._clock, self._ring)
        self._sockets: list[UdpSocket] = []
        self._pumping = False
        self._idle = asyncio.Event()

    async def start(self, network: Network, local_host: str) -> None:
        """Bind the sockets; raises OSError."""
        self._sockets.append(await network.bind_udp(local_host, 0, self._received))
        if ":" not in local_host:
            # Without announcements a change is noticed when a mapping is renewed.
            try:
                heard = await network.bind_udp(ANNOUNCEMENT_GROUP, ANNOUNCEMENT_PORT, self._heard)
                self._sockets.append(heard)
            except OSError:
                pass
            except BaseException:
                self._free()
                raise

    def ask(self, port: InternalPort) -> None:
        """Want a mapping towards a port of ours."""
        self._mapper.ask(port, self._clock.now())
        self._pump()

    def free(self, port: InternalPort) -> None:
        """The port needs no mapping any more."""
        self._mapper.free(port, self._clock.now())
        self._pump()

    async def close(self) -> None:
        """Give all mappings back, wait a second at most until the gateway confirms that, free everything.

        One that has never said anything is told, but not waited for.
        """
        self._mapper.close(self._clock.now())
        self._pump()
        try:
            if self._mapper.heard:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_S):
                        await self._idle.wait()
        finally:
            self._free()

    def _free(self) -> None:
        self._timer.arm(None)
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()

    # --- the pump -------------------------------------------------------------------------------------------

    def _received(self, data: bytes, remote: TransportAddress) -> None:
        self._mapper.receive(remote, data, self._clock.now())
        self._pump()

    def _heard(self, data: bytes, remote: TransportAddress) -> None:
        """Announcements of all gateways around come here."""
        if remote.host == self._host:
            self._received(data, remote)

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            while True:
                output, events = self._mapper.take_output(), self._mapper.take_events()
                if not output and not events:
                    break
                for data in output:
                    if self._sockets:
                        self._sockets[0].send(data, self._server)
                for event in events:
                    self._on_event(event)
        finally:
            self._pumping = False
        if self._mapper.idle:
            self._idle.set()
        else:
            self._idle.clear()
        self._timer.arm(self._mapper.next_timer() if self._sockets else None)

    def _ring(self, now: float) -> None:
        self._mapper.handle_timer(now)
        self._pump()


async def open_gateway(
    network: Network,
    local_host: str,
    gateway: str,
    protocols: Sequence[MappingProtocol],
    on_event: Callable[[MappingEvent], None],
) -> GatewayClient:
    """A client of one gateway.

    Args:
        network: where its sockets come from.
        local_host: our address on the gateway's network.
        gateway: its IP address, a link-local one with its zone.
        protocols: PCP, NAT-PMP or both.
        on_event: takes what becomes of the mappings.

    Raises:
        OSError: no socket could be bound.
    """
    mapper = PortMapper(
        client=local_host,
        gateway=gateway.partition("%")[0],
        protocols=protocols,
        random=secrets.token_bytes,
    )
    client = GatewayClient(mapper, gateway, on_event)
    await client.start(network, local_host)
    return client
