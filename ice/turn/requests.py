"""Requests to one TURN server: sent again, authenticated, answered (RFC 8489 §6.2, §9.2.5, RFC 8656 §5)."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from ice.stun.attributes import Attribute, ErrorCode
from ice.stun.message import TRANSACTION_ID_SIZE, IntegrityAlgorithm, MessageClass, StunMessage, serialise
from ice.stun.transaction import ClientTransaction
from ice.turn.credentials import STALE_NONCE, UNAUTHENTICATED, LongTermCredentials, hides_algorithms
from ice.turn.outbox import TurnOutbox

TIMEOUT_S = 39.5
"""Ti: seconds from a request to giving up (RFC 8489 §6.2.2)."""

MAX_OUTSTANDING = 10
"""Requests on their way to one server at a time (RFC 8489 §6.1)."""

MAX_REPEATED = 4
"""A 500 is answered by the same request so many times (RFC 8489 §6.3.4)."""

MAX_CHALLENGES = 5
"""A request is authenticated anew so many times."""

BAD_REQUEST = 400
SERVER_ERROR = 500


class TurnMethod(enum.IntEnum):
    """Methods of TURN (RFC 8656 §17, RFC 6062 §6.1)."""

    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008
    CHANNEL_BIND = 0x009
    CONNECT = 0x00A
    CONNECTION_BIND = 0x00B
    CONNECTION_ATTEMPT = 0x00C


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a request ended.

    Attributes:
        tag: what `start` called it.
        answer: the answer; None where there is none that can be trusted.
        code: error code; 0 for a success and where nothing usable was answered.
        reason: why it failed, for people; empty for a success.
    """

    tag: Hashable
    answer: StunMessage | None = None
    code: int = 0
    reason: str = ""

    @property
    def success(self) -> StunMessage | None:
        """The answer where it is a success."""
        return None if self.reason else self.answer


@dataclass(slots=True, kw_only=True)
class _Pending:
    tag: Hashable
    method: TurnMethod
    attributes: tuple[Attribute, ...]
    deadline: float
    paced: bool
    transaction: ClientTransaction | None = None
    used: tuple[Attribute, ...] = ()
    key: bytes | None = field(default=None, repr=False)
    integrity: IntegrityAlgorithm = IntegrityAlgorithm.SHA1
    challenges: int = 0
    repeated: int = 0
    forged: int = 0


class Requests:
    """The requests of one allocation.

    Args:
        credentials: of our account at the server.
        reliable: True over TCP and TLS.
        random: gives unpredictable bytes.
        outbox: takes the requests, and counts and tells what is dropped.
    """

    def __init__(
        self,
        *,
        credentials: LongTermCredentials,
        reliable: bool,
        random: Callable[[int], bytes],
        outbox: TurnOutbox,
    ) -> None:
        self._credentials = credentials
        self._reliable = reliable
        self._random = random
        self._outbox = outbox
        self._pending: dict[bytes, _Pending] = {}
        self._waiting: deque[_Pending] = deque()

    def start(
        self,
        tag: Hashable,
        method: TurnMethod,
        attributes: tuple[Attribute, ...],
        now: float,
        *,
        within_s: float = TIMEOUT_S,
        paced: bool = False,
    ) -> None:
        """Send a request; its outcome comes within `within_s` seconds.

        Requests that the owner paces are sent at once and keep no others waiting.
        """
        pending = _Pending(
            tag=tag, method=method, attributes=attributes, deadline=now + within_s, paced=paced
        )
        if paced or self._room:
            self._send(pending, now)
        else:
            self._waiting.append(pending)

    @property
    def _room(self) -> bool:
        return sum(not pending.paced for pending in self._pending.values()) < MAX_OUTSTANDING

    def drop_all(self) -> None:
        """Forget every request; nothing is reported for them."""
        self._pending.clear()
        self._waiting.clear()

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        times = [p.transaction.next_timer for p in self._pending.values() if p.transaction is not None]
        times += [p.deadline for p in self._waiting]
        return min(times, default=None)

    def handle_timer(self, now: float) -> list[Outcome]:
        """Send again what is due, give up what is overdue."""
        outcomes: list[Outcome] = []
        for transaction_id, pending in tuple(self._pending.items()):
            transaction = pending.transaction
            if transaction is None:
                continue
            if transaction.due(now):
                self._outbox.send(transaction.data)
            elif transaction.expired(now):
                del self._pending[transaction_id]
                reason = "the server does not answer"
                if pending.forged:
                    # RFC 8489 §9.2.5: not a timeout.
                    reason = "the answers do not fit the password: integrity protection was violated"
                outcomes.append(Outcome(tag=pending.tag, reason=reason))
        overdue = [pending for pending in self._waiting if now >= pending.deadline]
        for pending in overdue:
            self._waiting.remove(pending)
            outcomes.append(Outcome(tag=pending.tag, reason="the server does not answer"))
        self._send_waiting(now)
        return outcomes

    def receive(self, message: StunMessage, now: float) -> Outcome | None:
        """Take a success or error answer; the outcome of its request where that is decided."""
        pending = self._pending.get(message.transaction_id)
        if pending is None or message.method != pending.method:
            self._outbox.refuse("unknown-answer", "an answer to nothing that was asked", now)
            return None
        outcome = self._judge(pending, message, now)
        self._send_waiting(now)
        return outcome

    def _send(self, pending: _Pending, now: float) -> None:
        credentials = self._credentials
        transaction_id = self._random(TRANSACTION_ID_SIZE)
        pending.used, pending.key = credentials.attributes, credentials.key
        pending.integrity = credentials.integrity
        message = StunMessage(
            method=pending.method,
            message_class=MessageClass.REQUEST,
            transaction_id=transaction_id,
            attributes=pending.attributes + pending.used,
        )
        data = serialise(message, integrity_key=pending.key, fingerprint=False, algorithm=pending.integrity)
        pending.transaction = ClientTransaction(
            transaction_id=transaction_id,
            data=data,
            reliable=self._reliable,
            now=now,
            deadline=pending.deadline,
        )
        self._pending[transaction_id] = pending
        self._outbox.send(data)

    def _send_waiting(self, now: float) -> None:
        while self._waiting and self._room:
            self._send(self._waiting.popleft(), now)

    def _judge(self, pending: _Pending, message: StunMessage, now: float) -> Outcome | None:
        """Order of RFC 8489 §9.2.5, then §6.3.3 and §6.3.4."""
        error = message.get(ErrorCode)
        code = 0 if error is None or message.message_class is MessageClass.SUCCESS else error.code
        if code in (UNAUTHENTICATED, STALE_NONCE):
            return self._authenticate(pending, message, code, now)
        if hides_algorithms(message):
            self._outbox.refuse("hidden-algorithms", "the list of password algorithms is missing", now)
            return None
        if pending.key is not None:
            if message.integrity_algorithm is None and code == BAD_REQUEST:
                # RFC 8489 §9.2.5: anybody could have sent it.
                self._outbox.refuse("unauthenticated-400", "a 400 that nobody signed", now)
                pending.forged += 1
                return None
            if message.integrity_algorithm is not pending.integrity or not message.verifies(pending.key):
                return self._violated(pending, message, now)
            self._credentials.settled()
        self._forget(message)
        if message.unknown_required:
            types = ", ".join(f"{number:#06x}" for number in message.unknown_required)
            return Outcome(tag=pending.tag, reason=f"the answer holds unknown attributes: {types}")
        if message.message_class is MessageClass.SUCCESS:
            return Outcome(tag=pending.tag, answer=message)
        if error is None:
            return Outcome(tag=pending.tag, reason="the error answer holds no error code")
        if code == SERVER_ERROR and pending.repeated < MAX_REPEATED:
            pending.repeated += 1
            self._send(pending, now)
            return None
        # Some servers end their texts with a zero byte.
        text = "".join(char for char in error.reason if char.isprintable()).strip()
        return Outcome(tag=pending.tag, answer=message, code=code, reason=f"{code} {text}".strip())

    def _authenticate(self, pending: _Pending, message: StunMessage, code: int, now: float) -> Outcome | None:
        self._forget(message)
        refusal = self._credentials.challenged(message, pending.used)
        pending.challenges += 1
        if not refusal and pending.challenges > MAX_CHALLENGES:
            refusal = f"the server asked {pending.challenges} times for authentication"
        if refusal:
            return Outcome(tag=pending.tag, answer=message, code=code, reason=f"{refusal} ({code})")
        self._send(pending, now)
        return None

    def _violated(self, pending: _Pending, message: StunMessage, now: float) -> Outcome | None:
        self._outbox.refuse("wrong-integrity", "an answer that does not fit the password", now)
        pending.forged += 1
        if not self._reliable:
            # The true answer may still come.
            return None
        self._forget(message)
        reason = "the answer does not fit the password: integrity protection was violated"
        return Outcome(tag=pending.tag, reason=reason)

    def _forget(self, message: StunMessage) -> None:
        del self._pending[message.transaction_id]
