"""A network for media tests: two ends, virtual time, seeded misfortune."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from media.path import PacketReceiver
from media.session import MediaSession


class Wire:
    """Everything under way between the ends, in order of arrival."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, End, bytes]] = []
        self._numbers = itertools.count()
        self.now = 0.0

    def post(self, at: float, end: End, packet: bytes) -> None:
        heapq.heappush(self._heap, (at, next(self._numbers), end, packet))

    def run(self, until: float) -> None:
        """Deliver all that arrives up to `until`."""
        while self._heap and self._heap[0][0] <= until:
            at, _, end, packet = heapq.heappop(self._heap)
            self.now = max(self.now, at)
            end.deliver(packet, at)
        self.now = until


@dataclass(eq=False)
class End:
    """One end of a link; a `PacketPath`. What it sends goes through `transfer`, which may lose or delay it.

    `transfer(packet, now)` gives the arrival time, or None for a lost packet.
    """

    wire: Wire
    transfer: Callable[[bytes, float], float | None]
    reliable: bool = False
    peer: End | None = None
    receiver: PacketReceiver | None = None
    sent: list[bytes] = field(default_factory=list)
    accept: bool = True
    settle: Callable[[], None] = lambda: None
    """Called after each packet that `deliver` has handed over."""

    def send(self, packet: bytes) -> bool:
        self.sent.append(packet)
        if not self.accept:
            return False
        at = self.transfer(packet, self.wire.now)
        if at is not None and self.peer is not None:
            self.wire.post(at, self.peer, packet)
        return True

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        self.receiver = receiver

    def deliver(self, packet: bytes, now: float) -> None:
        if self.receiver is not None:
            self.receiver(packet, now)
            self.settle()


def pair(
    wire: Wire,
    there: Callable[[bytes, float], float | None],
    back: Callable[[bytes, float], float | None],
    *,
    reliable: bool = False,
) -> tuple[End, End]:
    """Two connected ends."""
    first, second = End(wire, there, reliable), End(wire, back, reliable)
    first.peer, second.peer = second, first
    return first, second


class Udp:
    """A path that loses, delays and reorders packets (`delay` and `jitter` in seconds)."""

    def __init__(self, *, delay: float = 0.02, jitter: float = 0.0, loss: float = 0.0, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self.delay = delay
        self.jitter = jitter
        self.loss = loss
        self.lost = 0

    def __call__(self, packet: bytes, now: float) -> float | None:
        if self._random.random() < self.loss:
            self.lost += 1
            return None
        return now + self.delay + self._random.random() * self.jitter


class Tcp:
    """A path that loses nothing: a lost segment comes after `recovery` more, and all others behind it."""

    def __init__(
        self, *, delay: float = 0.025, loss: float = 0.0, recovery: float = 0.07, seed: int = 1
    ) -> None:
        self._random = random.Random(seed)
        self.delay = delay
        self.loss = loss
        self.recovery = recovery
        self.blackouts: list[tuple[float, float]] = []
        self._free_at = 0.0

    def __call__(self, packet: bytes, now: float) -> float | None:
        at = now + self.delay
        if self._random.random() < self.loss:
            at += self.recovery
        for start, end in self.blackouts:
            if start <= now < end:
                at = end + self.delay
        self._free_at = max(self._free_at, at)
        return self._free_at


class Clock:
    """Ticks sessions in virtual time, each from its own start, at its own (perhaps wrong) pace."""

    def __init__(self, wire: Wire, wall_clock: float = 1_700_000_000.0) -> None:
        self.wire = wire
        self._wall_clock = wall_clock
        self._due: list[tuple[float, int, Callable[[int], float], MediaSession]] = []

    def start(self, session: MediaSession, *, at: float = 0.0, pace: float = 1.0) -> None:
        """Start at `at`; `pace` 1.0001 ticks 100 ppm too slowly."""
        session.start(at, wall_clock=self._wall_clock + at)
        period = session.frame_ms / 1000 * pace
        heapq.heappush(self._due, (at, len(self._due) << 40, lambda n: at + n * period, session))

    def run(self, until: float) -> None:
        """Let time pass up to `until` seconds."""
        while self._due and self._due[0][0] <= until:
            at, key, deadline, session = heapq.heappop(self._due)
            self.wire.run(at)
            session.tick(at)
            count = (key & ((1 << 40) - 1)) + 1
            heapq.heappush(self._due, (deadline(count), key + 1, deadline, session))
        self.wire.run(until)


def seeded(seed: int) -> Callable[[int], bytes]:
    """Reproducible random bytes."""
    return random.Random(seed).randbytes
