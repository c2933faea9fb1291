"""What goes over a connection, layer by layer: messages above, bytes below (core).

A wire takes bytes as they come and gives whole messages; it takes messages and gives bytes. `PlainWire` is
SIP on a stream; TLS and WebSocket are wires around or instead of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ua.sip.errors import SipUnreachable
from ua.sip.transport.stream import PING, FramedMessage, KeepAlive, StreamFault, StreamFramer


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOpened:
    """Messages may be sent now.

    Attributes:
        detail: what is known of the other side, for people.
    """

    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireClosed:
    """The other side has ended it: send what `take_output` gives, then close."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFailed:
    """It cannot be used: send what `take_output` gives, then close."""

    error: SipUnreachable


WireItem = FramedMessage | KeepAlive | StreamFault | WireOpened | WireClosed | WireFailed


class Wire(Protocol):
    """One connection as bytes and messages."""

    @property
    def holds_half(self) -> bool:
        """True where a message has begun to arrive."""

    def start(self) -> list[WireItem]:
        """The connection below stands."""

    def receive(self, data: bytes) -> list[WireItem]:
        """Take bytes; give what is complete."""

    def end(self) -> list[WireItem]:
        """No more bytes will come."""

    def send(self, message: bytes) -> None:
        """Send a message, or CRLF as keep-alive."""

    def ping(self) -> None:
        """Ask for a sign of life; a `KeepAlive` that is no ping answers it (RFC 5626 §3.5.1, RFC 7118 §6)."""

    def close(self) -> None:
        """Say goodbye where there is a way to."""

    def take_output(self) -> bytes:
        """Bytes to send."""

    def speaks_for(self, domain: str) -> bool:
        """True where requests for this domain may use it (RFC 5922 §7.3, RFC 5923 §7)."""


class PlainWire:
    """SIP messages, one after the other, by their length (RFC 3261 §18.3)."""

    def __init__(self) -> None:
        self._framer = StreamFramer()
        self._output = bytearray()

    @property
    def holds_half(self) -> bool:
        """True where a message has begun to arrive."""
        return self._framer.buffered > 0

    def start(self) -> list[WireItem]:
        """The connection below stands."""
        return [WireOpened()]

    def receive(self, data: bytes) -> list[WireItem]:
        """Take bytes; give what is complete."""
        return list(self._framer.feed(data))

    def end(self) -> list[WireItem]:
        """No more bytes will come."""
        return [WireClosed(reason="closed by the peer")]

    def send(self, message: bytes) -> None:
        """Send a message, or CRLF as keep-alive."""
        self._output += message

    def ping(self) -> None:
        """Ask for a sign of life (RFC 5626 §3.5.1)."""
        self._output += PING

    def close(self) -> None:
        """Nothing to say."""

    def take_output(self) -> bytes:
        """Bytes to send."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def speaks_for(self, domain: str) -> bool:  # noqa: ARG002 - nobody has proved anything
        """Anybody may be at the other end; the address is all there is to go by."""
        return True
