"""Ta: one new check at a time (RFC 8445 §14.2, §6.1.4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from ice.pair import Pair

MIN_TA_MS = 5
"""RFC 8445 §14.2: never faster."""

DEFAULT_TA_MS = 50
"""RFC 8839 §5.6: what a peer means that says nothing."""


class Pacing:
    """When the next check may leave; checks over UDP and TCP share it.

    Args:
        ours_ms: the Ta that we propose, in ms.

    Raises:
        ValueError: under 5 ms.
    """

    def __init__(self, ours_ms: int) -> None:
        if ours_ms < MIN_TA_MS:
            raise ValueError(f"a pacing of {ours_ms} ms is under {MIN_TA_MS} ms")
        self._ours_ms = ours_ms
        self._next: float | None = None
        self.ta_s = ours_ms / 1000
        """Time between checks, seconds."""
        self.idle = True
        """Nothing waits for its turn."""

    def agree(self, theirs_ms: int | None) -> None:
        """The larger value of both sides counts."""
        self.ta_s = max(self._ours_ms, DEFAULT_TA_MS if theirs_ms is None else theirs_ms) / 1000

    def due(self, now: float) -> bool:
        """True where a check may leave now; the first may at once."""
        return self._next is None or now >= self._next

    def sent(self, now: float) -> None:
        """A check has just left."""
        self._next = now + self.ta_s

    def turns(self, queue: Sequence[Pair], now: float) -> dict[Pair, float]:
        """When each pair of the queue will be checked."""
        start = now if self._next is None else max(now, self._next)
        return {pair: start + number * self.ta_s for number, pair in enumerate(queue)}

    @property
    def next_timer(self) -> float | None:
        """When the next check leaves, None where none waits."""
        return None if self.idle else self._next
