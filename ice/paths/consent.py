"""Consent of the peer to go on receiving, and keepalives (RFC 7675 §5.1, RFC 8445 §11)."""

from __future__ import annotations

import enum
from collections.abc import Callable

from ice.checks.role import RoleKeeper
from ice.config import IceConfig
from ice.stun.attributes import ErrorCode
from ice.stun.binding import binding_indication, binding_request
from ice.stun.message import TRANSACTION_ID_SIZE, MessageClass, StunMessage, short_term_key
from ice.types import Credentials

_FORBIDDEN = 403

# RFC 7675 §5.1: the interval is drawn anew each time, 0.8 to 1.2 times the mean.
_LOWEST = 0.8
_SPREAD = 0.4


class ConsentAnswer(enum.Enum):
    """What an answer to a consent check says."""

    GIVEN = enum.auto()
    REVOKED = enum.auto()
    WORTHLESS = enum.auto()


class Consent:
    """The consent of the peer on one selected path; starts with the check that proved the path.

    Args:
        local: our credentials.
        remote: the peer's credentials.
        roles: role and tie-breaker.
        priority: PRIORITY of the requests.
        config: intervals.
        random: random(n) gives n unpredictable bytes.
        now: when the path was proved.
    """

    def __init__(
        self,
        *,
        local: Credentials,
        remote: Credentials,
        roles: RoleKeeper,
        priority: int,
        config: IceConfig,
        random: Callable[[int], bytes],
        now: float,
    ) -> None:
        self._local = local
        self._remote = remote
        self._roles = roles
        self._priority = priority
        self._config = config
        self._random = random
        self._outstanding: dict[bytes, float] = {}
        self._last_sent = now
        self._next_check = now
        self.asked_at: float | None = None
        """When the last consent check left."""
        self.expires_at = now
        """When sending must stop unless an answer comes, monotonic seconds."""
        self.refresh(now)
        self.schedule(now)

    def refresh(self, now: float) -> None:
        """The peer has just shown its consent."""
        self.expires_at = now + self._config.consent_timeout_s

    def schedule(self, now: float) -> None:
        """Draw the time of the next check."""
        draw = int.from_bytes(self._random(4), "big") / 2**32
        self._next_check = now + self._config.consent_interval_s * (_LOWEST + _SPREAD * draw)

    def expired(self, now: float) -> bool:
        """True once the peer has been silent for too long."""
        return now >= self.expires_at

    @property
    def next_timer(self) -> float:
        """When `due` has something to send, or the consent expires."""
        return min(self._next_check, self._last_sent + self._config.keepalive_s, self.expires_at)

    def due(self, now: float) -> bytes | None:
        """What must be sent now: a check, a keepalive where checks are rarer than those, or nothing.

        Each check is a new transaction, sent once; answers to earlier ones still count.
        """
        if now >= self._next_check:
            self.schedule(now)
            self._last_sent = self.asked_at = now
            transaction_id = self._random(TRANSACTION_ID_SIZE)
            self._outstanding[transaction_id] = now
            return binding_request(
                transaction_id=transaction_id,
                local=self._local,
                remote=self._remote,
                role=self._roles.role,
                tie_breaker=self._roles.tie_breaker,
                priority=self._priority,
                use_candidate=False,
            )
        if now >= self._last_sent + self._config.keepalive_s:
            self._last_sent = now
            return binding_indication(self._random(TRANSACTION_ID_SIZE))
        return None

    def expects(self, transaction_id: bytes) -> bool:
        """True where this answers one of our consent checks."""
        return transaction_id in self._outstanding

    def handle_response(self, message: StunMessage, now: float) -> tuple[ConsentAnswer, float]:
        """Read an answer (`expects` is true): what it says, and the round trip in seconds."""
        if not message.verifies(short_term_key(self._remote.password)):
            return ConsentAnswer.WORTHLESS, 0.0
        rtt_s = now - self._outstanding.pop(message.transaction_id)
        if message.message_class is MessageClass.SUCCESS:
            self.refresh(now)
            return ConsentAnswer.GIVEN, rtt_s
        code = message.get(ErrorCode)
        if code is not None and code.code == _FORBIDDEN:
            return ConsentAnswer.REVOKED, rtt_s
        return ConsentAnswer.WORTHLESS, rtt_s
