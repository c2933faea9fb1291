"""Answers that are still good (core; RFC 3263 §4: by the time to live of the records)."""

from __future__ import annotations

from typing import Final

from ua.sip.location.records import Question, Record

MAX_ENTRIES: Final = 512

MAX_TTL_S: Final = 86400.0
"""Longer times are cut (RFC 8767 §4 suggests as much)."""


class Cache:
    """Records by question; times are monotonic seconds."""

    def __init__(self) -> None:
        self._known: dict[Question, tuple[float, tuple[Record, ...]]] = {}

    def __len__(self) -> int:
        """Questions that are kept."""
        return len(self._known)

    def get(self, asked: Question, now: float) -> tuple[Record, ...] | None:
        """The records; None where they are not known, or too old."""
        known = self._known.get(asked)
        if known is None or now >= known[0]:
            self._known.pop(asked, None)
            return None
        return known[1]

    def put(self, asked: Question, records: tuple[Record, ...], ttl_s: float, now: float) -> None:
        """Keep records for `ttl_s` seconds; the one that ends first makes room."""
        self._known.pop(asked, None)
        if ttl_s <= 0:
            return
        if len(self._known) >= MAX_ENTRIES:
            del self._known[min(self._known, key=lambda each: self._known[each][0])]
        self._known[asked] = (now + min(ttl_s, MAX_TTL_S), records)

    def clear(self) -> None:
        """Forget everything: the network is another one."""
        self._known.clear()
