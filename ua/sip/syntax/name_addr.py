"""Addresses of From, To, Contact, Route and Record-Route (RFC 3261 §20.10)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import (
    QUOTED,
    TOKEN,
    Params,
    get_param,
    quote,
    read_params,
    set_param,
    unquote,
    without_param,
    write_params,
)
from ua.sip.syntax.uri import Uri

_NAME_ADDR_RE: Final = re.compile(
    rf"[ \t]*(?P<name>{QUOTED}|(?:{TOKEN}(?:[ \t]+{TOKEN})*)?)[ \t]*<[ \t]*(?P<uri>[^<>]+?)[ \t]*>"
)
_ADDR_SPEC_RE: Final = re.compile(r"[ \t]*(?P<uri>[^\s;,<>\"?]+)")
_EXTENDED_NAME_RE: Final = re.compile(
    r"[ \t]*(?P<name>[^\"<>,;:@\x00-\x08\x0a-\x1f]*?)[ \t]*<[ \t]*(?P<uri>[^<>]+?)[ \t]*>"
)

_SHORT: Final = 256
"""Characters of an address that is worth remembering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAddr:
    """A URI with a display name and header parameters.

    Attributes:
        uri: the address.
        name: display name with quoting undone, empty without one.
        params: header parameters (tag, expires, q ...) in order.
    """

    uri: Uri
    name: str = ""
    params: Params = field(default=())

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read one address; without <> every parameter belongs to the header (RFC 3261 §20.10).

        Raises SipParseError.
        """
        return _recent(text) if len(text) <= _SHORT else _read(text)

    def __str__(self) -> str:
        name = f"{quote(self.name)} " if self.name else ""
        return f"{name}<{self.uri}>{write_params(self.params)}"

    def param(self, name: str) -> str | None:
        """Value of a header parameter with quoting undone, "" without a value, None where it is absent."""
        return get_param(self.params, name)

    @property
    def tag(self) -> str | None:
        """The tag parameter; None where it is absent (an RFC 2543 peer)."""
        return self.param("tag") or None

    def with_tag(self, tag: str | None) -> NameAddr:
        """The address with this tag, or without one."""
        params = without_param(self.params, "tag") if tag is None else set_param(self.params, "tag", tag)
        return replace(self, params=params)

    def with_param(self, name: str, value: str | None) -> NameAddr:
        """The address with a header parameter set."""
        return replace(self, params=set_param(self.params, name, value))


def _read(text: str) -> NameAddr:
    match = _NAME_ADDR_RE.match(text) or _EXTENDED_NAME_RE.match(text) or _ADDR_SPEC_RE.match(text)
    if match is None:
        raise SipParseError("malformed address")
    name = match.groupdict().get("name") or ""
    return NameAddr(uri=Uri.parse(match["uri"]), name=unquote(name), params=read_params(text, match.end()))


_recent = lru_cache(maxsize=256)(_read)  # all messages of a call have the same addresses
