"""The connection to a TURN server: messages over UDP, TCP or TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Protocol

from ice.errors import TurnError
from ice.gathering.servers import TurnServer
from ice.net.network import ByteStream, Network, UdpSocket
from ice.net.tcp_socket import describe_error
from ice.turn.message_stream import StreamMessages, padded
from ice.types import TransportAddress

ALPN = "stun.turn"
"""RFC 7443 §4."""

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


async def open_udp(
    network: Network, local_host: str, server: TransportAddress, on_message: MessageReceiver
) -> UdpControl:
    """Bind a socket; what comes from anywhere but the server is passed over. Raises OSError."""

    def on_datagram(data: bytes, remote: TransportAddress) -> None:
        if remote == server:
            on_message(data)

    return UdpControl(await network.bind_udp(local_host, 0, on_datagram), server)


class StreamControl:
    """A TCP or TLS connection to a server, its messages told apart by their own lengths."""

    reliable = True

    def __init__(self, stream: ByteStream, on_message: MessageReceiver, on_end: EndReceiver) -> None:
        self._stream = stream
        self._on_message: MessageReceiver | None = on_message
        self._on_end: EndReceiver | None = on_end
        self._messages = StreamMessages()
        stream.start(self._receive, self._end)

    @property
    def local(self) -> TransportAddress:
        """Our address."""
        return self._stream.local

    @property
    def congested(self) -> bool:
        """True where more than MAX_BACKLOG bytes wait here or in the kernel."""
        return self._stream.waiting > MAX_BACKLOG

    def send(self, message: bytes) -> None:
        """Write a message with its padding."""
        self._stream.send(padded(message))

    def close(self) -> None:
        """Close at once: what was worth an answer has been answered."""
        self._on_message = self._on_end = None
        self._stream.close()

    def _receive(self, data: bytes) -> None:
        for message in self._messages.feed(data):
            if self._on_message is not None:
                self._on_message(message)
        if self._messages.broken:
            self._tell_end(self._messages.broken)

    def _end(self, reason: str) -> None:
        self._tell_end(f"the connection to the TURN server ended: {reason}")

    def _tell_end(self, reason: str) -> None:
        on_end = self._on_end
        self.close()
        if on_end is not None:
            on_end(reason)


async def open_stream(
    network: Network, server: TurnServer, address: TransportAddress, local_host: str
) -> ByteStream:
    """Connect to `address`, and over TLS check that it is `server`, before any STUN byte (RFC 8489 §6.2.3).

    Raises:
        TurnError: it cannot be reached or is not who it should be; the text says why.
    """
    context = tls_context(server) if server.transport == "tls" else None
    name = server.server_name or server.host
    try:
        return await network.open_stream(local_host, address, tls=context, server_name=name)
    except ssl.SSLCertVerificationError as error:
        raise TurnError(f"{server}: its certificate is refused: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise TurnError(f"{server}: no TLS there: {error.reason or error}") from error
    except OSError as error:
        raise TurnError(f"{server}: {describe_error(error)}") from error


def tls_context(server: TurnServer) -> ssl.SSLContext:
    """What a server is checked by; raises TurnError where its `ca_file` cannot be read."""
    try:
        context = ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = describe_error(error) if not isinstance(error, ssl.SSLError) else "no certificate in it"
        raise TurnError(f"{server}: {server.ca_file} cannot be used: {reason}") from error
    context.set_alpn_protocols([ALPN])
    return context
