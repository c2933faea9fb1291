"""One connection of a stream transport: bytes in, messages out, and the other way round (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Final

from ice.types import TransportAddress
from ua.sip.syntax.message import serialise
from ua.sip.transport.stream import PONG, FramedMessage, KeepAlive, StreamFault, StreamFramer
from ua.sip.transport.udp_channel import local_towards

if TYPE_CHECKING:
    from ua.sip.transport.stream_channel import StreamChannel

MAX_UNSENT_BYTES: Final = 1 << 20
"""A peer that reads this little is cut off."""


class StreamConnection(asyncio.Protocol):
    """One connection; `gone` is done when nothing of it is left."""

    def __init__(self, channel: StreamChannel, *, accepted: bool) -> None:
        self._channel = channel
        self._accepted = accepted
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._remote = TransportAddress(host="", port=0)
        self._half: asyncio.TimerHandle | None = None
        self._reason = ""
        self._loop = asyncio.get_running_loop()
        self.number = 0
        self.gone: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: the connection stands."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream transport
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self._remote = TransportAddress(host=str(peer[0]).partition("%")[0], port=int(peer[1]))
        raw = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = self._channel.add(self, self._remote, accepted=self._accepted)
        if number is None:
            transport.abort()
        else:
            self.number = number

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
        if self._accepted or local is None:
            return False
        try:
            return local_towards(self._remote) != local.host
        except OSError:
            return False

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes arrived."""
        for item in self._framer.feed(data):
            match item:
                case FramedMessage():
                    self._channel.on_message(item.data, self._channel.hop(self._remote, self.number))
                case KeepAlive():
                    if item.ping:
                        self.send(PONG)
                case StreamFault():
                    self._channel.on_fault(self._channel.hop(self._remote), item.reason)
                    if item.answer is not None:
                        self.send(serialise(item.answer))
                    self.close(item.reason)
        self._watch_half_message()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio: the connection is gone."""
        if self._half is not None:
            self._half.cancel()
        reason = self._reason or (str(exc) if exc else "closed by the peer")
        self._channel.remove(self.number, self._remote, reason, accepted=self._accepted)
        self._transport = None
        if not self.gone.done():
            self.gone.set_result(None)

    def send(self, data: bytes) -> str:
        """Write; empty where it was taken, else what went wrong."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return "the connection is closed"
        if transport.get_write_buffer_size() + len(data) > MAX_UNSENT_BYTES:
            self.abort("the peer does not read")
            return "the peer does not read"
        transport.write(data)
        return ""

    def close(self, reason: str) -> None:
        """Close after what is written has been sent."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    def _watch_half_message(self) -> None:
        if self._framer.buffered == 0:
            if self._half is not None:
                self._half.cancel()
                self._half = None
        elif self._half is None:
            self._half = self._loop.call_later(
                self._channel.config.partial_timeout, self.abort, "half a message for too long"
            )
