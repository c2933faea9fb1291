"""SIP over TCP: a listener and connections that are used both ways (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final

from ice.types import TransportAddress
from ua.sip.config import SipConfig
from ua.sip.errors import SipUnreachable
from ua.sip.syntax.message import serialise
from ua.sip.transport.stream import PONG, FramedMessage, KeepAlive, StreamFault, StreamFramer
from ua.sip.transport.udp_channel import family_of, local_towards

_CLOSE_TIMEOUT: Final = 1.0
"""Seconds for what was written to leave when the endpoint closes."""

MAX_UNSENT_BYTES: Final = 1 << 20
"""A peer that reads this little is cut off."""


class TcpChannel:
    """All TCP connections of an endpoint, by number.

    `on_message(connection, remote, data)` is called for each whole message, `on_fault(remote, reason)` for a
    stream that cannot be read, `on_connection(connection, remote, state)` with "opened", "accepted" or the
    reason of its end.
    """

    def __init__(
        self,
        config: SipConfig,
        *,
        on_message: Callable[[int, TransportAddress, bytes], None],
        on_fault: Callable[[TransportAddress, str], None],
        on_connection: Callable[[int, TransportAddress, str], None],
    ) -> None:
        self.config = config
        self.on_message = on_message
        self.on_fault = on_fault
        self.on_connection = on_connection
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._by_remote: dict[TransportAddress, int] = {}
        self._accepted: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    async def listen(self, bound: socket.socket) -> None:
        """Accept connections on a bound socket."""
        self._server = await self._loop.create_server(lambda: Connection(self, accepted=True), sock=bound)

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
            raise SipUnreachable("too many TCP connections")
        local = (local_host, 0) if local_host not in ("0.0.0.0", "::") else None  # noqa: S104 - a comparison
        try:
            async with asyncio.timeout(self.config.connect_timeout):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self, accepted=False), remote.host, remote.port, local_addr=local
                )
        except TimeoutError as error:
            raise SipUnreachable(f"no TCP connection to {remote} in time") from error
        except OSError as error:
            raise SipUnreachable(
                f"no TCP connection to {remote}", seen=error.strerror or str(error)
            ) from error
        return connection.number

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

    def add(self, connection: Connection, remote: TransportAddress, *, accepted: bool) -> int | None:
        """Take a connection in; None where the limits forbid it."""
        if accepted:
            full = len(self._connections) >= self.config.max_connections
            if full or self._accepted[remote.host] >= self.config.max_connections_per_host:
                self.on_fault(remote, "too many connections")
                return None
            self._accepted[remote.host] += 1
        number = next(self._numbers)
        self._connections[number] = connection
        self._by_remote[remote] = number
        self.on_connection(number, remote, "accepted" if accepted else "opened")
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
        self.on_connection(number, remote, reason)


class Connection(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, channel: TcpChannel, *, accepted: bool) -> None:
        self._channel = channel
        self._accepted = accepted
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._remote = TransportAddress(host="", port=0)
        self._half: asyncio.TimerHandle | None = None
        self._reason = ""
        self._loop = asyncio.get_running_loop()
        self.number = 0
        self.gone: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: the connection stands."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream transport
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self._remote = TransportAddress(host=str(peer[0]).partition("%")[0], port=int(peer[1]))
        raw = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = self._channel.add(self, self._remote, accepted=self._accepted)
        if number is None:
            transport.abort()
        else:
            self.number = number

    @property
    def is_stranded(self) -> bool:
        """True where we opened it from an address that the system would not take any more.

        It may have been taken from this host: nothing gets through then, and nobody tells.
        """
        if self._accepted or self._transport is None:
            return False
        local = self._transport.get_extra_info("sockname") or ("", 0)
        try:
            return local_towards(self._remote) != str(local[0]).partition("%")[0]
        except OSError:
            return False

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes arrived."""
        for item in self._framer.feed(data):
            match item:
                case FramedMessage():
                    self._channel.on_message(self.number, self._remote, item.data)
                case KeepAlive():
                    if item.ping:
                        self.send(PONG)
                case StreamFault():
                    self._channel.on_fault(self._remote, item.reason)
                    if item.answer is not None:
                        self.send(serialise(item.answer))
                    self.close(item.reason)
        self._watch_half_message()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio: the connection is gone."""
        if self._half is not None:
            self._half.cancel()
        reason = self._reason or (str(exc) if exc else "closed by the peer")
        self._channel.remove(self.number, self._remote, reason, accepted=self._accepted)
        self._transport = None
        if not self.gone.done():
            self.gone.set_result(None)

    def send(self, data: bytes) -> str:
        """Write; empty where it was taken, else what went wrong."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return "the connection is closed"
        if transport.get_write_buffer_size() + len(data) > MAX_UNSENT_BYTES:
            self.abort("the peer does not read")
            return "the peer does not read"
        transport.write(data)
        return ""

    def close(self, reason: str) -> None:
        """Close after what is written has been sent."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    def _watch_half_message(self) -> None:
        if self._framer.buffered == 0:
            if self._half is not None:
                self._half.cancel()
                self._half = None
        elif self._half is None:
            self._half = self._loop.call_later(
                self._channel.config.partial_timeout, self.abort, "half a message for too long"
            )


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
