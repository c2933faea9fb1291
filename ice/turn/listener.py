"""A relayed address as a TCP listener, and as a place to dial from (RFC 6062)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from ice.errors import TurnError
from ice.net.network import ByteStream, TcpConnection
from ice.turn.data import RelayedConnection, bind
from ice.turn.events import AllocationLost, ConnectFailed, PeerConnected, TurnEvent
from ice.turn.relayed_address import RelayedAddress
from ice.turn.runner import AllocationRunner, EventReceiver
from ice.types import TransportAddress


class RelayedListener(RelayedAddress):
    """A listener of the TURN server, used like one of this host (`ice.net.network.TcpListener`).

    Hosts with a permission may connect to it. Made by `ice.turn.client.listen`.

    Args:
        runner: of the allocation, which stands.
        open_stream: opens a connection to the server like the one of the allocation; raises TurnError.
        on_accept: takes the connections of peers.
        on_event: takes what the allocation tells.
    """

    def __init__(
        self,
        runner: AllocationRunner,
        *,
        open_stream: Callable[[], Awaitable[ByteStream]],
        on_accept: Callable[[TcpConnection], None],
        on_event: EventReceiver | None,
    ) -> None:
        super().__init__(runner, on_event=on_event)
        self._open_stream = open_stream
        self._on_accept: Callable[[TcpConnection], None] | None = on_accept
        self._loop = asyncio.get_running_loop()
        self._connecting: dict[TransportAddress, asyncio.Future[int]] = {}
        self._accepting: set[asyncio.Task[None]] = set()
        self._connections: dict[int, RelayedConnection] = {}
        runner.on_event = self._handle

    async def connect(self, remote: TransportAddress) -> TcpConnection:
        """Dial `remote` from the relayed address: Connect, a data connection, ConnectionBind.

        Cancelling gives the attempt up.

        Raises:
            OSError: it cannot be had; the text says why.
        """
        self._need_relay()
        if remote in self._connecting:
            raise ConnectionError("the relay is connecting to it already")
        answer: asyncio.Future[int] = self._loop.create_future()
        self._connecting[remote] = answer
        connections = self._runner.allocation.connections
        try:
            self._runner.feed(lambda now: connections.connect(remote, now))
            number = await answer
        except asyncio.CancelledError:
            connections.give_up(remote)
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                connections.ended(answer.result())
            raise
        finally:
            del self._connecting[remote]
        return await self._bind(number, remote)

    def close(self) -> None:
        """Close the connections through it, then give the allocation back (RFC 6062 §4.6).

        The way to the server stays open until it answered, a second at most: `wait_closed` waits for that.
        """
        self._on_accept = None
        self._cut("the relay was given back")
        self._runner.close()

    async def wait_closed(self) -> None:
        """Wait until everything is freed."""
        while self._accepting:
            await asyncio.wait(self._accepting)
        await self._runner.wait_closed()

    # --- inside ---

    def _handle(self, event: TurnEvent) -> None:
        match event:
            case PeerConnected(inbound=True):
                task = self._loop.create_task(self._accept(event.connection_id, event.peer))
                self._accepting.add(task)
                task.add_done_callback(self._accepting.discard)
            case PeerConnected():
                self._answer(event.peer, event.connection_id)
            case ConnectFailed():
                self._refuse(event.peer, event.reason)
            case AllocationLost():
                # What is left could not be refreshed: as good as gone (RFC 6062 says nothing of it).
                self._cut(f"the relay is lost: {event.reason}")
            case _:
                pass
        if self._on_event is not None:
            self._on_event(event)

    def _answer(self, peer: TransportAddress, number: int) -> None:
        answer = self._connecting.get(peer)
        if answer is not None and not answer.done():
            answer.set_result(number)
        else:
            # Given up in this moment: the server closes what nobody binds.
            self._runner.allocation.connections.ended(number)

    def _refuse(self, peer: TransportAddress, reason: str) -> None:
        answer = self._connecting.get(peer)
        if answer is not None and not answer.done():
            answer.set_exception(ConnectionError(reason))

    async def _accept(self, number: int, peer: TransportAddress) -> None:
        try:
            connection = await self._bind(number, peer)
        except OSError as error:
            if self._on_event is not None:
                now = self._runner.clock.now()
                self._on_event(ConnectFailed(at=now, peer=peer, code=0, reason=str(error)))
            return
        if self._on_accept is None:
            connection.close()
        else:
            self._on_accept(connection)

    async def _bind(self, number: int, peer: TransportAddress) -> RelayedConnection:
        allocation = self._runner.allocation
        try:
            stream = await self._open_stream()
            try:
                self._need_relay()
            except BaseException:
                stream.close()
                raise
            connection = await bind(stream, allocation.data_connection(number), local=self.local, remote=peer)
        except BaseException as error:
            self._ended(number)
            if isinstance(error, TurnError):
                raise ConnectionError(str(error)) from error
            raise
        self._connections[number] = connection
        connection.ended.add_done_callback(lambda _: self._ended(number))
        try:
            self._need_relay()
        except BaseException:
            connection.close()
            raise
        allocation.connections.bound(number)
        return connection

    def _need_relay(self) -> None:
        """ConnectionError where the relay is gone."""
        if self._on_accept is None or self.lost:
            raise ConnectionError(self.lost or "the relay was given back")

    def _ended(self, number: int) -> None:
        self._connections.pop(number, None)
        with contextlib.suppress(RuntimeError):
            # The allocation may have ended before.
            self._runner.allocation.connections.ended(number)

    def _cut(self, reason: str) -> None:
        for answer in self._connecting.values():
            if not answer.done():
                answer.set_exception(ConnectionError(reason))
        for task in self._accepting:
            task.cancel()
        for connection in tuple(self._connections.values()):
            connection.cut(reason)
