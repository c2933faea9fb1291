"""The connections of one stream transport: a listener, and connections used both ways (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final
from weakref import WeakValueDictionary

from ice.types import TransportAddress
from ua.sip.config import SipConfig
from ua.sip.errors import SipNoRoute, SipUnreachable
from ua.sip.transport.hop import Hop, SipTransport
from ua.sip.transport.stream_connection import StreamConnection
from ua.sip.transport.udp_channel import family_of
from ua.sip.transport.wires import Wires

_NO_ROUTE: Final = (errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
"""What this host itself says, without having asked anybody."""

_MAX_DOMAINS: Final = 256
"""Servers whose domains are remembered."""

_CLOSE_TIMEOUT: Final = 1.0
"""Seconds for what was written to leave when the endpoint closes."""


class StreamChannel:
    """All connections of an endpoint over one transport, by number.

    `on_message(data, source)` is called for each whole message, `on_fault(source, reason)` for a stream that
    cannot be read, `on_connection(hop, state, detail)` with "opened", "accepted" or the reason of its end,
    `on_pong(hop)` for the answer to a ping. `numbers` is shared by the channels of an endpoint: a number
    names one connection, whatever its transport.

    Attributes:
        transport: what the connections carry.
    """

    def __init__(
        self,
        transport: SipTransport,
        config: SipConfig,
        *,
        wires: Wires,
        numbers: Iterator[int],
        on_message: Callable[[bytes, Hop], None],
        on_fault: Callable[[Hop, str], None],
        on_connection: Callable[[Hop, str, str], None],
        on_pong: Callable[[Hop], None],
    ) -> None:
        self.transport = transport
        self._config = config
        self._on_message = on_message
        self._on_fault = on_fault
        self._on_pong = on_pong
        self._on_connection = on_connection
        self._wires = wires
        self._loop = asyncio.get_running_loop()
        self._numbers = numbers
        self._connections: dict[int, StreamConnection] = {}
        self._accepted: Counter[str] = Counter()
        self._domains: dict[TransportAddress, str] = {}
        self._opening: WeakValueDictionary[TransportAddress, asyncio.Lock] = WeakValueDictionary()
        self._servers: list[asyncio.Server] = []

    async def listen(self, bound: socket.socket) -> None:
        """Accept connections on a bound socket, beside those of before."""
        server = await self._loop.create_server(
            lambda: StreamConnection(self, self._config, self._wires.server(self.transport), accepted=True),
            sock=bound,
        )
        self._servers.append(server)

    @property
    def connections(self) -> tuple[StreamConnection, ...]:
        """Those there are, oldest first."""
        return tuple(self._connections.values())

    def hop(self, remote: TransportAddress, connection: int | None = None) -> Hop:
        """A neighbour over this transport."""
        return Hop(transport=self.transport, remote=remote, connection=connection)

    def knows(self, remote: TransportAddress) -> bool:
        """True where there is a connection to this address, or a server was there whose domain is known."""
        return remote in self._domains or any(each.remote == remote for each in self._connections.values())

    def find(self, remote: TransportAddress, domain: str) -> int | None:
        """Number of the newest open connection to this address that is good for the domain, else None."""
        domain = self._meant(remote, domain)
        for connection in reversed(self.connections):
            if connection.remote != remote or not connection.is_open:
                continue
            if connection.is_stranded:
                connection.abort("this host leaves from another address now")
            elif connection.wire.speaks_for(domain):
                return connection.number
        return None

    async def connect(self, remote: TransportAddress, domain: str, local_host: str) -> int:
        """Number of a connection to this address, an open one or a new one.

        `domain` is whom we want there: its certificate must say so. Raises SipUnreachable (its cause is
        ConnectionRefusedError where the other side refused), SipTlsError among them.
        """
        lock = self._opening.setdefault(remote, asyncio.Lock())
        async with lock:  # two requests at once share a connection
            known = self.find(remote, domain)
            if known is not None:
                return known
            if len(self._connections) >= self._config.max_connections:
                raise SipUnreachable("too many connections")
            domain = self._meant(remote, domain)
            connection = await self._dial(remote, domain, local_host)
            try:
                await connection.ready
            except BaseException:
                connection.abort("not wanted any more")
                raise
            if domain != remote.host:
                self._domains[remote] = domain
                if len(self._domains) > _MAX_DOMAINS:
                    del self._domains[next(iter(self._domains))]
            return connection.number

    def _meant(self, remote: TransportAddress, domain: str) -> str:
        """Whom a URI means that names the server's address: the domain that was found and proved there.

        Proxies like to put their addresses into Record-Route, and have certificates for their names.
        """
        return self._domains.get(remote, domain) if domain.strip("[]") == remote.host else domain

    async def _dial(self, remote: TransportAddress, domain: str, local_host: str) -> StreamConnection:
        local = (local_host, 0) if local_host not in ("0.0.0.0", "::") else None  # noqa: S104 - a comparison
        name = self.transport.upper()
        wire = self._wires.client(self.transport, domain=domain, remote=remote)
        try:
            async with asyncio.timeout(self._config.connect_timeout):
                _, connection = await self._loop.create_connection(
                    lambda: StreamConnection(self, self._config, wire, accepted=False),
                    remote.host,
                    remote.port,
                    local_addr=local,
                )
        except TimeoutError as error:
            raise SipUnreachable(f"no {name} connection to {remote} in time") from error
        except OSError as error:
            kind = SipNoRoute if error.errno in _NO_ROUTE else SipUnreachable
            raise kind(f"no {name} connection to {remote}", seen=error.strerror or str(error)) from error
        return connection

    def local_of(self, connection: int) -> TransportAddress | None:
        """Our end of a connection, None where it is gone."""
        known = self._connections.get(connection)
        return None if known is None else known.local

    def send(self, connection: int, data: bytes) -> str:
        """Write to a connection; empty where it was taken, else what went wrong."""
        known = self._connections.get(connection)
        return "the connection is closed" if known is None else known.send(data)

    def ping(self, connection: int) -> None:
        """Ask the other side for a sign of life; `on_pong` tells of it."""
        known = self._connections.get(connection)
        if known is not None:
            known.ping()

    def drop(self, connection: int, reason: str) -> None:
        """Close a connection at once."""
        known = self._connections.get(connection)
        if known is not None:
            known.abort(reason)

    async def close(self) -> None:
        """Close listener and connections, and wait until they are gone."""
        for server in self._servers:
            server.close()
        open_connections = list(self._connections.values())
        for connection in open_connections:
            connection.close("closed by us")
        gone = [connection.gone for connection in open_connections]
        if gone:
            await asyncio.wait(gone, timeout=_CLOSE_TIMEOUT)
        for connection in open_connections:
            connection.abort("closed by us")
            await connection.gone
        for server in self._servers:
            await server.wait_closed()

    # what connections say

    def add(self, connection: StreamConnection) -> int | None:
        """Take a connection in; None where the limits forbid it."""
        host = connection.remote.host
        if connection.accepted:
            if self._accepted[host] >= self._config.max_connections_per_host or not self._make_room():
                self.fault(connection, "too many connections")
                return None
            self._accepted[host] += 1
        number = next(self._numbers)
        self._connections[number] = connection
        return number

    def _make_room(self) -> bool:
        """True where one more may come: the oldest that has said nothing gives way where all are taken."""
        if len(self._connections) < self._config.max_connections:
            return True
        silent = next((each for each in self._connections.values() if not each.has_spoken), None)
        if silent is None:
            return False
        silent.abort("others wait, and this one said nothing")
        self.remove(silent, "others wait, and this one said nothing")
        return True

    def opened(self, connection: StreamConnection, detail: str) -> None:
        """A connection is ready for messages."""
        state = "accepted" if connection.accepted else "opened"
        self._on_connection(self.hop(connection.remote, connection.number), state, detail)

    def receive(self, connection: StreamConnection, data: bytes) -> None:
        """A whole message came."""
        self._on_message(data, self.hop(connection.remote, connection.number))

    def hear_pong(self, connection: StreamConnection) -> None:
        """The other side answered a ping."""
        self._on_pong(self.hop(connection.remote, connection.number))

    def fault(self, connection: StreamConnection, reason: str) -> None:
        """What a connection brought cannot be read."""
        self._on_fault(self.hop(connection.remote), reason)

    def remove(self, connection: StreamConnection, reason: str) -> None:
        """Forget a connection that has ended."""
        if self._connections.pop(connection.number, None) is None:
            return
        host = connection.remote.host
        if connection.accepted:
            self._accepted[host] -= 1
            self._accepted += Counter()  # drops the zeros
        if connection.was_open:
            self._on_connection(self.hop(connection.remote, connection.number), reason, "")


def bind_tcp(host: str, port: int) -> socket.socket:
    """A bound TCP socket, not yet listening, of IPv6 alone for an IPv6 address; raises OSError."""
    bound = socket.socket(family_of(host), socket.SOCK_STREAM)
    try:
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
