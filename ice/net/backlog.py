"""Whether media may still be written to a TCP connection: what was written before must have got away.

What the system has taken cannot be taken back, so a frame is dropped before it is written: when more than
three are unsent, or when the oldest byte that the peer has not acknowledged is older than 150 ms, which no
single loss explains. Where the round trip alone is nearly as long, it counts with a loss on top of it.
Dropping whenever anything is unsent would lose 3 % for nothing; dropping never lets the delay grow for good.

The system is asked as rarely as the answer can matter: what was written since everything was sent is all
that can be unsent.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

MOST_UNSENT: Final = 3
"""Frames that the system may hold without having sent them once."""

_MOST_FRAMES: Final = 256
"""Frames whose time is remembered: no connection that is of any use has as many on their way."""

_RECOVERY_S: Final = 0.1
"""A lost segment is repeated a round trip and about this much later."""


class Holder(Protocol):
    """What the system holds of a connection."""

    def unacknowledged(self) -> int | None:
        """Bytes that the peer has not acknowledged, those included that were not sent; None: unknown."""

    def unsent(self) -> int:
        """Bytes that were never sent."""

    def round_trip_s(self) -> float:
        """The least round trip lately; 0 where it is unknown."""


class Backlog:
    """The frames of one connection that are not acknowledged, by what its holder tells.

    Args:
        holder: tells what the system holds.
        oldest_s: seconds that a byte may be unacknowledged, on paths that are not longer than that.
    """

    __slots__ = ("_asked", "_frames", "_holder", "_oldest_s", "_since", "_written")

    def __init__(self, holder: Holder, oldest_s: float) -> None:
        self._holder = holder
        self._oldest_s = oldest_s
        self._written = 0
        self._frames: deque[tuple[int, float]] = deque(maxlen=_MOST_FRAMES)
        self._since = 0
        self._asked = False

    def wrote(self, size: int, now: float) -> None:
        """The system took `size` bytes: a frame, or a part of one."""
        self._written += size
        self._since += 1
        self._frames.append((self._written, now))

    def refuses(self, now: float) -> bool:
        """Whether media is to be dropped instead of written now."""
        if self._since < MOST_UNSENT and not self._asked:
            return False
        self._since = 0
        frames = self._frames
        held = self._holder.unacknowledged()
        if not held:
            frames.clear()
            self._asked = False
            return False
        acknowledged = self._written - held
        while frames and frames[0][0] <= acknowledged:
            frames.popleft()
        if not frames:
            return False
        sent = self._written - self._holder.unsent()
        unsent = 0
        for end, _ in reversed(frames):
            if end <= sent or unsent > MOST_UNSENT:
                break
            unsent += 1
        age = now - frames[0][1]
        # While anything is unsent, or old, the next frame may be the one that is too much.
        self._asked = unsent > 0 or age > self._oldest_s / 2
        if unsent > MOST_UNSENT:
            return True
        return age > self._oldest_s and age > self._holder.round_trip_s() + _RECOVERY_S
