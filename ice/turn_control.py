"""The connection to a TURN server: UDP through the network, TCP and TLS by asyncio."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from ice.errors import TurnError
from ice.network import Network, UdpSocket
from ice.servers import TurnServer
from ice.tcp_connection import describe_error, prepare, unsent
from ice.turn_stream import StreamMessages, padded
from ice.types import TransportAddress
from ice.udp_socket import family_of

ALPN = "stun.turn"
"""RFC 7443 §4."""

HANDSHAKE_S = 10.0
"""Seconds that a TLS handshake may take."""

MAX_BACKLOG = 4096
"""Bytes that may wait for a slow server; media is dropped rather than added to them."""

MessageReceiver = Callable[[bytes], None]
EndReceiver = Callable[[str], None]


class Control(Protocol):
    """One 5-tuple to a server."""

    @property
    def reliable(self) -> bool:
        """True over TCP and TLS."""

    @property
    def local(self) -> TransportAddress:
        """Our address."""

    @property
    def congested(self) -> bool:
        """True where so much waits to be sent that more would only grow old."""

    def send(self, message: bytes) -> None:
        """Send one message."""

    def close(self) -> None:
        """Free it; nothing is delivered afterwards."""

    async def wait_closed(self) -> None:
        """Wait until its socket is closed."""


class UdpControl:
    """Datagrams to and from one server."""

    reliable = False
    congested = False

    def __init__(self, socket: UdpSocket, server: TransportAddress) -> None:
        self._socket = socket
        self._server = server

    @property
    def local(self) -> TransportAddress:
        """Our address."""
        return self._socket.local

    def send(self, message: bytes) -> None:
        """Send a datagram."""
        self._socket.send(message, self._server)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def wait_closed(self) -> None:
        """It closes at once."""


async def open_udp(
    network: Network, local_host: str, server: TransportAddress, on_message: MessageReceiver
) -> UdpControl:
    """Bind a socket; what comes from anywhere but the server is passed over. Raises OSError."""

    def on_datagram(data: bytes, remote: TransportAddress) -> None:
        if remote == server:
            on_message(data)

    return UdpControl(await network.bind_udp(local_host, 0, on_datagram), server)


class StreamControl(asyncio.Protocol):
    """A TCP or TLS connection to a server, its messages told apart by their own lengths."""

    reliable = True

    def __init__(self, on_message: MessageReceiver, on_end: EndReceiver) -> None:
        self._on_message: MessageReceiver | None = on_message
        self._on_end: EndReceiver | None = on_end
        self._messages = StreamMessages()
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._closed = asyncio.Event()
        self._local = TransportAddress(host="", port=0)

    @property
    def local(self) -> TransportAddress:
        """Our address."""
        return self._local

    @property
    def congested(self) -> bool:
        """True where more than MAX_BACKLOG bytes wait here or in the kernel."""
        if self._transport is None:
            return False
        return self._transport.get_write_buffer_size() + unsent(self._descriptor) > MAX_BACKLOG

    def send(self, message: bytes) -> None:
        """Write a message with its padding."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(padded(message))

    def close(self) -> None:
        """Close at once: what was worth an answer has been answered."""
        self._on_message = self._on_end = None
        if self._transport is None:
            self._closed.set()
        else:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the transport let go of its socket."""
        await self._closed.wait()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, TLS included."""
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        self._descriptor = sock.fileno()
        prepare(sock)
        name = transport.get_extra_info("sockname")
        self._local = TransportAddress(host=name[0].partition("%")[0], port=name[1])

    def data_received(self, data: bytes) -> None:
        """Bytes of the stream."""
        for message in self._messages.feed(data):
            if self._on_message is not None:
                self._on_message(message)
        if self._messages.broken:
            self._end(self._messages.broken)

    def eof_received(self) -> bool:
        """The server will send no more: the connection is of no use."""
        self._end("the TURN server closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        reason = describe_error(exc) if isinstance(exc, OSError) else "closed"
        self._end(f"the connection to the TURN server ended: {reason}")
        self._closed.set()

    def _end(self, reason: str) -> None:
        on_end = self._on_end
        self.close()
        if on_end is not None:
            on_end(reason)


async def open_stream(
    server: TurnServer,
    address: TransportAddress,
    local_host: str,
    on_message: MessageReceiver,
    on_end: EndReceiver,
) -> StreamControl:
    """Connect to `address`, and over TLS check that it is `server`, before any STUN byte (RFC 8489 §6.2.3).

    Raises:
        TurnError: it cannot be reached or is not who it should be; the text says why.
    """
    context = tls_context(server) if server.transport == "tls" else None
    loop = asyncio.get_running_loop()
    try:
        _, control = await loop.create_connection(
            lambda: StreamControl(on_message, on_end),
            address.host,
            address.port,
            local_addr=(local_host, 0),
            family=family_of(local_host),
            ssl=context,
            server_hostname=None if context is None else (server.server_name or server.host),
            ssl_handshake_timeout=None if context is None else HANDSHAKE_S,
        )
    except ssl.SSLCertVerificationError as error:
        raise TurnError(f"{server}: its certificate is refused: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise TurnError(f"{server}: no TLS there: {error.reason or error}") from error
    except OSError as error:
        raise TurnError(f"{server}: {describe_error(error)}") from error
    return control


def tls_context(server: TurnServer) -> ssl.SSLContext:
    """What a server is checked by; raises TurnError where its `ca_file` cannot be read."""
    try:
        context = ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = describe_error(error) if not isinstance(error, ssl.SSLError) else "no certificate in it"
        raise TurnError(f"{server}: {server.ca_file} cannot be used: {reason}") from error
    context.set_alpn_protocols([ALPN])
    return context
