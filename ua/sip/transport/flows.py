"""Flows: what passes between us and a neighbour beside SIP (core; RFC 5626 §3.5, §4.4, §8).

A STUN Binding request that comes to the UDP socket of SIP is answered. Whoever watches a flow hears the
answers to keep-alives, and of its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from ice.errors import StunError
from ice.stun.attributes import Attribute, ErrorCode, UnknownAttributes, XorMappedAddress
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.types import TransportAddress
from ua.sip.transport.hop import Hop

_STUN: Final = b"\0\1"
"""First bytes of STUN Binding messages; two zero bits are not enough, for a method may begin with "!"."""


class FlowWatcher(Protocol):
    """Who keeps a flow alive."""

    def on_flow_lost(self, reason: str) -> None:
        """The connection is gone, or the network says that nobody is there."""

    def on_pong(self) -> None:
        """The answer to a ping came on the connection."""

    def on_stun(self, message: StunMessage) -> None:
        """A STUN response came."""


class Flows:
    """The flows of one endpoint.

    Args:
        send: puts a datagram on the way; gives what went wrong, empty where nothing did.
        ping: asks the other end of a connection for a sign of life.
        drop: closes a connection, for a reason.
        is_open: False of a connection that is gone.
        on_refused: told of what cannot be read.
        counters: count the keep-alives in both directions.
    """

    def __init__(
        self,
        *,
        send: Callable[[Hop, bytes], str],
        ping: Callable[[Hop], None],
        drop: Callable[[Hop, str], None],
        is_open: Callable[[Hop], bool],
        on_refused: Callable[[Hop, str], None],
        counters: Counter[str] | None = None,
    ) -> None:
        self._send = send
        self._ping = ping
        self.drop = drop
        self.is_open = is_open
        self._on_refused = on_refused
        self._counters = Counter() if counters is None else counters
        self._watchers: dict[Hop, list[FlowWatcher]] = {}

    def watch(self, hop: Hop, watcher: FlowWatcher) -> Callable[[], None]:
        """Tell `watcher` of this flow; the returned function ends that, and may be called again."""
        self._watchers.setdefault(hop, []).append(watcher)

        def end() -> None:
            watching = self._watchers.get(hop, [])
            if watcher in watching:
                watching.remove(watcher)
            if not watching:
                self._watchers.pop(hop, None)

        return end

    def receive(self, data: bytes, source: Hop) -> bool:
        """Take what is no SIP; False where it may be."""
        if source.reliable or not data or data[0] not in _STUN or not data.strip(b"\r\n\x00"):
            return False
        self._receive_stun(data, source)
        return True

    def keep_alive(self, hop: Hop, data: bytes) -> str:
        """Send a keep-alive; gives what went wrong, empty where nothing did. STUN never goes on a stream."""
        self._counters["keep-alives sent"] += 1
        if not hop.reliable:
            return self._send(hop, data)
        self._ping(hop)
        return ""

    def pong(self, hop: Hop) -> None:
        """A keep-alive was answered on a connection."""
        self._counters["keep-alives received"] += 1
        for watcher in tuple(self._watchers.get(hop, ())):
            watcher.on_pong()

    def lost(self, hop: Hop, reason: str) -> None:
        """A connection has ended."""
        for watcher in tuple(self._watchers.get(hop, ())):
            watcher.on_flow_lost(reason)

    def unreachable(self, remote: TransportAddress, reason: str) -> None:
        """The network says that datagrams to this address do not arrive."""
        self.lost(Hop(transport="udp", remote=remote), reason)

    def _receive_stun(self, data: bytes, source: Hop) -> None:
        try:
            message = parse(data)
        except StunError as error:
            self._on_refused(source, f"STUN: {error}")
            return
        if message.method != Method.BINDING:
            self._on_refused(source, "STUN that is no Binding")
        elif message.message_class is MessageClass.REQUEST:
            self._send(source, _answer(message, source.remote))
        elif message.message_class is not MessageClass.INDICATION:
            for watcher in tuple(self._watchers.get(source, ())):
                watcher.on_stun(message)


def _answer(request: StunMessage, mapped: TransportAddress) -> bytes:
    """The answer to a Binding request: where it came from (RFC 8489 §6.3.1)."""
    unknown = request.unknown_required
    attributes: tuple[Attribute, ...]
    if unknown:
        kind = MessageClass.ERROR
        attributes = (ErrorCode(code=420, reason="Unknown Attribute"), UnknownAttributes(types=unknown))
    else:
        kind, attributes = MessageClass.SUCCESS, (XorMappedAddress(address=mapped),)
    answer = StunMessage(
        method=Method.BINDING,
        message_class=kind,
        transaction_id=request.transaction_id,
        attributes=attributes,
    )
    return serialise(answer, integrity_key=None, fingerprint=request.fingerprint)
