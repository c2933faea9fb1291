"""The connections of one stream transport: a listener, and connections used both ways (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from ice.types import TransportAddress
from ua.sip.config import SipConfig
from ua.sip.errors import SipUnreachable
from ua.sip.transport.hop import Hop, SipTransport
from ua.sip.transport.stream_connection import StreamConnection
from ua.sip.transport.udp_channel import family_of

_CLOSE_TIMEOUT: Final = 1.0
"""Seconds for what was written to leave when the endpoint closes."""


class StreamChannel:
    """All connections of an endpoint over one transport, by number.

    `on_message(data, source)` is called for each whole message, `on_fault(source, reason)` for a stream that
    cannot be read, `on_connection(hop, state)` with "opened", "accepted" or the reason of its end. `numbers`
    is shared by the channels of an endpoint: a number names one connection, whatever its transport.

    Attributes:
        transport: what the connections carry.
    """

    def __init__(
        self,
        transport: SipTransport,
        config: SipConfig,
        *,
        numbers: Iterator[int],
        on_message: Callable[[bytes, Hop], None],
        on_fault: Callable[[Hop, str], None],
        on_connection: Callable[[Hop, str], None],
    ) -> None:
        self.transport = transport
        self.config = config
        self.on_message = on_message
        self.on_fault = on_fault
        self.on_connection = on_connection
        self._loop = asyncio.get_running_loop()
        self._numbers = numbers
        self._connections: dict[int, StreamConnection] = {}
        self._by_remote: dict[TransportAddress, int] = {}
        self._accepted: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    async def listen(self, bound: socket.socket) -> None:
        """Accept connections on a bound socket."""
        self._server = await self._loop.create_server(
            lambda: StreamConnection(self, accepted=True), sock=bound
        )

    @property
    def connections(self) -> tuple[StreamConnection, ...]:
        """Those that are open, oldest first."""
        return tuple(self._connections.values())

    def hop(self, remote: TransportAddress, connection: int | None = None) -> Hop:
        """A neighbour over this transport."""
        return Hop(transport=self.transport, remote=remote, connection=connection)

    def find(self, remote: TransportAddress) -> int | None:
        """Number of an open connection to this address, None where there is none."""
        return self._by_remote.get(remote)

    async def connect(self, remote: TransportAddress, local_host: str) -> int:
        """Number of a connection to this address, an open one or a new one.

        Raises SipUnreachable; its cause is ConnectionRefusedError where the other side refused.
        """
        known = self.find(remote)
        if known is not None and not self._connections[known].is_stranded:
            return known
        if known is not None:
            self._connections[known].abort("this host leaves from another address now")
        if len(self._connections) >= self.config.max_connections:
            raise SipUnreachable("too many connections")
        local = (local_host, 0) if local_host not in ("0.0.0.0", "::") else None  # noqa: S104 - a comparison
        name = self.transport.upper()
        try:
            async with asyncio.timeout(self.config.connect_timeout):
                _, connection = await self._loop.create_connection(
                    lambda: StreamConnection(self, accepted=False),
                    remote.host,
                    remote.port,
                    local_addr=local,
                )
        except TimeoutError as error:
            raise SipUnreachable(f"no {name} connection to {remote} in time") from error
        except OSError as error:
            raise SipUnreachable(
                f"no {name} connection to {remote}", seen=error.strerror or str(error)
            ) from error
        return connection.number

    def local_of(self, connection: int) -> TransportAddress | None:
        """Our end of a connection, None where it is gone."""
        known = self._connections.get(connection)
        return None if known is None else known.local

    def send(self, connection: int, data: bytes) -> str:
        """Write to a connection; empty where it was taken, else what went wrong."""
        known = self._connections.get(connection)
        return "the connection is closed" if known is None else known.send(data)

    async def close(self) -> None:
        """Close listener and connections, and wait until they are gone."""
        if self._server is not None:
            self._server.close()
        open_connections = list(self._connections.values())
        for connection in open_connections:
            connection.close("closed by us")
        gone = [connection.gone for connection in open_connections]
        if gone:
            await asyncio.wait(gone, timeout=_CLOSE_TIMEOUT)
        for connection in open_connections:
            connection.abort("closed by us")
            await connection.gone
        if self._server is not None:
            await self._server.wait_closed()

    def add(self, connection: StreamConnection, remote: TransportAddress, *, accepted: bool) -> int | None:
        """Take a connection in; None where the limits forbid it."""
        if accepted:
            full = len(self._connections) >= self.config.max_connections
            if full or self._accepted[remote.host] >= self.config.max_connections_per_host:
                self.on_fault(self.hop(remote), "too many connections")
                return None
            self._accepted[remote.host] += 1
        number = next(self._numbers)
        self._connections[number] = connection
        self._by_remote[remote] = number
        self.on_connection(self.hop(remote, number), "accepted" if accepted else "opened")
        return number

    def remove(self, number: int, remote: TransportAddress, reason: str, *, accepted: bool) -> None:
        """Forget a connection that has ended."""
        if self._connections.pop(number, None) is None:
            return
        if accepted:
            self._accepted[remote.host] -= 1
            self._accepted += Counter()  # drops the zeros
        if self._by_remote.get(remote) == number:
            del self._by_remote[remote]
        self.on_connection(self.hop(remote, number), reason)


def bind_tcp(host: str, port: int) -> socket.socket:
    """A bound TCP socket, not yet listening; raises OSError."""
    bound = socket.socket(family_of(host), socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
