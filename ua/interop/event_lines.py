"""The event log as lines of JSON, and back: the form in which it is kept in a file.

The first line says when the log began; each other line is an entry. Who reads a file that was cut off in the
middle of a line, or that others have written, gets the entries that are whole.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, Final, get_args

from ua.events import LogEntry, Source

SCHEMA: Final = 1
"""Version of the lines."""

MAX_DEPTH: Final = 60
"""Of what an entry holds; ours have five."""

_SOURCES: Final[dict[str, Source]] = {name: name for name in get_args(Source)}


def first_line(*, at: float, unix_s: float) -> str:
    """The line that tells what the times of the others mean.

    Args:
        at: now, in seconds of the clock of the entries.
        unix_s: now, in seconds since 1970.
    """
    return json.dumps({"schema": SCHEMA, "at": at, "unix_s": unix_s}) + "\n"


def entry_line(entry: LogEntry) -> str:
    """One entry as one line of ASCII, its line feed included."""
    value = {
        "at": entry.at,
        "party": entry.party,
        "source": entry.source,
        "name": entry.name,
        "data": dict(entry.data),
    }
    try:
        return json.dumps(value, allow_nan=False, default=str) + "\n"
    except ValueError:
        # What is no number is unknown.
        return json.dumps(_finite(value), default=str) + "\n"


def read_entry(line: str) -> LogEntry | None:
    """The entry of a line; None where it is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    at, party, name, data = (value.get(key) for key in ("at", "party", "name", "data"))
    source = _SOURCES.get(str(value.get("source")))
    if (
        source is None
        or isinstance(at, bool)
        or not isinstance(at, int | float)
        or not math.isfinite(at)
        or not isinstance(party, str)
        or not isinstance(name, str)
        or not isinstance(data, dict)
        or not _is_flat(data)
    ):
        return None
    return LogEntry(at=float(at), party=party, source=source, name=name, data=data)


def read_entries(lines: Iterable[str]) -> tuple[LogEntry, ...]:
    """All entries of a file, in its order; lines that are none are left out."""
    return tuple(entry for line in lines if (entry := read_entry(line)) is not None)


def _is_flat(value: object, depth: int = 0) -> bool:
    """True where nothing lies deeper than any view of the log can follow."""
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, dict):
        return all(_is_flat(item, depth + 1) for item in value.values())
    if isinstance(value, list):
        return all(_is_flat(item, depth + 1) for item in value)
    return True


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
