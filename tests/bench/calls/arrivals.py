"""When the packets of many calls arrive: gaps between them, and delay above the fastest.

The standard library alone: other projects' processes use it too.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

SLOTS_PER_MS: Final = 10
"""Times are counted in slots of 0.1 ms."""

_SEQUENCE_MODULUS: Final = 1 << 16
_FIRST_RTCP_TYPE: Final = 192


class Arrivals:
    """Arrivals of the packets of all calls of one side.

    Args:
        ptime_s: seconds between two packets of a call.

    Attributes:
        active: only then packets are noted.
    """

    def __init__(self, ptime_s: float = 0.02) -> None:
        self._ptime_s = ptime_s
        self._calls: list[tuple[array[float], array[int]]] = []
        self.active = False

    def call(self) -> Callable[[int], None]:
        """One more call: what is to be called for each packet, with its sequence number."""
        times, sequences = array("d"), array("L")
        self._calls.append((times, sequences))
        clock = time.monotonic

        def note(sequence: int) -> None:
            if self.active:
                times.append(clock())
                sequences.append(sequence)

        return note

    def around(self, receive: Callable[[bytes, float], None]) -> Callable[[bytes, float], None]:
        """One more call: takes its packets with their arrivals, monotonic seconds, and hands them on.

        One function in place of two: what is measured should not be the measuring.
        """
        times, sequences = array("d"), array("L")
        self._calls.append((times, sequences))

        def watched(packet: bytes, now: float) -> None:
            if self.active and packet[1] < _FIRST_RTCP_TYPE:
                times.append(now)
                sequences.append(packet[2] << 8 | packet[3])
            receive(packet, now)

        return watched

    def forget(self) -> None:
        """What was noted so far does not count."""
        for times, sequences in self._calls:
            del times[:], sequences[:]

    @property
    def packets(self) -> int:
        """Packets noted."""
        return sum(len(times) for times, _ in self._calls)

    @property
    def heard(self) -> int:
        """Calls with a packet at least."""
        return sum(bool(times) for times, _ in self._calls)

    def gaps(self) -> Counter[int]:
        """How often two packets of a call, one after the other, came so many slots apart."""
        found: Counter[int] = Counter()
        for times, _ in self._calls:
            found.update(round((later - earlier) * 1000 * SLOTS_PER_MS) for earlier, later in pairwise(times))
        return found

    def delays(self) -> Counter[int]:
        """How often a packet came so many slots later than the fastest one of its call."""
        found: Counter[int] = Counter()
        for times, sequences in self._calls:
            transits = []
            extended = 0
            last: int | None = None
            for at, sequence in zip(times, sequences, strict=True):
                if last is not None:
                    step = (sequence - last) % _SEQUENCE_MODULUS
                    extended += step if step < _SEQUENCE_MODULUS // 2 else step - _SEQUENCE_MODULUS
                last = sequence
                transits.append(at - extended * self._ptime_s)
            least = min(transits, default=0.0)
            found.update(round((transit - least) * 1000 * SLOTS_PER_MS) for transit in transits)
        return found


def percentile_ms(slots: Mapping[int, int], share: float) -> float:
    """The time below or at which `share` (0 to 1) of what was counted lies, in ms; 0 where nothing was."""
    rest = share * sum(slots.values())
    for slot, count in sorted(slots.items()):
        rest -= count
        if rest <= 0:
            return slot / SLOTS_PER_MS
    return 0.0
