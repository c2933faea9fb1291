"""Header fields of one message, as text."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ua.sip.syntax.grammar import split_commas

COMPACT_FORMS: Final[Mapping[str, str]] = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""One-letter names (RFC 3261 §7.3.3 and the registry that grew from it)."""

_NEVER_JOINED: Final = frozenset(
    {"www-authenticate", "proxy-authenticate", "authorization", "proxy-authorization"}
)


@functools.lru_cache(maxsize=1024)
def full_name(name: str) -> str:
    """The long name in lower case."""
    lower = name.lower()
    return COMPACT_FORMS.get(lower, lower)


@dataclass(frozen=True, slots=True)
class Headers:
    """Header values by full lower-case name, in the order of first appearance.

    The rows of one name are one tuple. Names may be asked for in any case and in compact form. Content-Length
    is never here: it belongs to the wire and is counted when a message is written.
    """

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, *rows: tuple[str, object]) -> Headers:
        """Headers from rows; each value is turned into text."""
        gathered: dict[str, tuple[str, ...]] = {}
        for name, value in rows:
            key = full_name(name)
            gathered[key] = (*gathered.get(key, ()), str(value))
        return cls(gathered)

    def __contains__(self, name: str) -> bool:
        return full_name(name) in self.values

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Rows in order."""
        return ((name, value) for name, values in self.values.items() for value in values)

    def first(self, name: str) -> str | None:
        """First value of a header, None where it is absent."""
        values = self.values.get(full_name(name))
        return values[0] if values else None

    def all(self, name: str) -> tuple[str, ...]:
        """All rows of a header, as they stand."""
        return self.values.get(full_name(name), ())

    def members(self, name: str) -> tuple[str, ...]:
        """All members of a comma-separated header over all its rows (RFC 3261 §7.3.1).

        Challenges and credentials are never split. Raises SipParseError where a quoted string or a < is not
        closed.
        """
        rows = self.all(name)
        if full_name(name) in _NEVER_JOINED:
            return rows
        return tuple(member for row in rows for member in split_commas(row))

    def tokens(self, name: str) -> frozenset[str]:
        """Members of a token list in lower case, e.g. option tags of Supported."""
        return frozenset(
            part.strip().lower() for row in self.all(name) for part in row.split(",") if part.strip()
        )

    def with_rows(self, name: str, *values: object) -> Headers:
        """Headers in which `name` has exactly these rows."""
        key = full_name(name)
        changed = dict(self.values)
        if values:
            changed[key] = tuple(str(value) for value in values)
        else:
            changed.pop(key, None)
        return Headers(changed)

    def with_added(self, *rows: tuple[str, object]) -> Headers:
        """Headers with further rows."""
        return Headers.of(*self, *rows)

    def without(self, *names: str) -> Headers:
        """Headers without the named ones."""
        unwanted = {full_name(name) for name in names}
        return Headers({name: values for name, values in self.values.items() if name not in unwanted})

    def only(self, *names: str) -> Headers:
        """Headers with the named ones alone, in the order of the names."""
        keys = (full_name(name) for name in names)
        return Headers({key: self.values[key] for key in keys if key in self.values})
