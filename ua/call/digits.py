"""Digits in both directions, whatever way they take (core)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ua.config.dtmf import DtmfChoice

DigitWay = Literal["rfc4733", "info", "inband"]
"""One of the ways that a digit takes."""

SAME_S: Final = 3.0
"""The same digit by two ways within this time was pressed once: an INFO that is lost comes again so late."""

_REMEMBERED: Final = 64


def ways(
    choice: DtmfChoice, keys: Sequence[str], *, takes: Callable[[str, DigitWay], bool]
) -> tuple[DigitWay, ...]:
    """The ways that all of these keys can go, best first.

    Telephone events are exact and are not lost with a packet; an INFO says that the peer knows it, but not
    that anything behind it listens; tones are for those who know neither.

    Args:
        choice: what the user wants.
        keys: to be pressed.
        takes: whether the peer takes a key by a way, as far as it has said so.
    """
    wanted: tuple[DigitWay, ...] = ("rfc4733", "info", "inband") if choice == "auto" else (choice,)
    return tuple(way for way in wanted if all(takes(key, way) for key in keys))


@dataclass(slots=True)
class _Heard:
    key: str
    at: float
    ways: set[DigitWay] = field(default_factory=set)


class HeardDigits:
    """Takes digits of all ways and finds those that are the same press.

    A peer may send each digit by two ways, or by all of them. So a digit is a new one unless the same key was
    heard by another way shortly before and not by this one. By one way every digit counts: "11" that comes by
    two ways is "11", in whatever order the four come.
    """

    def __init__(self) -> None:
        self._heard: deque[_Heard] = deque(maxlen=_REMEMBERED)

    def is_new(self, key: str, way: DigitWay, now: float) -> bool:
        """Whether this is a press of its own; `now` in monotonic seconds."""
        while self._heard and now - self._heard[0].at > SAME_S:
            self._heard.popleft()
        for heard in self._heard:
            if heard.key == key and way not in heard.ways:
                heard.ways.add(way)
                return False
        self._heard.append(_Heard(key, now, {way}))
        return True
