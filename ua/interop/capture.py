"""A network that writes down what its sockets send and receive, as a packet capture.

`CapturingNetwork` wraps any network. What it wraps decides what the capture shows: around the sockets of this
host it shows what passed a simulated firewall in front of it, around that firewall also what was dropped.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final, Protocol

from ice.net.framing import frame
from ice.net.network import (
    ByteStream,
    CloseReceiver,
    DatagramReceiver,
    DataReceiver,
    FrameReceiver,
    Network,
    TcpConnection,
    TcpListener,
    UdpSocket,
)
from ice.net.outer_network import OuterNetwork
from ice.types import TransportAddress
from ua import clock
from ua.interop.pcap import HEADER, Pcap
from ua.interop.stun_proof import TurnStream, without_proof

KEEP_BYTES: Final = 32 << 20
"""Bytes of one capture: half an hour of a call in G.711."""


class Sink(Protocol):
    """Takes the bytes of a file as they come."""

    def write(self, data: bytes, /) -> bool:
        """Append `data` at once; False where nothing more can be written."""


class Capture:
    """Packets of several sockets in one file; stops, and says so, before the file grows too long.

    What goes from one of our sockets to another is written once, where it was sent.

    Args:
        sink: takes the file.
        keep_bytes: most bytes of it.

    Attributes:
        written: bytes of the file.
        left_out: packets that are not in it, because it was full or their addresses are none.
        stopped: why nothing more is written; empty while it is.
    """

    def __init__(self, sink: Sink, *, keep_bytes: int = KEEP_BYTES) -> None:
        self._sink = sink
        self._keep_bytes = keep_bytes
        self._pcap = Pcap()
        self._ours: set[tuple[str, TransportAddress]] = set()
        self._epoch = clock.unix() - clock.now()
        self._missed = 0
        self.written = 0
        self.stopped = ""
        self._append(HEADER)

    @property
    def left_out(self) -> int:
        """Packets that are not in the file."""
        return self._missed + self._pcap.left_out

    def is_ours(self, protocol: str, local: TransportAddress) -> None:
        """Remember an address of ours: what others of ours receive from it is written already."""
        self._ours.add((protocol, local))

    def sent(self, local: TransportAddress, remote: TransportAddress, data: bytes) -> None:
        """A datagram left."""
        self._append(self._pcap.datagram(self._now(), local, remote, without_proof(data)))

    def received(self, local: TransportAddress, remote: TransportAddress, data: bytes) -> None:
        """A datagram arrived."""
        if ("udp", remote) not in self._ours:
            self._append(self._pcap.datagram(self._now(), remote, local, without_proof(data)))

    def opened(self, client: TransportAddress, server: TransportAddress) -> None:
        """A TCP connection stands."""
        self._append(self._pcap.opened(self._now(), client, server))

    def bytes_sent(self, local: TransportAddress, remote: TransportAddress, data: bytes) -> None:
        """Bytes left on a TCP connection."""
        self._append(self._pcap.bytes_sent(self._now(), local, remote, data))

    def bytes_received(self, local: TransportAddress, remote: TransportAddress, data: bytes) -> None:
        """Bytes arrived on a TCP connection."""
        if ("tcp", remote) not in self._ours:
            self._append(self._pcap.bytes_sent(self._now(), remote, local, data))

    def closed(self, by: TransportAddress, other: TransportAddress) -> None:
        """A TCP connection ended."""
        self._append(self._pcap.closed(self._now(), by, other))

    def message(
        self,
        at: float,
        protocol: str,
        source: TransportAddress,
        destination: TransportAddress,
        text: bytes,
        *,
        sent: bool,
    ) -> None:
        """A message that the event log tells of.

        Args:
            at: when, in seconds of the loop's clock.
            protocol: "udp" or "tcp".
            source: who sent it.
            destination: who received it.
            text: the message.
            sent: we sent it; what is received from one of us is written already.
        """
        key = f"sip/{protocol}", source
        if sent:
            self._ours.add(key)
        elif key in self._ours:
            return
        make = self._pcap.datagram if protocol == "udp" else self._pcap.bytes_sent
        self._append(make(self._epoch + at, source, destination, text))

    def _now(self) -> float:
        return self._epoch + clock.now()

    def _append(self, data: bytes) -> None:
        if not data:
            return
        if self.stopped:
            self._missed += 1
            return
        if self.written + len(data) > self._keep_bytes:
            self.stopped = f"the capture ended after {self.written} bytes, at its limit"
        elif not self._sink.write(data):
            self.stopped = f"the capture ended after {self.written} bytes: it could not be written"
        else:
            self.written += len(data)
            return
        self._missed += 1


class _Udp:
    def __init__(self, inner: UdpSocket, capture: Capture) -> None:
        self._inner = inner
        self._capture = capture
        capture.is_ours("udp", inner.local)

    @property
    def local(self) -> TransportAddress:
        return self._inner.local

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        taken = self._inner.send(data, remote)
        if taken:
            self._capture.sent(self._inner.local, remote, data)
        return taken

    def close(self) -> None:
        self._inner.close()


class _Connection:
    """A connection of frames; `wire` are the ends that its packets have, also where a relay is between."""

    def __init__(
        self,
        inner: TcpConnection,
        capture: Capture,
        *,
        wire: tuple[TransportAddress, TransportAddress] | None = None,
    ) -> None:
        self._inner = inner
        self._capture = capture
        self._wire = wire or (inner.local, inner.remote)

    @property
    def local(self) -> TransportAddress:
        return self._inner.local

    @property
    def remote(self) -> TransportAddress:
        return self._inner.remote

    @property
    def dropped(self) -> int:
        return self._inner.dropped

    def start(self, on_frame: FrameReceiver, on_closed: CloseReceiver, *, queue_ms: int) -> None:
        def framed(packet: bytes) -> None:
            self._capture.bytes_received(*self._wire, frame(without_proof(packet)))
            on_frame(packet)

        def ended(reason: str) -> None:
            self._capture.closed(*reversed(self._wire))
            on_closed(reason)

        self._inner.start(framed, ended, queue_ms=queue_ms)

    def limit_received(self, most: int | None) -> None:
        self._inner.limit_received(most)

    def send(self, packet: bytes, *, droppable: bool) -> bool:
        taken = self._inner.send(packet, droppable=droppable)
        if taken:
            self._capture.bytes_sent(*self._wire, frame(without_proof(packet)))
        return taken

    def close(self) -> None:
        self._capture.closed(*self._wire)
        self._inner.close()


class _Stream:
    """A connection to a server; what went inside TLS stands in the capture as it was before."""

    def __init__(self, inner: ByteStream, capture: Capture) -> None:
        self._inner = inner
        self._capture = capture
        self._wire = (inner.local, inner.remote)
        self._arriving, self._leaving = TurnStream(), TurnStream()

    @property
    def local(self) -> TransportAddress:
        return self._inner.local

    @property
    def remote(self) -> TransportAddress:
        return self._inner.remote

    @property
    def waiting(self) -> int:
        return self._inner.waiting

    def start(self, on_data: DataReceiver, on_closed: CloseReceiver) -> None:
        def taken(data: bytes) -> None:
            for each in self._arriving.feed(data):
                self._capture.bytes_received(*self._wire, each)
            on_data(data)

        def ended(reason: str) -> None:
            self._rest()
            self._capture.closed(*reversed(self._wire))
            on_closed(reason)

        self._inner.start(taken, ended)

    def send(self, data: bytes) -> None:
        for each in self._leaving.feed(data):
            self._capture.bytes_sent(*self._wire, each)
        self._inner.send(data)

    def framed(self, *, local: TransportAddress, remote: TransportAddress, received: bytes) -> TcpConnection:
        # What came early belongs to the frames, which the connection tells of itself.
        self._arriving.rest()
        inner = self._inner.framed(local=local, remote=remote, received=received)
        return _Connection(inner, self._capture, wire=self._wire)

    def close(self) -> None:
        self._rest()
        self._capture.closed(*self._wire)
        self._inner.close()

    def _rest(self) -> None:
        if rest := self._leaving.rest():
            self._capture.bytes_sent(*self._wire, rest)
        if rest := self._arriving.rest():
            self._capture.bytes_received(*self._wire, rest)


class CapturingNetwork(OuterNetwork):
    """A network (`ice.net.network.Network`) whose packets are written down.

    Args:
        inner: the network that does the work.
        capture: takes the packets; several networks may share it.
    """

    def __init__(self, inner: Network, capture: Capture) -> None:
        super().__init__(inner)
        self._capture = capture

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """Bind a UDP socket whose datagrams are written down."""
        bound: list[TransportAddress] = []

        def captured(data: bytes, remote: TransportAddress) -> None:
            if bound:
                self._capture.received(bound[0], remote, data)
            on_datagram(data, remote)

        socket = await self._inner.bind_udp(host, port, captured)
        bound.append(socket.local)
        return _Udp(socket, self._capture)

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        """Listen for connections whose frames are written down."""

        def accepted(connection: TcpConnection) -> None:
            self._capture.opened(connection.remote, connection.local)
            self._capture.is_ours("tcp", connection.local)
            on_accept(_Connection(connection, self._capture))

        return await self._inner.listen_tcp(host, port, accepted, shared=shared)

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        """Dial `remote`; the frames of the connection are written down."""
        connection = await self._inner.connect_tcp(local_host, remote, local_port=local_port)
        self._capture.opened(connection.local, connection.remote)
        self._capture.is_ours("tcp", connection.local)
        return _Connection(connection, self._capture)

    async def open_stream(
        self,
        local_host: str,
        remote: TransportAddress,
        *,
        local_port: int = 0,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> ByteStream:
        """Connect to a server; what is said with it is written down as it was before TLS."""
        stream = await self._inner.open_stream(
            local_host, remote, local_port=local_port, tls=tls, server_name=server_name
        )
        self._capture.opened(stream.local, stream.remote)
        self._capture.is_ours("tcp", stream.local)
        return _Stream(stream, self._capture)
