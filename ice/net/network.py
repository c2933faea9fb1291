"""The network as an object that is passed in.

The same session runs on the real sockets of this host (`ice.net.sockets`), behind a simulated firewall
(`ice.net.firewall`) or on a simulated network in tests: whoever owns the network decides.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ice.types import TransportAddress

DatagramReceiver = Callable[[bytes, TransportAddress], None]
FrameReceiver = Callable[[bytes], None]
DataReceiver = Callable[[bytes], None]
CloseReceiver = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Where an interface of this host sends what is not for its own network.

    Attributes:
        host: IP address, a link-local one with its zone.
        interface: name of our interface.
    """

    host: str
    interface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAddress:
    """One IP address of an interface of this host."""

    host: str
    interface: str
    loopback: bool = False


class UdpSocket(Protocol):
    """A bound UDP socket."""

    @property
    def local(self) -> TransportAddress:
        """The bound address."""

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        """Send one datagram; False where the system refused it (it never raises for that)."""

    def close(self) -> None:
        """Free the socket; nothing is delivered afterwards."""


class TcpConnection(Protocol):
    """An established TCP connection that carries RFC 4571 frames in both directions."""

    @property
    def local(self) -> TransportAddress:
        """Our address."""

    @property
    def remote(self) -> TransportAddress:
        """The peer's address."""

    @property
    def dropped(self) -> int:
        """Droppable frames that were dropped because they waited too long or the queue was full."""

    def start(self, on_frame: FrameReceiver, on_closed: CloseReceiver, *, queue_ms: int) -> None:
        """Begin to deliver frames (without their length) and the end of the connection, once.

        Droppable frames are dropped where what was sent before has waited for `queue_ms` ms, or for a round
        trip and some more where that is longer.
        """

    def limit_received(self, most: int | None) -> None:
        """End the connection once more than `most` bytes came in all; None lifts that."""

    def send(self, packet: bytes, *, droppable: bool) -> bool:
        """Queue `packet` as one frame.

        Media is `droppable`: it is dropped, and False returned, where it would come too late; STUN and DTLS
        are never dropped. Raises FramingError above 65535 bytes.
        """

    def close(self) -> None:
        """Close at once; `on_closed` is not called any more."""


class TcpListener(Protocol):
    """A listening TCP socket."""

    @property
    def local(self) -> TransportAddress:
        """The bound address."""

    def close(self) -> None:
        """Stop listening; accepted connections stay."""


class Relay(Protocol):
    """A UDP socket or a TCP listener of a TURN server."""

    def permit(self, host: str) -> None:
        """Let what comes from this host pass (RFC 8656 §9)."""


class TcpRelay(Relay, Protocol):
    """A TCP listener of a TURN server, from where one can dial as well (RFC 6062)."""

    async def connect(self, remote: TransportAddress) -> TcpConnection:
        """Dial `remote` from the relayed address; raises OSError. Cancelling gives the attempt up."""


class ByteStream(Protocol):
    """An established TCP or TLS connection to a server: bytes as they come, without RFC 4571 frames."""

    @property
    def local(self) -> TransportAddress:
        """Our address."""

    @property
    def remote(self) -> TransportAddress:
        """The server's address."""

    @property
    def waiting(self) -> int:
        """Bytes that the network has not taken yet."""

    def start(self, on_data: DataReceiver, on_closed: CloseReceiver) -> None:
        """Begin to deliver bytes and the end of the connection, once."""

    def send(self, data: bytes) -> None:
        """Send all of `data`; what the network does not take at once waits here."""

    def framed(self, *, local: TransportAddress, remote: TransportAddress, received: bytes) -> TcpConnection:
        """Go on as a connection of RFC 4571 frames, through a server that relays it (RFC 6062 §4.3).

        This object is of no use afterwards.

        Args:
            local: our address as the peer sees it, that of the relay.
            remote: the peer's address.
            received: bytes of the peer that were delivered here already.
        """

    def close(self) -> None:
        """Close at once; nothing is delivered afterwards."""


class Network(Protocol):
    """Where sockets come from. OSError is the only error these calls raise."""

    def host_addresses(self) -> Sequence[HostAddress]:
        """Addresses of all interfaces, loopback and virtual ones included; the caller chooses."""

    def gateways(self) -> Sequence[Gateway]:
        """The default gateways, one per interface and family; OSError where the system does not tell."""

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """Bind a UDP socket (port 0: any)."""

    @property
    def shares_ports(self) -> bool:
        """True where one can connect from a port that is listened on (RFC 6544 appendix B)."""

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        """Listen for TCP connections (port 0: any); `shared`: connections will be opened from the port."""

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        """Dial `remote` from `local_host`. Cancelling gives the attempt up.

        Args:
            local_host: our address.
            remote: the peer's.
            local_port: that of a shared listener; 0: any.
        """

    async def open_stream(
        self,
        local_host: str,
        remote: TransportAddress,
        *,
        local_port: int = 0,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> ByteStream:
        """Connect to a server from `local_host`; with `tls` it must prove to be `server_name`.

        Nothing is sent to it before it has (RFC 8489 §6.2.3). Cancelling gives the attempt up. A
        `local_port` is that of a shared listener; 0: any.
        """
