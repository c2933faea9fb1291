"""One connection of a stream transport: bytes in, messages out, and the other way round (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final, Protocol, assert_never

from ice.types import TransportAddress
from ua.clock import now as monotonic
from ua.sip.config import SipConfig
from ua.sip.errors import SipUnreachable
from ua.sip.syntax.wire_format import serialise
from ua.sip.transport.stream import PONG, FramedMessage, KeepAlive, StreamFault
from ua.sip.transport.udp_channel import local_towards
from ua.sip.transport.wire import Wire, WireClosed, WireFailed, WireItem, WireOpened

MAX_UNSENT_BYTES: Final = 1 << 20
"""A peer that leaves this much unread is cut off."""


class Keeper(Protocol):
    """Whoever keeps connections, and hears what they have to say."""

    def add(self, connection: StreamConnection) -> int | None:
        """Take a connection in that stands; its number, or None where it is not wanted."""

    def opened(self, connection: StreamConnection, detail: str) -> None:
        """It is ready for messages."""

    def receive(self, connection: StreamConnection, data: bytes) -> None:
        """One whole message came."""

    def hear_pong(self, connection: StreamConnection) -> None:
        """The other side answered a ping."""

    def fault(self, connection: StreamConnection, reason: str) -> None:
        """What came cannot be read."""

    def remove(self, connection: StreamConnection, reason: str) -> None:
        """It has ended, or was never taken in."""


class StreamConnection(asyncio.Protocol):
    """One connection.

    Attributes:
        number: what it is called in hops; 0 before it was taken in.
        remote: the other end.
        accepted: true where the other side opened it.
        was_open: true once messages could be sent.
        wire: what goes over it.
        ready: done once messages may be sent; fails with SipUnreachable.
        gone: done when nothing of it is left.
    """

    def __init__(self, keeper: Keeper, config: SipConfig, wire: Wire, *, accepted: bool) -> None:
        self._keeper = keeper
        self._config = config
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._used = monotonic()
        self._greeted = not accepted
        self._reason = ""
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self.number = 0
        self.was_open = False
        self.remote = TransportAddress(host="", port=0)
        self.accepted = accepted
        self.wire = wire
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()

    @property
    def is_open(self) -> bool:
        """True where messages may be sent."""
        return self.ready.done() and self._transport is not None and not self._transport.is_closing()

    @property
    def has_spoken(self) -> bool:
        """True once a whole message came; always true of one that we opened."""
        return self._greeted

    @property
    def local(self) -> TransportAddress | None:
        """Our end of it, None where it is gone."""
        name = None if self._transport is None else self._transport.get_extra_info("sockname")
        return None if not name else TransportAddress(host=str(name[0]).partition("%")[0], port=int(name[1]))

    @property
    def is_stranded(self) -> bool:
        """True where we opened it from an address that the system would not take any more.

        It may have been taken from this host: nothing gets through then, and nobody tells.
        """
        local = self.local
        if self.accepted or local is None:
            return False
        try:
            return local_towards(self.remote) != local.host
        except OSError:
            return False

    # what asyncio says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: the connection stands."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream transport
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self.remote = TransportAddress(host=str(peer[0]).partition("%")[0], port=int(peer[1]))
        raw = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = self._keeper.add(self)
        if number is None:
            transport.abort()
            return
        self.number = number
        self._be_patient(self._config.handshake_timeout)
        self._handle(self.wire.start())

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes arrived."""
        self._handle(self.wire.receive(data))

    def eof_received(self) -> bool:
        """Asyncio: no more bytes will come; false closes the connection."""
        self._ended = True
        self._handle(self.wire.end())
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio: the connection is gone."""
        for timer in (self._patience, self._idle):
            if timer is not None:
                timer.cancel()
        reason = self._reason or (str(exc) if exc else "closed by the peer")
        for item in self.wire.end() if not self._reason and not self._ended else ():
            if isinstance(item, WireFailed):
                self._fail(item.error)
        self._fail(SipUnreachable(f"the connection to {self.remote} was lost", seen=reason))
        self._keeper.remove(self, reason)
        self._transport = None
        if not self.gone.done():
            self.gone.set_result(None)

    # what its keeper wants

    def send(self, data: bytes) -> str:
        """Write a message; empty where it was taken, else what went wrong."""
        if not self.is_open:
            return "the connection is closed"
        self._used = monotonic()
        self.wire.send(data)
        return "" if self._flush() else "the peer does not read"

    def ping(self) -> None:
        """Ask for a sign of life; the keeper hears of the answer."""
        if self.is_open:
            self.wire.ping()
            self._flush()

    def close(self, reason: str) -> None:
        """Say goodbye and close after what is written has been sent."""
        self._reason = self._reason or reason
        if self._transport is not None and not self._transport.is_closing():
            self.wire.close()
            self._flush()
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    # what the wire says

    def _handle(self, items: list[WireItem]) -> None:
        self._flush()
        for item in items:
            match item:
                case FramedMessage():
                    self._heard()
                    self._keeper.receive(self, item.data)
                case KeepAlive():
                    self._heard()
                    if item.ping:
                        self.wire.send(PONG)
                        self._flush()
                    else:
                        self._keeper.hear_pong(self)
                case StreamFault():
                    self._keeper.fault(self, item.reason)
                    if item.answer is not None:
                        self.send(serialise(item.answer))
                    self.close(item.reason)
                case WireOpened():
                    self._open(item.detail)
                case WireClosed():
                    self.close(item.reason)
                case WireFailed():
                    self._reason = f"{item.error.what} {item.error.seen}".strip()
                    if self.ready.done() or self.accepted:
                        self._keeper.fault(self, self._reason)
                    self._fail(item.error)
                    self.close(self._reason)
                case _:
                    assert_never(item)
        self._watch()

    def _open(self, detail: str) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if not self.ready.done():
            self.ready.set_result(None)
        self.was_open = True
        self._keeper.opened(self, detail)
        self._rest()

    def _fail(self, error: SipUnreachable) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # seen: nobody waits for one that was accepted

    def _heard(self) -> None:
        """A whole message: who sends half of one next has all the time again."""
        self._used = monotonic()
        self._greeted = True
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _flush(self) -> bool:
        """Write what the wire has to say; false where the peer has not read what it got before."""
        output, transport = self.wire.take_output(), self._transport
        if not output or transport is None or transport.is_closing():
            return True
        if transport.get_write_buffer_size() + len(output) > MAX_UNSENT_BYTES:
            self.abort("the peer does not read")
            return False
        transport.write(output)
        return True

    def _watch(self) -> None:
        """Half a message must not wait for long, nor one who connects and says nothing."""
        if not self.ready.done():
            return
        if self._greeted and not self.wire.holds_half:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None
        elif self._patience is None:
            self._be_patient(self._config.partial_timeout)

    def _be_patient(self, seconds: float) -> None:
        self._patience = self._loop.call_later(seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        if not self.ready.done():
            reason = "no handshake in time"
        else:
            reason = "half a message for too long" if self.wire.holds_half else "connected and said nothing"
        self.abort(reason)

    def _rest(self) -> None:
        """Close what nobody uses (RFC 3261 §18: it stays open for a while)."""
        left = self._used + self._config.idle_timeout - monotonic()
        if left <= 0:
            self.close("not used for long")
        else:
            self._idle = self._loop.call_later(left, self._rest)
