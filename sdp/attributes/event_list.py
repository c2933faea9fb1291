"""The events of telephone-event in a=fmtp (RFC 4733 §2.4.1): numbers and ranges, "0-15,66,70"."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sdp.errors import ValueFault
from sdp.syntax import grammar

MOST: Final = 255

USUAL: Final = frozenset(range(16))
"""What a receiver takes that lists nothing: the digits (§2.5.1.1)."""

_NAME: Final = "events="
"""Some write the name of the parameter, which the RFC leaves out."""


def parse(value: str) -> frozenset[int]:
    """The events of a value of a=fmtp, without the payload type; of an empty one the usual.

    Raises:
        ValueFault: it is no list of events.
    """
    text = value.strip(" ")
    if text.casefold().startswith(_NAME):
        text = text[len(_NAME) :]
    if not text:
        return USUAL
    events: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip(" ").partition("-")
        low = grammar.integer(first, "the event", maximum=MOST)
        high = grammar.integer(last, "the last event of a range", maximum=MOST) if dash else low
        if high < low:
            raise ValueFault("a range of events that goes down")
        events.update(range(low, high + 1))
    return frozenset(events)


def write(events: Collection[int]) -> str:
    """The shortest list of these events."""
    parts: list[str] = []
    numbers = sorted(set(events))
    start = 0
    for index, number in enumerate(numbers):
        if index + 1 < len(numbers) and numbers[index + 1] == number + 1:
            continue
        first = numbers[start]
        parts.append(str(first) if first == number else f"{first}-{number}")
        start = index + 1
    return ",".join(parts)
