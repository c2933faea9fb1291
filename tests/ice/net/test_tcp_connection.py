"""Framed TCP connections and listeners on real loopback."""

from __future__ import annotations

import array
import asyncio
import errno
import fcntl
import itertools
import socket
import sys

import pytest

from ice.errors import FramingError
from ice.net.backlog import MOST_UNSENT
from ice.net.framing import Deframer, frame
from ice.net.network import TcpConnection
from ice.net.sockets import HostNetwork
from ice.net.tcp_connection import (
    MAX_OTHER_BYTES,
    HostTcpConnection,
    established,
)
from ice.net.tcp_listener import HostTcpListener
from ice.net.tcp_socket import describe_error
from ice.types import TransportAddress
from tests.ice.loopback import HOST, Box, connected, ignore_connection, raw_peer, until

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
RTP = b"\x80\x00" + bytes(170)


@HOSTS
@pytest.mark.req("ICETCP-7.1-2")
async def test_frames_both_ways(host: str) -> None:
    dialled, accepted = await connected(host)
    left, right = Box(), Box()
    left.start(dialled)
    right.start(accepted)
    assert dialled.local == accepted.remote
    assert dialled.remote == accepted.local
    assert dialled.local.host == host
    sent = [bytes([number]) * (number * 7 + 1) for number in range(1, 100)]
    for packet in sent:
        assert dialled.send(packet, droppable=True)
        assert accepted.send(packet[::-1], droppable=False)
    await until(lambda: len(left.frames) == len(sent) and len(right.frames) == len(sent))
    assert right.frames == sent
    assert left.frames == [packet[::-1] for packet in sent]
    assert dialled.dropped == 0
    dialled.close()
    await until(lambda: bool(right.ended))
    assert right.ended == ["closed by the peer"]
    assert left.ended == []
    assert not accepted.send(b"x", droppable=True)


async def test_a_packet_that_does_not_fit_a_frame_is_misuse() -> None:
    dialled, accepted = await connected()
    with pytest.raises(FramingError):
        dialled.send(bytes(65536), droppable=True)
    assert dialled.send(bytes(65535), droppable=False)
    dialled.close()
    accepted.close()


@pytest.mark.req("ICETCP-7.1-13")
async def test_options_of_a_connection() -> None:
    dialled, accepted = await connected()
    for connection in (dialled, accepted):
        assert isinstance(connection, HostTcpConnection)
        sock = connection._socket
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if sys.platform == "linux":
            assert sock.getsockopt(socket.IPPROTO_TCP, 16), "TCP_THIN_LINEAR_TIMEOUTS"
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        connection.close()


@pytest.mark.req("ICETCP-7.1-4")
async def test_a_refused_connection() -> None:
    listener = await HostNetwork().listen_tcp(HOST, 0, ignore_connection)
    dead = listener.local
    listener.close()
    with pytest.raises(ConnectionRefusedError) as caught:
        await HostNetwork().connect_tcp(HOST, dead)
    assert caught.value.errno == errno.ECONNREFUSED
    assert describe_error(caught.value) == "connection refused"


async def test_errors_read_well() -> None:
    assert describe_error(OSError(errno.EHOSTUNREACH, "[Errno 113] ...")) == "no route to host"
    assert describe_error(TimeoutError()) == "timed out"
    assert describe_error(OSError("odd")) == "odd"


async def test_dialling_can_be_given_up() -> None:
    """A full backlog leaves the dialled side waiting; cancelling frees its socket (the leak check sees)."""
    with socket.socket() as server, Crowd() as clients:
        server.bind((HOST, 0))
        server.listen(0)
        host, port = server.getsockname()
        remote = TransportAddress(host=host, port=port)
        clients.fill(remote)
        task = asyncio.ensure_future(HostNetwork().connect_tcp(HOST, remote))
        await asyncio.sleep(0.02)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Crowd:
    """Connections that fill the backlog of a server nobody accepts from."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *exc: object) -> None:
        for sock in self._sockets:
            sock.close()

    def fill(self, remote: TransportAddress) -> None:
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((remote.host, remote.port))
            self._sockets.append(sock)


@pytest.mark.req("ICETCP-B-5")
async def test_a_port_that_met_itself_is_refused() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.bind((HOST, 0))
        await loop.sock_connect(sock, sock.getsockname())
        with pytest.raises(ConnectionRefusedError, match="itself"):
            established(sock)


@pytest.mark.req("ICETCP-7.2-1", "ICETCP-5.1-1")
async def test_a_listener_accepts_every_connection_from_the_start() -> None:
    accepted: list[TcpConnection] = []
    listener = HostTcpListener.bind(HOST, 0, accepted.append)
    clients = [socket.create_connection((HOST, listener.local.port)) for _ in range(40)]
    await until(lambda: len(accepted) == len(clients))
    assert {c.remote.port for c in accepted} == {c.getsockname()[1] for c in clients}
    listener.close()
    listener.close()
    for connection in accepted:
        connection.close()
    for client in clients:
        client.close()


async def test_a_connection_that_died_in_the_backlog_is_passed_over() -> None:
    accepted: list[TcpConnection] = []
    listener = HostTcpListener.bind(HOST, 0, accepted.append)
    dead = socket.create_connection((HOST, listener.local.port))
    dead.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    dead.close()
    alive = socket.create_connection((HOST, listener.local.port))
    port = alive.getsockname()[1]
    await until(lambda: any(connection.remote.port == port for connection in accepted))
    listener.close()
    for connection in accepted:
        connection.close()
    alive.close()


@pytest.mark.req("ICETCP-11.1-7")
async def test_a_half_close_is_the_end() -> None:
    connection, other = await raw_peer()
    box = Box()
    box.start(connection)
    other.sendall(frame(b"last words"))
    other.shutdown(socket.SHUT_WR)
    await until(lambda: bool(box.ended))
    assert box.frames == [b"last words"]
    assert box.ended == ["closed by the peer"]
    await until(lambda: closed_by_us(other))
    other.close()


def closed_by_us(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False


async def test_a_reset_is_the_end_once() -> None:
    connection, other = await raw_peer()
    box = Box()
    box.start(connection)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    other.close()
    for _ in range(3):
        connection.send(RTP, droppable=True)
    await until(lambda: bool(box.ended))
    await asyncio.sleep(0.01)
    assert len(box.ended) == 1
    assert box.ended[0] in ("connection reset by peer", "broken pipe")


async def test_nothing_is_delivered_after_close() -> None:
    connection, other = await raw_peer()
    box = Box()

    def on_frame(packet: bytes) -> None:
        box.frames.append(packet)
        connection.close()

    connection.start(on_frame, box.ended.append, queue_ms=200)
    other.sendall(frame(b"1") + frame(b"2"))
    await until(lambda: bool(box.frames))
    await asyncio.sleep(0.01)
    assert box.frames == [b"1"]
    assert box.ended == []
    other.close()


@pytest.mark.req("ICETCP-7.2-7")
async def test_a_stranger_may_send_only_so_much() -> None:
    connection, other = await raw_peer()
    box = Box()
    connection.limit_received(100)
    box.start(connection)
    other.sendall(b"\xff\xff" + bytes(99))
    await until(lambda: bool(box.ended))
    assert box.frames == []
    assert box.ended == ["sent 101 bytes before a valid check"]
    other.close()


async def test_the_limit_can_be_lifted() -> None:
    connection, other = await raw_peer()
    box = Box()
    connection.limit_received(100)

    def on_frame(packet: bytes) -> None:
        box.frames.append(packet)
        connection.limit_received(None)

    connection.start(on_frame, box.ended.append, queue_ms=200)
    other.sendall(frame(bytes([1]) * 50))
    await until(lambda: len(box.frames) == 1)
    other.sendall(frame(bytes([2]) * 500))
    await until(lambda: len(box.frames) == 2)
    assert box.ended == []
    connection.close()
    other.close()


# --- a peer that reads slowly ---


def read_some(sock: socket.socket, size: int = 65536) -> bytes:
    try:
        return sock.recv(size)
    except BlockingIOError:
        return b""


async def stalled(queue_ms: int = 50) -> tuple[HostTcpConnection, socket.socket, Box]:
    """A connection whose peer does not read, with what is never dropped waiting in our queue."""
    connection, other = await raw_peer()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    box = Box()
    box.start(connection, queue_ms=queue_ms)
    for _ in range(100_000):
        connection.send(b"\x00" + bytes(999), droppable=False)
        if connection._queue:
            break
    assert connection._queue
    return connection, other, box


@pytest.mark.req("ICETCP-10-7", "ICETCP-10-4")
async def test_old_media_is_dropped_whole_and_stun_is_kept() -> None:
    connection, other, box = await stalled()
    stun = [b"\x00\x01" + bytes([number]) for number in range(20)]
    media = [b"\x80" + number.to_bytes(2, "big") + bytes(300) for number in range(60)]
    taken = 0
    for number, packet in enumerate(media):
        taken += connection.send(packet, droppable=True)
        if number % 3 == 0:
            assert connection.send(stun[number // 3], droppable=False)
        await asyncio.sleep(0.003)
    assert taken < len(media)
    deframer = Deframer()
    received: list[bytes] = []

    def take() -> bool:
        received.extend(deframer.feed(read_some(other)))
        return stun[-1] in received

    await until(take)
    await until(lambda: take() and not connection._queue and not connection._partial)
    # Whole frames only, in order, every STUN message, and exactly the dropped media missing.
    await until(lambda: take() and not deframer.buffered)
    assert [packet for packet in received if packet in stun] == stun
    arrived = [packet for packet in received if packet in media]
    assert arrived == [packet for packet in media if packet in arrived]
    assert len(arrived) + connection.dropped == len(media)
    assert box.ended == []
    # What was old has gone: media flows again.
    assert connection.send(RTP, droppable=True)
    await until(lambda: take() and RTP in received)
    connection.close()
    other.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what it has not sent")
async def test_media_to_a_peer_that_reads_nothing_is_not_even_framed() -> None:
    connection, other = await raw_peer()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    box = Box()
    box.start(connection, queue_ms=60_000)
    taken = 0
    for _ in range(100_000):
        if not connection.send(RTP, droppable=True):
            break
        taken += 1
    assert connection.dropped == 1
    unsent = array.array("i", [0])
    fcntl.ioctl(connection._socket.fileno(), 0x894B, unsent)
    assert MOST_UNSENT * len(RTP) < unsent[0] <= (MOST_UNSENT + 1) * (len(RTP) + 2)
    assert not connection._queue
    # A check goes out all the same.
    assert connection.send(b"\x00\x01", droppable=False)
    deframer = Deframer()
    received: list[bytes] = []

    def take() -> bool:
        received.extend(deframer.feed(read_some(other)))
        return b"\x00\x01" in received

    await until(take)
    assert received == [RTP] * taken + [b"\x00\x01"]
    connection.close()
    other.close()


async def test_a_peer_that_lets_stun_pile_up_is_cut_off() -> None:
    connection, other, box = await stalled()
    for _ in range(MAX_OTHER_BYTES // 1000 + 2):
        if not connection.send(b"\x00" + bytes(999), droppable=False):
            break
    assert box.ended == ["the peer does not read"]
    other.close()


@pytest.mark.req("ICETCP-10-4")
async def test_a_frame_in_the_kernel_is_finished_first() -> None:
    """Frames of many sizes through a narrow pipe: the stream still parses, nothing is lost or mixed."""
    connection, other = await raw_peer()
    connection._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    box = Box()
    box.start(connection, queue_ms=60_000)
    sizes = itertools.cycle((1, 700, 12_000, 3, 30_000, 160))
    sent = [bytes([number % 251]) * next(sizes) for number in range(24)]
    for packet in sent:
        assert connection.send(packet, droppable=False)
    assert connection._queue
    deframer = Deframer()
    received: list[bytes] = []

    def take() -> bool:
        received.extend(deframer.feed(read_some(other, 900)))
        return len(received) == len(sent)

    await until(take)
    assert received == sent
    connection.close()
    other.close()


async def test_who_has_hung_up_already_is_told_as_such() -> None:
    """A connection that is taken and reset before we look at it has no other end any more."""
    with socket.create_server((HOST, 0)) as server:
        sock = socket.create_connection(server.getsockname())
        taken, _ = server.accept()
        linger = array.array("i", (1, 0)).tobytes()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        taken.close()
        await until(lambda: sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x07")  # closed
        with pytest.raises(ConnectionResetError, match="connection reset by peer"):
            established(sock)
        sock.close()
