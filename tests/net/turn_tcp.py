"""TCP relayed by the TURN server of the tests (RFC 6062 §5): who is connected with whom, no sockets.

Connections to make come out by `take_dials`, connections to end by `take_closed`; `connected`, `refused`,
`accepted` and `ended` go in. What flows is the matter of whoever has the sockets: once a ConnectionBind
has succeeded, `bound` tells which connection of a client carries which stream.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ice.stun.attributes import Attribute
from ice.stun.message import StunMessage
from ice.turn.attributes import ConnectionId, XorPeerAddress
from ice.turn.requests import TurnMethod
from ice.types import TransportAddress
from tests.net.turn_refusal import Refusal

if TYPE_CHECKING:
    from tests.net.turn_server import Relay, TurnServer

UNBOUND_S = 30.0
"""RFC 6062 §5.2, §5.3."""

DIAL_S = 30.0
"""RFC 6062 §5.2: so long the server tries at least."""


@dataclass(slots=True, kw_only=True, eq=False)
class Stream:
    """One connection with a peer.

    Attributes:
        number: CONNECTION-ID.
        relay: the allocation that it goes through.
        peer: the peer's address.
        client: the data connection, once bound.
        expires_at: when an unbound one is closed.
        answer: sends the answer to the Connect that waits for it.
    """

    number: int
    relay: Relay
    peer: TransportAddress
    expires_at: float
    client: TransportAddress | None = None
    answer: Callable[[tuple[Attribute, ...] | Refusal, float], None] | None = field(default=None, repr=False)


class Waiting(Exception):
    """The request is answered later."""

    def __init__(self, stream: Stream) -> None:
        super().__init__("later")
        self.stream = stream


class TcpRelaying:
    """All connections with peers."""

    def __init__(self, server: TurnServer) -> None:
        self._server = server
        self._numbers = itertools.count(1000)
        self._dials: list[Stream] = []
        self._closed: list[Stream] = []
        self.streams: dict[int, Stream] = {}

    # --- requests ---

    def connect(self, relay: Relay, message: StunMessage, now: float) -> tuple[Attribute, ...]:
        """Connect (RFC 6062 §5.2); the answer waits for the connection."""
        peer = message.get(XorPeerAddress)
        if peer is None or peer.address.port == 0:
            raise Refusal(400, "no peer")
        self._server.check_peer(relay, peer.address)
        if any(s.relay is relay and s.peer == peer.address for s in self.streams.values()):
            raise Refusal(446, "Connection Already Exists")
        stream = self._add(relay, peer.address, now + DIAL_S)
        self._dials.append(stream)
        raise Waiting(stream)

    def bind(self, client: TransportAddress, user: str, message: StunMessage) -> tuple[Attribute, ...]:
        """ConnectionBind (RFC 6062 §5.4)."""
        identity = message.get(ConnectionId)
        stream = None if identity is None else self.streams.get(identity.number)
        if stream is None or stream.client is not None or stream.answer is not None:
            raise Refusal(400, "no such connection")
        if stream.relay.user != user:
            raise Refusal(441, "Wrong Credentials")
        stream.client = client
        return ()

    def bound(self, client: TransportAddress) -> Stream | None:
        """The stream of a data connection."""
        return next((s for s in self.streams.values() if s.client == client), None)

    # --- what happens on the side of the peers ---

    def take_dials(self) -> list[Stream]:
        """Peers to connect to, since the last call."""
        taken, self._dials = self._dials, []
        return taken

    def connected(self, stream: Stream, now: float) -> None:
        """The peer took the connection."""
        if stream.number in self.streams and stream.answer is not None:
            answer, stream.answer = stream.answer, None
            stream.expires_at = now + UNBOUND_S
            answer((ConnectionId(number=stream.number),), now)

    def refused(self, stream: Stream, now: float) -> None:
        """The peer cannot be reached."""
        if self.streams.pop(stream.number, None) is not None and stream.answer is not None:
            stream.answer(Refusal(447, "Connection Timeout or Failure"), now)

    def accepted(self, relayed: TransportAddress, peer: TransportAddress, now: float) -> Stream | None:
        """A peer connected to a relayed address; None: close it at once (RFC 6062 §5.3)."""
        relay = next((r for r in self._server.relays.values() if r.tcp and r.relayed == relayed), None)
        if relay is None or now >= relay.expires_at or not relay.permits(peer.host, now):
            self._server.counters["peer-without-permission"] += 1
            return None
        stream = self._add(relay, peer, now + UNBOUND_S)
        self._server.indicate(
            relay,
            TurnMethod.CONNECTION_ATTEMPT,
            ConnectionId(number=stream.number),
            XorPeerAddress(address=peer),
        )
        return stream

    def ended(self, stream: Stream) -> None:
        """One of the two connections ended; the other one has to."""
        if self.streams.pop(stream.number, None) is not None:
            self._closed.append(stream)

    def take_closed(self) -> list[Stream]:
        """Streams whose connections have to be closed, since the last call."""
        taken, self._closed = self._closed, []
        return taken

    # --- ends ---

    def drop(self, relay: Relay) -> None:
        """The allocation is gone."""
        for stream in tuple(self.streams.values()):
            if stream.relay is relay:
                self.ended(stream)

    def expire(self, now: float) -> None:
        """Close what nobody bound in time."""
        for stream in tuple(self.streams.values()):
            if stream.client is None and now >= stream.expires_at:
                if stream.answer is not None:
                    self.refused(stream, now)
                else:
                    self.ended(stream)

    def _add(self, relay: Relay, peer: TransportAddress, expires_at: float) -> Stream:
        stream = Stream(number=next(self._numbers), relay=relay, peer=peer, expires_at=expires_at)
        self.streams[stream.number] = stream
        return stream
