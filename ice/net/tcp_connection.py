"""A TCP connection that carries RFC 4571 frames.

What waits for a slow peer waits here and not in the kernel, where nothing can be taken back. Media that would
come too late is not even framed (`ice.net.backlog`); whatever else there is queues up as soon as the kernel
holds unsent bytes. Never is a frame begun before the one under way is finished, and never is STUN or DTLS
dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from collections import deque

from ice.net.backlog import MOST_UNSENT, Backlog
from ice.net.clock import LoopClock
from ice.net.framing import Deframer, frame
from ice.net.marking import mark
from ice.net.network import CloseReceiver, FrameReceiver
from ice.net.port_sharing import share_port
from ice.net.tcp_holder import TcpHolder
from ice.net.tcp_socket import TcpSocket, describe_error, would_block
from ice.net.udp_socket import family_of, require_literal
from ice.types import TransportAddress

USER_TIMEOUT_MS = 30_000
"""Sent bytes may stay unacknowledged this long; consent ends after the same time (RFC 7675 §5.1)."""

MAX_UNSENT = 1024
"""Unsent bytes that the kernel may hold before frames wait here: about five frames of G.711."""

MAX_OTHER_BYTES = 256 * 1024
SMALL_BUFFER = 4096
"""Bytes of the send buffer where the system does not tell what is in it."""

"""A peer that lets more than this of STUN and DTLS pile up does not read: the connection ends."""

# linux/tcp.h and linux/in.h; the socket module does not name them on all versions.
_TCP_THIN_LINEAR_TIMEOUTS = 16
_TCP_NOTSENT_LOWAT = 25
_IP_BIND_ADDRESS_NO_PORT = 24


def prepare(sock: socket.socket) -> None:
    """Options of every media connection; those that the system lacks are left out."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, MAX_UNSENT)
        with contextlib.suppress(OSError):
            # A flow of few packets repeats what was lost without waiting twice as long each time.
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_THIN_LINEAR_TIMEOUTS, 1)
    else:
        # What it does not tell of its send buffer must not matter.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)


class HostTcpConnection(TcpSocket):
    """An established connection (`ice.net.network.TcpConnection`); reading begins with `start`.

    Args:
        sock: established and non-blocking, taken over; with TLS where it goes through a server.
        local: our address where a relay gives us another one.
        remote: the peer's address where the socket leads to a relay.
        received: what was read from the socket before.

    Raises:
        OSError: it is already gone.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        local: TransportAddress | None = None,
        remote: TransportAddress | None = None,
        received: bytes = b"",
    ) -> None:
        super().__init__(sock, local=local, remote=remote, closed="closed by the peer")
        self._clock = LoopClock()
        self._early = received
        self._deframer = Deframer()
        self._holder = TcpHolder(sock)
        self._backlog = Backlog(self._holder, 0.0)
        self._queue: deque[tuple[float, bool, bytes]] = deque()
        self._queued_media = 0
        self._queued_other = 0
        self._partial = b""
        self._writing = False
        self._queue_s = 0.0
        self._dropped = 0
        self._received = 0
        self._limit: int | None = None
        self._on_frame: FrameReceiver | None = None

    @property
    def dropped(self) -> int:
        """Droppable frames dropped so far."""
        return self._dropped

    def start(self, on_frame: FrameReceiver, on_closed: CloseReceiver, *, queue_ms: int) -> None:
        """Begin to read; droppable frames are dropped where older ones have waited for `queue_ms` ms."""
        self._on_frame = on_frame
        self._on_closed = on_closed
        self._queue_s = queue_ms / 1000
        self._backlog = Backlog(self._holder, self._queue_s)
        if self._open:
            self._poller.watch(self._socket.fileno(), self._readable)
            if self._early:
                # Before anything that is read, and not before who takes it is known.
                self._loop.call_soon(self._take_early)

    def limit_received(self, most: int | None) -> None:
        """End the connection once more than `most` bytes came in all; None lifts that."""
        self._limit = most

    def close(self) -> None:
        """Close at once; `on_closed` is not called any more."""
        if self._open:
            self._unwatch()
            self._socket.close()
            self._queue.clear()
            self._partial = b""
            self._on_frame = None

    # --- sending ---

    def send(self, packet: bytes, *, droppable: bool) -> bool:
        """Send or queue one frame; False where it was dropped or not taken."""
        if not self._open:
            return False
        now = self._clock.now()
        if droppable:
            if self._queued_media >= MOST_UNSENT or self._backlog.refuses(now):
                self._dropped += 1
                return False
            framed = frame(packet)
            if not self._writing:
                return self._write(framed, now)
            self._queued_media += 1
        else:
            framed = frame(packet)
            if not self._writing:
                if self._holder.unsent() < MAX_UNSENT:
                    return self._write(framed, now)
                self._watch_writable()
            self._queued_other += len(framed)
        self._queue.append((now, droppable, framed))
        if self._queued_other > MAX_OTHER_BYTES:
            self._end("the peer does not read")
        return self._open

    def _write(self, framed: bytes, now: float) -> bool:
        """Write a frame in one call; what the kernel does not take is finished before anything else."""
        try:
            sent = self._socket.send(framed)
        except OSError as error:
            if not would_block(error):
                # The reader reports the end: a send inside a call of the application must not call it back.
                self._loop.call_soon(self._end, describe_error(error))
                return False
            sent = 0
        self._backlog.wrote(sent, now)
        if sent < len(framed):
            self._partial = framed[sent:]
            self._watch_writable()
        return True

    def _watch_writable(self) -> None:
        if not self._writing:
            self._writing = True
            self._poller.watch_writing(self._socket.fileno(), self._writable)

    def _writable(self) -> None:
        now = self._clock.now()
        self._drop_stale(now)
        while self._partial or self._queue:
            if self._partial:
                framed, self._partial = self._partial, b""
            elif self._holder.unsent() < MAX_UNSENT:
                _, droppable, framed = self._queue.popleft()
                if droppable:
                    self._queued_media -= 1
                else:
                    self._queued_other -= len(framed)
            else:
                return
            if not self._write(framed, now) or self._partial:
                return
        self._writing = False
        self._poller.stop_writing(self._socket.fileno())

    def _drop_stale(self, now: float) -> None:
        """Drop whole droppable frames that have waited here for too long."""
        if not self._queued_media:
            return
        oldest = now - self._queue_s
        kept = [entry for entry in self._queue if not entry[1] or entry[0] >= oldest]
        dropped = len(self._queue) - len(kept)
        if dropped:
            self._queue = deque(kept)
            self._queued_media -= dropped
            self._dropped += dropped

    # --- receiving ---

    def _take_early(self) -> None:
        early, self._early = self._early, b""
        self._take(early)

    def _take(self, data: bytes) -> None:
        self._received += len(data)
        for packet in self._deframer.feed(data):
            if self._on_frame is None:
                return
            self._on_frame(packet)
        if self._open and self._limit is not None and self._received > self._limit:
            self._end(f"sent {self._received} bytes before a valid check")


def established(sock: socket.socket) -> HostTcpConnection:
    """Make a connection of an established socket; raises OSError where it is none with somebody else."""
    prepare(sock)
    connection = HostTcpConnection(sock)
    # A port may connect to itself (simultaneous open with one end).
    if connection.local == connection.remote:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "connected to itself")
    return connection


async def connect(
    local_host: str, remote: TransportAddress, *, local_port: int = 0, dscp: int = 0
) -> HostTcpConnection:
    """Dial `remote` from `local_host`; raises OSError with a readable text. May be cancelled.

    A `local_port` is shared with the listener there; 0: any. What is sent is marked with `dscp`.
    """
    sock = await dialled(local_host, remote, local_port=local_port, dscp=dscp)
    try:
        return established(sock)
    except OSError as error:
        sock.close()
        raise type(error)(error.errno, describe_error(error)) from error


async def dialled(
    local_host: str, remote: TransportAddress, *, local_port: int = 0, dscp: int = 0
) -> socket.socket:
    """A socket connected to `remote` from `local_host`, non-blocking; like `connect`."""
    require_literal(local_host)
    require_literal(remote.host)
    sock = socket.socket(family_of(local_host), socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        mark(sock, dscp)
        if local_port:
            share_port(sock)
        elif sys.platform == "linux":
            # The port is chosen when the destination is known: many calls do not run out of ports.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((local_host, local_port))
        await asyncio.get_running_loop().sock_connect(sock, (remote.host, remote.port))
        return sock
    except OSError as error:
        sock.close()
        raise type(error)(error.errno, describe_error(error)) from error
    except BaseException:
        sock.close()
        raise
