"""Signs of life on a flow, and what their absence means (core; RFC 5626 §4.4)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final

from ice.stun.attributes import MappedAddress, XorMappedAddress
from ice.stun.message import MessageClass, Method, StunMessage, serialise
from ice.stun.transaction import ClientTransaction
from ice.types import TransportAddress
from ua.registration.backoff import uniform

PING: Final = b"\r\n\r\n"

PONG_S: Final = 10.0
"""Seconds that a pong is waited for (RFC 5626 §4.4.1)."""

STREAM_S: Final = 120.0
"""The longest time between two pings where the registrar names none (RFC 5626 §4.4.1)."""

UDP_S: Final = (24.0, 29.0)
"""The time between two Binding requests, as short as the bindings of NATs (RFC 5626 §4.4.2)."""

NEAR_S: Final = 8.0
"""The longest time between two REGISTERs to a server in a private network.

That is a PBX of the house: it may be started again at any time, and is to have us back within 10 s."""

_LEAST: Final = 0.8
"""Of the longest time (RFC 5626 §4.4, §4.4.1)."""

_BINDING_S: Final = 39.5
"""Seconds from the first of 7 requests to the end of the wait for the last: 79 RTO (RFC 8489 §6.2.1)."""

_ID_BYTES: Final = 12


class Keepalive:
    """The keep-alives of one flow. Times are monotonic seconds.

    Over a stream CRLF CRLF, answered with CRLF; over UDP a STUN Binding request. The first one leaves after
    an interval.

    Args:
        reliable: True for a stream.
        now: when the flow was there.
        random: random(n) gives n unpredictable bytes.
        longest_s: the longest time between two of them, from the registrar's Flow-Timer or a setting; None
            for those of RFC 5626.

    Attributes:
        failure: why the flow has failed, empty while it has not.
        answered: how many were answered.
        mapped: our address as the server saw it last, None over a stream.
    """

    def __init__(
        self, *, reliable: bool, now: float, random: Callable[[int], bytes], longest_s: float | None = None
    ) -> None:
        self._reliable = reliable
        self._random = random
        self._between = between(reliable=reliable, longest_s=longest_s)
        self._next_at = now + self._interval()
        self._pong_until: float | None = None
        self._binding: ClientTransaction | None = None
        self._to_send: list[bytes] = []
        self.failure = ""
        self.answered = 0
        self.mapped: TransportAddress | None = None

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""
        if self.failure:
            return None
        if self._pong_until is not None:
            return self._pong_until
        return self._next_at if self._binding is None else self._binding.next_timer

    def take_bytes(self) -> list[bytes]:
        """What is to be sent on the flow, in order; each once."""
        data, self._to_send = self._to_send, []
        return data

    def handle_timer(self, now: float) -> None:
        """Send what is due; see what did not come."""
        if self.failure:
            return
        if self._pong_until is not None:
            if now >= self._pong_until:
                self._fail(f"no pong in {PONG_S:g} s")
        elif self._binding is not None:
            if self._binding.expired(now):
                self._fail("no answer to STUN")
            elif self._binding.due(now):
                self._to_send.append(self._binding.data)
        elif now >= self._next_at:
            self._begin(now)

    def pong(self, now: float) -> None:
        """CRLF came."""
        if self._pong_until is not None and not self.failure:
            self._pong_until = None
            self._answered(now)

    def stun(self, message: StunMessage, now: float) -> None:
        """A STUN response came; one to no request of ours is ignored."""
        if self._binding is None or message.transaction_id != self._binding.id or self.failure:
            return
        if message.message_class is MessageClass.ERROR:
            self._fail("the server refuses STUN")
            return
        found = message.get(XorMappedAddress) or message.get(MappedAddress)
        if found is None:
            self._fail("an answer to STUN without an address")
            return
        if self.mapped is not None and found.address != self.mapped:
            self._fail(f"we were {self.mapped} to the server and are {found.address} now")
            return
        self.mapped = found.address
        self._binding = None
        self._answered(now)

    def _begin(self, now: float) -> None:
        if self._reliable:
            self._to_send.append(PING)
            self._pong_until = now + PONG_S
            return
        identity = self._random(_ID_BYTES)
        request = StunMessage(
            method=Method.BINDING, message_class=MessageClass.REQUEST, transaction_id=identity
        )
        data = serialise(request, integrity_key=None, fingerprint=False)
        self._binding = ClientTransaction(
            transaction_id=identity, data=data, reliable=False, now=now, deadline=now + _BINDING_S
        )
        self._to_send.append(data)

    def _answered(self, now: float) -> None:
        self.answered += 1
        self._next_at = now + self._interval()

    def _interval(self) -> float:
        return uniform(*self._between, self._random)

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self._binding = None
        self._pong_until = None


def between(*, reliable: bool, longest_s: float | None = None) -> tuple[float, float]:
    """The shortest and the longest time between two keep-alives; `longest_s` as for `Keepalive`."""
    if reliable:
        longest = STREAM_S if longest_s is None else longest_s
        return _LEAST * longest, longest
    if longest_s is None or longest_s >= UDP_S[1]:
        return UDP_S
    return _LEAST * longest_s, longest_s


def between_registers(host: str, longest_s: float | None = None) -> tuple[float, float]:
    """The same where REGISTER over UDP is the sign of life, by the address of the server (an IP literal).

    A server with a public address, which serves many, is asked no more often than NATs demand.
    """
    if longest_s is None and ipaddress.ip_address(host).is_private:
        longest_s = NEAR_S
    return between(reliable=False, longest_s=longest_s)
