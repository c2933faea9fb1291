"""The capturing network, on real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import ByteStream, HostAddress, TcpConnection
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from tests.certificates import Authority
from tests.peers.process import until
from tests.ua.interop.test_stun_proof import ALLOCATE, HASH, REALM, message
from ua.interop.capture import Capture, CapturingNetwork
from ua.interop.pcap import HEADER

LOOPBACK = "127.0.0.1"


class Memory:
    """A file in memory that may refuse to grow."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.data = b""
        self._room = room

    def write(self, data: bytes, /) -> bool:
        if len(self.data) + len(data) > self._room:
            return False
        self.data += data
        return True

    def contents(self) -> str:
        """All packets as one text of hexadecimal digits."""
        return self.data.hex()


def captured(**more: int) -> tuple[Memory, Capture, CapturingNetwork]:
    memory = Memory()
    capture = Capture(memory, **more)
    return memory, capture, CapturingNetwork(HostNetwork(), capture)


async def test_datagrams_of_both_directions_are_written() -> None:
    memory, _, network = captured()
    plain: list[bytes] = []
    heard: list[bytes] = []
    stranger = await HostNetwork().bind_udp(LOOPBACK, 0, lambda data, _: plain.append(data))
    socket = await network.bind_udp(LOOPBACK, 0, lambda data, _: heard.append(data))
    assert socket.send(b"there", stranger.local)
    assert stranger.send(b"and back", socket.local)
    await until(lambda: bool(plain and heard), "both datagrams arrive")
    socket.close()
    stranger.close()
    assert memory.data.startswith(HEADER)
    assert memory.contents().count(b"there".hex()) == 1
    assert memory.contents().count(b"and back".hex()) == 1


async def test_what_goes_between_two_of_ours_is_written_once() -> None:
    memory, _, network = captured()
    heard: list[bytes] = []
    left = await network.bind_udp(LOOPBACK, 0, lambda data, _: heard.append(data))
    right = await network.bind_udp(LOOPBACK, 0, lambda data, _: heard.append(data))
    left.send(b"to the right", right.local)
    right.send(b"to the left", left.local)
    await until(lambda: len(heard) == 2, "both datagrams arrive")
    left.close()
    right.close()
    assert memory.contents().count(b"to the right".hex()) == 1
    assert memory.contents().count(b"to the left".hex()) == 1


async def test_proofs_of_a_turn_password_are_left_out() -> None:
    memory, _, network = captured()
    request = message(ALLOCATE, REALM, (0x0008, HASH))
    socket = await network.bind_udp(LOOPBACK, 0, lambda *_: None)
    socket.send(request, TransportAddress(host=LOOPBACK, port=9))
    socket.close()
    assert HASH.hex() not in memory.contents()
    assert b"example.com".hex() in memory.contents()


async def test_around_the_sockets_it_shows_what_passed_the_firewall() -> None:
    memory, _, network = captured()
    behind = FirewallNetwork(network, FirewallPolicy(udp="blocked"))
    socket = await behind.bind_udp(LOOPBACK, 0, lambda *_: None)
    assert socket.send(b"dropped", TransportAddress(host=LOOPBACK, port=9))
    socket.close()
    assert memory.data == HEADER


async def test_frames_of_both_directions_are_written() -> None:
    memory, _, network = captured()
    accepted: list[TcpConnection] = []
    heard: list[bytes] = []
    ends: list[str] = []
    listener = await HostNetwork().listen_tcp(LOOPBACK, 0, accepted.append)
    connection = await network.connect_tcp(LOOPBACK, listener.local)
    await until(lambda: bool(accepted), "the connection is accepted")
    connection.start(heard.append, ends.append, queue_ms=100)
    accepted[0].start(heard.append, ends.append, queue_ms=100)
    assert connection.send(b"a frame", droppable=False)
    accepted[0].send(b"its answer", droppable=False)
    await until(lambda: len(heard) == 2, "both frames arrive")
    accepted[0].close()
    await until(lambda: bool(ends), "the end is seen")
    connection.close()
    listener.close()
    assert memory.contents().count(b"\x00\x07a frame".hex()) == 1
    assert memory.contents().count(b"\x00\x0aits answer".hex()) == 1


async def test_it_stops_at_its_limit_and_says_so() -> None:
    memory, capture, network = captured(keep_bytes=200)
    socket = await network.bind_udp(LOOPBACK, 0, lambda *_: None)
    for _ in range(3):
        assert socket.send(bytes(100), TransportAddress(host=LOOPBACK, port=9))
    socket.close()
    assert len(memory.data) == len(HEADER) + 16 + 28 + 100
    assert capture.written == len(memory.data)
    assert capture.stopped == f"the capture ended after {len(memory.data)} bytes, at its limit"
    assert capture.left_out == 2


async def test_a_full_disk_ends_the_capture_and_nothing_else() -> None:
    capture = Capture(Memory(room=100))
    network = CapturingNetwork(HostNetwork(), capture)
    socket = await network.bind_udp(LOOPBACK, 0, lambda *_: None)
    assert socket.send(bytes(100), TransportAddress(host=LOOPBACK, port=9))
    socket.close()
    assert "could not be written" in capture.stopped


async def test_it_answers_for_the_network_inside() -> None:
    _, _, network = captured()
    inside = HostNetwork()
    addresses: Sequence[HostAddress] = network.host_addresses()
    assert addresses == inside.host_addresses()
    assert network.shares_ports == inside.shares_ports
    assert network.gateways() == inside.gateways()


async def test_a_server_behind_tls_is_written_in_plain(authority: Authority) -> None:
    memory, _, network = captured()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xc0" + await reader.readexactly(9))
        await writer.drain()
        writer.close()

    server_context, client_context = tls_pair(authority)
    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=server_context)
    remote = TransportAddress(host=LOOPBACK, port=server.sockets[0].getsockname()[1])
    stream: ByteStream = await network.open_stream(
        LOOPBACK, remote, tls=client_context, server_name="localhost"
    )
    heard: list[bytes] = []
    ends: list[str] = []
    stream.start(heard.append, ends.append)
    stream.send(b"\xc0question")
    await until(lambda: bool(ends), "the server ends the connection")
    stream.close()
    server.close()
    await server.wait_closed()
    assert b"".join(heard) == b"\xc0\xc0question"
    assert b"\xc0question".hex() in memory.contents()
    assert b"\xc0\xc0question".hex() in memory.contents()


async def test_a_stream_that_goes_on_in_frames_keeps_its_ends_on_the_wire() -> None:
    """As a relay's connection does (RFC 6062 §4.3): the peer is elsewhere, the packets go to the server."""
    memory, _, network = captured()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(message(0x010B) + await reader.readexactly(20) + b"\x00\x05early")
        writer.write(await reader.readexactly(6))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    remote = TransportAddress(host=LOOPBACK, port=server.sockets[0].getsockname()[1])
    stream = await network.open_stream(LOOPBACK, remote)
    said: list[bytes] = []
    stream.start(said.append, lambda _: None)
    stream.send(message(0x000B))
    await until(lambda: len(b"".join(said)) >= 47, "the server answers")
    far = TransportAddress(host="192.0.2.77", port=7)
    frames = stream.framed(local=stream.local, remote=far, received=b"".join(said)[40:])
    heard: list[bytes] = []
    ends: list[str] = []
    frames.start(heard.append, ends.append, queue_ms=100)
    assert frames.send(b"late", droppable=False)
    await until(lambda: bool(ends), "the server ends the connection")
    assert frames.remote == far
    frames.close()
    server.close()
    await server.wait_closed()
    assert heard == [b"early", b"late"]
    assert memory.contents().count(b"\x00\x05early".hex()) == 1, "what came early is written once"
    assert memory.contents().count(b"\x00\x04late".hex()) == 2
    assert bytes([192, 0, 2, 77]).hex() not in memory.contents()


def tls_pair(authority: Authority) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    issued = authority.issue(dns=["localhost"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(issued.certificate, issued.key)
    client = ssl.create_default_context(cafile=str(authority.certificate))
    return server, client
