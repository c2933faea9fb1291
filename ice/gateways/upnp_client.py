"""UPnP towards one gateway: finds its services, maps ports, renews and deletes the mappings."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from ice.errors import PortMappingError
from ice.gateways import upnp
from ice.gateways.events import (
    InternalPort,
    MappingEvent,
    MappingFreed,
    MappingGranted,
    MappingLost,
    MappingProtocol,
    MappingRefused,
)
from ice.gateways.lease import Due, Lease, Pace
from ice.gateways.upnp_http import HttpAnswer, HttpExchange, HttpUrl
from ice.net.clock import LoopClock
from ice.net.network import Network, UdpSocket
from ice.net.tcp_socket import describe_error
from ice.types import TransportAddress

LIFETIME_S = 3600
"""What is asked for (WANIPConnection:2 §2.3.12 recommends it); a killed process leaves it at most."""

PACE = Pace(first_s=4.0, most_s=4.0, jitter=0.0, attempts=None, renewals=1, spread=0.25)
"""Only renewals follow it: those of PCP, since UPnP names no times."""

SEARCH_AFTER_S = (0.1, 0.2)
"""Searches may get lost (UDA §1.3.2)."""

EXCHANGE_S = 5.0
"""Seconds that one request may take."""

CLOSE_S = 1.0
"""Seconds that the gateway has to delete the mappings."""

PORT_ATTEMPTS = 4
"""External ports that are tried; the first is the same as ours."""

_PORTS = range(20000, 60000)


async def find_controls(
    network: Network, local_host: str, gateway: str, *, port: int = upnp.SEARCH_PORT
) -> list[upnp.Control]:
    """The services of a gateway that map ports, best first; waits until it answers, may be cancelled.

    Args:
        network: where sockets come from.
        local_host: our address on the gateway's network.
        gateway: its IP address; nobody else is listened to.
        port: where it hears searches.

    Raises:
        OSError: it cannot be reached.
        PortMappingError: what it tells is of no use.
    """
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    def received(data: bytes, remote: TransportAddress) -> None:
        if remote.host == gateway:
            answers.put_nowait(data)

    socket = await network.bind_udp(local_host, 0, received)
    try:
        searching = asyncio.get_running_loop().create_task(_search(socket, gateway, port))
        try:
            location = upnp.parse_search_answer(await answers.get(), gateway)
        finally:
            searching.cancel()
            await asyncio.wait([searching])
    finally:
        socket.close()
    answer = await exchange(network, local_host, location, HttpExchange("GET", location))
    return upnp.parse_description(answer, location)


async def _search(socket: UdpSocket, gateway: str, port: int) -> None:
    """Ask the gateway itself and everybody: some hear only the one or the other."""
    for wait_s in (*SEARCH_AFTER_S, 0.0):
        for host in (gateway, upnp.SEARCH_GROUP):
            socket.send(upnp.write_search(host), TransportAddress(host=host, port=port))
        await asyncio.sleep(wait_s)


async def exchange(network: Network, local_host: str, url: HttpUrl, http: HttpExchange) -> HttpAnswer:
    """Send a request and wait for its answer; may be cancelled.

    Raises:
        OSError: the server cannot be reached, or takes more than five seconds.
        PortMappingError: that is no answer.
    """
    async with asyncio.timeout(EXCHANGE_S):
        stream = await network.open_stream(local_host, url.address)
        arrived: asyncio.Queue[bytes] = asyncio.Queue()
        try:
            # The end is an empty chunk to h11 too.
            stream.start(arrived.put_nowait, lambda _: arrived.put_nowait(b""))
            stream.send(http.request)
            while True:
                data = await arrived.get()
                answer = http.feed(data)
                if answer is not None:
                    return answer
                if not data:
                    raise PortMappingError("an answer that is cut off")
        finally:
            stream.close()


@dataclass(slots=True, eq=False)
class _Mapping:
    port: InternalPort
    freed: asyncio.Event = field(default_factory=asyncio.Event)
    external: TransportAddress | None = None


class UpnpClient:
    """The mappings of one address of this host at one gateway.

    Args:
        network: where connections come from.
        local_host: our address on the gateway's network.
        controls: services of the gateway, best first.
        on_event: takes what becomes of the mappings.
    """

    def __init__(
        self,
        network: Network,
        local_host: str,
        controls: list[upnp.Control],
        on_event: Callable[[MappingEvent], None],
    ) -> None:
        self._network = network
        self._local_host = local_host
        self._controls = controls
        self._control: upnp.Control | None = None
        self._external_host = ""
        self._on_event = on_event
        self._clock = LoopClock()
        self._mappings: dict[InternalPort, _Mapping] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        """Small gateways answer one request at a time."""

    def ask(self, port: InternalPort) -> None:
        """Want a mapping towards a port of ours; ValueError where there is one."""
        if port in self._mappings:
            raise ValueError(f"{port} is mapped")
        mapping = self._mappings[port] = _Mapping(port)
        task = asyncio.get_running_loop().create_task(self._live(mapping))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def free(self, port: InternalPort) -> None:
        """The port needs no mapping any more."""
        mapping = self._mappings.pop(port, None)
        if mapping is not None:
            mapping.freed.set()

    async def close(self) -> None:
        """Give all mappings back, wait a second at most until the gateway has taken that, free everything."""
        for port in tuple(self._mappings):
            self.free(port)
        if not self._tasks:
            return
        tasks = tuple(self._tasks)
        try:
            await asyncio.wait(tasks, timeout=CLOSE_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    # --- the life of one mapping ----------------------------------------------------------------------------

    async def _live(self, mapping: _Mapping) -> None:
        port = mapping.port
        try:
            if mapping.freed.is_set():
                return
            external = await self._make(port)
        except (OSError, PortMappingError) as error:
            self._mappings.pop(port, None)
            self._on_event(MappingRefused(port=port, reason=_reason(error)))
            return
        mapping.external = external
        if not mapping.freed.is_set():
            self._on_event(MappingGranted(port=port, external=external, protocol=MappingProtocol.UPNP))
        lost = await self._keep(mapping, external)
        if lost:
            self._mappings.pop(port, None)
            self._on_event(MappingLost(port=port, external=external, reason=lost))
        with contextlib.suppress(OSError, PortMappingError):
            await self._delete(port, external.port)
        self._on_event(MappingFreed(port=port))

    async def _keep(self, mapping: _Mapping, external: TransportAddress) -> str:
        """Renew until it is freed; why it was lost, empty where it was not."""
        lease = Lease(PACE, lambda: secrets.randbelow(2**32) / 2**32, self._clock.now())
        lease.granted(LIFETIME_S, self._clock.now())
        while True:
            try:
                async with asyncio.timeout(max(0.0, lease.next_at - self._clock.now())):
                    await mapping.freed.wait()
                return ""
            except TimeoutError:
                pass
            match lease.due(max(lease.next_at, self._clock.now())):
                case Due.EXPIRED | Due.SILENT:
                    return "it was not renewed in time"
                case Due.NOTHING:
                    continue
                case Due.SEND:
                    pass
            try:
                host = await self._renew(mapping.port, external.port)
            except upnp.UpnpFault as fault:
                return str(fault)
            except (OSError, PortMappingError):
                continue
            if host != external.host:
                return f"the gateway has the address {host} now"
            lease.granted(LIFETIME_S, self._clock.now())

    async def _make(self, port: InternalPort) -> TransportAddress:
        async with self._turn:
            control, host = self._control, self._external_host
            if control is None:
                control, host = await self._connected()
            wanted = port.port
            for attempt in range(PORT_ATTEMPTS):
                http = upnp.mapping_request(control, port, self._local_host, wanted, LIFETIME_S)
                try:
                    upnp.check_done(await self._exchange(control, http))
                except upnp.UpnpFault as fault:
                    if fault.code not in upnp.CONFLICTS or attempt == PORT_ATTEMPTS - 1:
                        raise
                    wanted = secrets.choice(_PORTS)
                else:
                    break
            return TransportAddress(host=host, port=wanted)

    async def _connected(self) -> tuple[upnp.Control, str]:
        """The service that is connected to the outside, and the address there."""
        error: Exception = PortMappingError("it has no service that maps ports")
        for control in self._controls if self._control is None else [self._control]:
            try:
                http = upnp.external_address_request(control)
                host = upnp.parse_external_address(await self._exchange(control, http))
            except PortMappingError as reason:
                error = reason
            else:
                self._control, self._external_host = control, host
                return control, host
        raise error

    async def _renew(self, port: InternalPort, external_port: int) -> str:
        """Ask for more time; the external address of now."""
        async with self._turn:
            control, host = await self._connected()
            http = upnp.mapping_request(control, port, self._local_host, external_port, LIFETIME_S)
            upnp.check_done(await self._exchange(control, http))
            return host

    async def _delete(self, port: InternalPort, external_port: int) -> None:
        async with self._turn:
            if self._control is not None:
                http = upnp.deletion_request(self._control, port, external_port)
                upnp.check_done(await self._exchange(self._control, http))

    async def _exchange(self, control: upnp.Control, http: HttpExchange) -> HttpAnswer:
        return await exchange(self._network, self._local_host, control.url, http)


def _reason(error: Exception) -> str:
    return describe_error(error) if isinstance(error, OSError) else str(error)
