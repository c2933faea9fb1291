"""ConnectionBind: what turns a new connection to a TURN server into one with a peer (RFC 6062 §4.3, §5.4).

A core: bytes of the connection go in by `receive`, requests come out by `take_output`. Before the answer the
stream holds STUN without frames; whatever follows the answer is the peer's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ice.errors import StunError
from ice.stun.message import HEADER_SIZE, MessageClass, parse
from ice.turn.attributes import ConnectionId
from ice.turn.credentials import LongTermCredentials
from ice.turn.outbox import TurnOutbox
from ice.turn.requests import Outcome, Requests, TurnMethod

_FIRST_NO_STUN: Final = 0x04


class ConnectionBind:
    """The beginning of one data connection. `now` is monotonic seconds.

    Args:
        connection_id: of the peer connection.
        credentials: of the allocation, a copy: the server may give this connection another nonce.
        random: gives unpredictable bytes.

    Attributes:
        outcome: how it ended; None while it has not.
        rest: once it has succeeded, the first bytes of the peer.
        outbox: what was dropped, with its counters.
    """

    def __init__(
        self, connection_id: int, *, credentials: LongTermCredentials, random: Callable[[int], bytes]
    ) -> None:
        self.outcome: Outcome | None = None
        self.rest = b""
        self.outbox = TurnOutbox()
        self._id = connection_id
        self._requests = Requests(credentials=credentials, reliable=True, random=random, outbox=self.outbox)
        self._buffer = b""

    def start(self, now: float) -> None:
        """Send the request."""
        identity = ConnectionId(number=self._id)
        self._requests.start("bind", TurnMethod.CONNECTION_BIND, (identity,), now)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the connection; once `outcome` stands, more are not expected here."""
        self._buffer += data
        while self.outcome is None and self._buffer:
            if self._buffer[0] >= _FIRST_NO_STUN:
                self._fail(f"the data connection begins with {self._buffer[0]:#04x}, which is no STUN")
                return
            size = HEADER_SIZE + int.from_bytes(self._buffer[2:4], "big")
            if len(self._buffer) < HEADER_SIZE or len(self._buffer) < size:
                return
            message, self._buffer = self._buffer[:size], self._buffer[size:]
            self._take(message, now)
        if self.outcome is not None and self.outcome.success is not None:
            self.rest, self._buffer = self._buffer, b""

    def _take(self, message: bytes, now: float) -> None:
        try:
            stun = parse(message)
        except StunError as error:
            self._fail(f"the data connection holds no STUN: {error}")
            return
        if stun.message_class not in (MessageClass.SUCCESS, MessageClass.ERROR):
            self.outbox.refuse("no-answer", "something else than an answer to ConnectionBind", now)
            return
        self.outcome = self._requests.receive(stun, now)

    def _fail(self, reason: str) -> None:
        self._requests.drop_all()
        self.outcome = Outcome(tag="bind", reason=reason)

    def handle_timer(self, now: float) -> None:
        """Give up where it is time."""
        for outcome in self._requests.handle_timer(now):
            self.outcome = self.outcome or outcome

    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        return None if self.outcome is not None else self._requests.next_timer

    def take_output(self) -> list[bytes]:
        """What goes to the server, in order."""
        return self.outbox.take_output()
