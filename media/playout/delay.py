"""How long arriving audio must wait so that nearly all of it comes in time.

All times are *transits*: arrival less media time of a packet, in seconds. Their zero is unknown (the two
clocks have nothing in common), so only differences count: the least transit of the last seconds is the
path itself, and what a packet has above it is the delay that the network added.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Final

from media.config import JitterConfig

WINDOW: Final = 500
"""Packets looked back upon: 10 s of 20 ms packets, short enough to follow drifting clocks."""

_UPDATE_EVERY: Final = 50
_LATE_MEMORY_S: Final = 2.0
_ROUTE_CHANGE_S: Final = 0.5
_GUARD_S: Final = 0.005
_ABOVE_S: Final = 0.03
_BELOW_S: Final = 0.012
"""Dead zone around the target: half a frame comes from the phase of the two clocks alone."""

_PERIOD_S: Final = 0.015
"""About as much as one shortening takes away at most."""

_IN_TIME: Final = 0.98
"""Share of packets to wait for."""

_TCP_RECOVERY_S: Final = 0.06
"""A lost TCP segment is repeated a round trip and about this much later."""


class PlayoutDelay:
    """The playout delay that the last packets ask for.

    Transits are absolute: audio of media time t should be played at t + `target`, and nothing need be done
    while it is played between t + `least` and t + `most`.

    All that comes of observing a transit from `base` to `usual` is that it is added to `fresh`, as long as
    there is `room`.
    """

    __slots__ = (
        "_beyond_since",
        "_config",
        "_floor",
        "_late",
        "_late_until",
        "_reliable",
        "_round_trip",
        "_slack",
        "_transits",
        "base",
        "fresh",
        "least",
        "maximum",
        "most",
        "target",
        "usual",
    )

    def __init__(self, config: JitterConfig, *, reliable: bool, round_trip: float | None = None) -> None:
        self._config = config
        self._reliable = reliable
        self._round_trip = round_trip
        self._transits: deque[float] = deque(maxlen=WINDOW)
        self.fresh: list[float] = []
        """Transits that were not thought about yet."""
        self._beyond_since: float | None = None
        self._late, self._late_until = 0.0, float("-inf")
        self._floor = self._slack = 0.0
        self.maximum = 0.0
        """Most that the target may be above the path, seconds."""
        self.usual = 0.0
        """Transit above which a packet may belong to a stall."""
        self.base = 0.0
        """Least transit of the window: the path without queues."""
        self.target = 0.0
        """Transit at which to begin, and to return to."""
        self.least = 0.0
        """Transit below which packets begin to miss their time."""
        self.most = 0.0
        """Transit above which the listener waits for nothing."""
        self._bounds()

    @property
    def delay(self) -> float:
        """The target above the path, seconds."""
        return self.target - self.base

    @property
    def room(self) -> int:
        """So many transits can be added to `fresh` until the next one makes us think about all."""
        return _UPDATE_EVERY - 1 - len(self.fresh) if self._transits else 0

    @property
    def ceiling(self) -> float:
        """The transit above which audio is too old to be played."""
        return max(self.base + self.maximum, self.most)

    def describe_packets(self, *, frame: float, packet: float, early: float) -> None:
        """Tell how the audio is cut, all in seconds.

        Delay can be had in whole frames and given back in single pitch periods, after which packets no
        longer begin where frames do: they must be there by nearly a packet's length earlier. So no less than
        that may lie between what is too little and what is too much.

        Args:
            frame: length of what is played at a time.
            packet: length of the peer's packets.
            early: how much earlier than it is heard the last packet of a frame must be there.
        """
        self._slack = early + max(frame, packet) + _PERIOD_S
        self.most = max(self.target + _ABOVE_S, self.least + self._slack)

    def describe_path(self, *, reliable: bool, round_trip: float | None) -> None:
        """Tell what is known of the path now: whether it is reliable, and its round trip in seconds."""
        if (reliable, round_trip) != (self._reliable, self._round_trip):
            self._reliable, self._round_trip = reliable, round_trip
            self._bounds()
            if self._transits:
                self._update(float("-inf"))

    def restart(self) -> None:
        """Forget all transits; the media time has a new zero."""
        self._transits.clear()
        self.fresh.clear()
        self._beyond_since = None
        self._late_until = float("-inf")

    def _bounds(self) -> None:
        config = self._config
        if self._reliable:
            floor = config.reliable_minimum_ms / 1000
            if self._round_trip is not None:
                floor = max(floor, self._round_trip + _TCP_RECOVERY_S)
            self.maximum = config.reliable_maximum_ms / 1000
            self._floor = min(floor, self.maximum)
        else:
            self.maximum = config.maximum_ms / 1000
            self._floor = config.minimum_ms / 1000
        self._look()

    def _look(self) -> None:
        """In a stall every transit is looked at."""
        self.usual = self.base + self.maximum if self._beyond_since is None else float("-inf")

    def observe(self, transit: float, now: float) -> None:
        """Take the transit of one arriving packet into account."""
        if transit > self.usual and self._transits and self._in_stall(transit, now):
            return
        self.fresh.append(transit)
        if len(self.fresh) >= _UPDATE_EVERY or not self._transits:
            self._update(now)
        elif transit < self.base:
            self.base = transit  # the target follows with the next update
            self._look()

    def _in_stall(self, transit: float, now: float) -> bool:
        """Whether this packet belongs to a stall beyond the limit, which no buffer should be sized for.

        On TCP the end of a stall brings a burst of packets, each a little less late than the one before.
        """
        if transit <= self.target:
            self._beyond_since = None
            self._look()
            return False
        if transit <= self.ceiling:
            return True
        if self._beyond_since is None:
            self._beyond_since = now
            self._look()
        if now - self._beyond_since < _ROUTE_CHANGE_S:
            return True
        # this is no burst: the path itself has become longer
        self.restart()
        return False

    def late(self, transit: float, now: float) -> None:
        """A packet had to be waited for: grow at once, for the next seconds at least."""
        if transit <= self.base + self.maximum:
            self._late = max(self._late, transit) if now < self._late_until else transit
            self._late_until = now + _LATE_MEMORY_S
            self._update(now)

    def _update(self, now: float) -> None:
        self._transits.extend(self.fresh)
        self.fresh.clear()
        ordered = sorted(self._transits)
        self.base = base = ordered[0]
        usable = bisect_right(ordered, base + self.maximum)
        usual = ordered[int(_IN_TIME * (usable - 1))] - base
        wanted = usual + _GUARD_S
        if now < self._late_until:
            wanted = max(wanted, self._late - base + _GUARD_S)
        floor = self._floor
        if len(ordered) < _UPDATE_EVERY:
            floor = max(floor, self._config.start_ms / 1000)
        self.target = base + min(max(wanted, floor), self.maximum)
        # the floor of a reliable path is a precaution that must hold; that of the others is mere comfort
        needed = usual + _GUARD_S
        if self._reliable:
            needed = max(needed, self._floor - _BELOW_S)
        self.least = base + min(needed, self.maximum - _BELOW_S)
        self.most = max(self.target + _ABOVE_S, self.least + self._slack)
        self._look()
