"""Data connections: TCP or TLS to a TURN server, from the ConnectionBind on a connection with a peer."""

from __future__ import annotations

import asyncio

from ice.net.clock import CoreTimer, LoopClock
from ice.net.network import ByteStream, CloseReceiver, FrameReceiver, TcpConnection
from ice.turn.bind import ConnectionBind
from ice.types import TransportAddress


class RelayedConnection:
    """A connection with a peer through a relay (`ice.net.network.TcpConnection`).

    Args:
        inner: the data connection, with frames.
    """

    def __init__(self, inner: TcpConnection) -> None:
        self._inner = inner
        self._on_closed: CloseReceiver | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def local(self) -> TransportAddress:
        """The relayed address."""
        return self._inner.local

    @property
    def remote(self) -> TransportAddress:
        """The peer's address as the server sees it."""
        return self._inner.remote

    @property
    def dropped(self) -> int:
        """Droppable frames dropped so far."""
        return self._inner.dropped

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done once it is closed, by whomever."""
        return self._ended

    def start(self, on_frame: FrameReceiver, on_closed: CloseReceiver, *, queue_ms: int) -> None:
        """Begin to deliver frames."""
        self._on_closed = on_closed
        self._inner.start(on_frame, self.cut, queue_ms=queue_ms)

    def limit_received(self, most: int | None) -> None:
        """End it once more than `most` bytes came in all; None lifts that."""
        self._inner.limit_received(most)

    def send(self, packet: bytes, *, droppable: bool) -> bool:
        """Queue one frame; False where one was dropped."""
        return self._inner.send(packet, droppable=droppable)

    def close(self) -> None:
        """Close at once; the server ends the connection with the peer."""
        self._on_closed = None
        self.cut("closed")

    def cut(self, reason: str) -> None:
        """It has ended, or has to: tell its user."""
        self._inner.close()
        if not self._ended.done():
            self._ended.set_result(None)
        on_closed, self._on_closed = self._on_closed, None
        if on_closed is not None:
            on_closed(reason)


class _Binder:
    """Runs one ConnectionBind on a fresh connection to the server."""

    def __init__(
        self, stream: ByteStream, bind: ConnectionBind, *, local: TransportAddress, remote: TransportAddress
    ) -> None:
        self._stream = stream
        self._bind = bind
        self._local = local
        self._remote = remote
        self._clock = LoopClock()
        self._timer = CoreTimer(self._clock, self._ring)
        self._bound: asyncio.Future[RelayedConnection] = asyncio.get_running_loop().create_future()

    async def run(self) -> RelayedConnection:
        self._stream.start(self._receive, self._end)
        self._bind.start(self._clock.now())
        self._pump()
        try:
            return await self._bound
        except BaseException:
            self._stream.close()
            if self._bound.done() and not self._bound.cancelled() and self._bound.exception() is None:
                # Given up in the moment of the success.
                self._bound.result().close()
            raise
        finally:
            self._timer.arm(None)

    def _receive(self, data: bytes) -> None:
        self._bind.receive(data, self._clock.now())
        self._pump()

    def _end(self, reason: str) -> None:
        self._fail(f"the data connection to the TURN server ended: {reason}")

    def _ring(self, now: float) -> None:
        self._bind.handle_timer(now)
        self._pump()

    def _pump(self) -> None:
        for message in self._bind.take_output():
            self._stream.send(message)
        outcome = self._bind.outcome
        if outcome is None:
            self._timer.arm(self._bind.next_timer())
        elif outcome.success is None:
            self._fail(f"the relay: {outcome.reason}")
        elif not self._bound.done():
            # Here and not later: what comes next on the stream is the peer's (RFC 6062 §4.3).
            framed = self._stream.framed(local=self._local, remote=self._remote, received=self._bind.rest)
            self._bound.set_result(RelayedConnection(framed))

    def _fail(self, reason: str) -> None:
        if not self._bound.done():
            self._bound.set_exception(ConnectionError(reason))


async def bind(
    stream: ByteStream, core: ConnectionBind, *, local: TransportAddress, remote: TransportAddress
) -> RelayedConnection:
    """Make a fresh connection to the server the data connection of a peer connection. May be cancelled.

    Args:
        stream: taken over.
        core: of the allocation, for that peer connection.
        local: the relayed address.
        remote: the peer's.

    Raises:
        ConnectionError: the server refuses, or the connection ended.
    """
    return await _Binder(stream, core, local=local, remote=remote).run()
