"""Whether the peer is still heard on a selected path, long before its consent runs out.

RFC 7675 stops sending after 30 s without an answer, and forbids asking more often than every 4 s. What comes
from the peer tells sooner: media that flowed and has stopped, or a consent check without an answer, is a
reason for doubt, and in doubt one ordinary connectivity check asks the path itself, sent again as any is
(RFC 8489 §6.2.1). Where that is not answered either a restart is advised: it makes before it breaks, so an
alarm for nothing costs one exchange of descriptions. Consent itself stays as it is.
"""

from __future__ import annotations

import enum
import math

FLOW_PACKETS = 10
"""So many packets in a row are media that flows; a few of RTCP are not missed."""

FLOW_GAP_S = 0.5
"""Packets further apart than this are not in a row."""

CHECK_INTERVAL_S = 4.0
"""Least seconds between two checks for doubt: as with consent (RFC 7675 §5.1)."""


class Finding(enum.Enum):
    """What is to be done about silence."""

    NOTHING = enum.auto()
    CHECK = enum.auto()
    """Check the pair."""
    SILENT = enum.auto()
    """A restart may help; the controlling side begins it."""
    STILL_SILENT = enum.auto()
    """The same, as long again later: whoever controls has not begun it."""


class Liveness:
    """What was heard of the peer on one path.

    Args:
        silence_s: seconds of silence until a restart is advised; 0: never.
        now: when the path was proved.
    """

    __slots__ = (
        "_asked_at",
        "_checked_at",
        "_doubted_at",
        "_heard_at",
        "_in_a_row",
        "_media_at",
        "_silence_s",
        "_told",
    )

    def __init__(self, silence_s: float, now: float) -> None:
        self._silence_s = silence_s
        self._heard_at = now
        self._media_at = -math.inf
        self._in_a_row = 0
        self._asked_at: float | None = None
        self._checked_at = -math.inf
        self._doubted_at: float | None = None
        self._told = 0

    def heard(self, now: float) -> None:
        """Something authentic came from the peer: an answer, a check of its own."""
        self._heard_at = now
        self._asked_at = self._doubted_at = None
        self._told = 0

    def heard_media(self, now: float, packets: int = 1) -> bool:
        """Media came from the peer, the last packet now; True where it is waited for from now on."""
        if now - self._media_at > FLOW_GAP_S:
            self._in_a_row = 0
        before = self._in_a_row
        self._in_a_row += packets
        self._media_at = now
        self.heard(now)
        return before < FLOW_PACKETS <= self._in_a_row

    def asked(self, now: float) -> None:
        """A consent check is on its way."""
        if self._asked_at is None:
            self._asked_at = now

    @property
    def _suspicious_at(self) -> float | None:
        """When silence becomes a reason for doubt, None where nothing is waited for."""
        flowed = self._in_a_row >= FLOW_PACKETS
        waiting = [self._heard_at] if flowed else []
        if self._asked_at is not None:
            waiting.append(self._asked_at)
        if not waiting:
            return None
        return max(min(waiting) + self._silence_s / 3, self._checked_at + CHECK_INTERVAL_S)

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` must be called, monotonic seconds; that there is nothing then is no harm."""
        if not self._silence_s:
            return None
        if self._doubted_at is None:
            return self._suspicious_at
        if self._told >= 2:
            return None
        return self._doubted_at + self._silence_s * (2 / 3 + self._told)

    def handle_timer(self, now: float) -> Finding:
        """What is to be done now."""
        due = self.next_timer
        if due is None or now < due:
            return Finding.NOTHING
        if self._doubted_at is None:
            # Counted from here: who was asleep itself has heard nobody, and asks before it complains.
            self._doubted_at = self._checked_at = now
            self._in_a_row = 0
            return Finding.CHECK
        self._told += 1
        return Finding.SILENT if self._told == 1 else Finding.STILL_SILENT
