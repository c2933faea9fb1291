"""Pieces of the SIP grammar that several values share (RFC 3261 §25.1).

Text here is one header value after unfolding: no CR or LF in it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from ua.sip.errors import SipParseError

TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]+"  # noqa: S105 - the grammar's name, no secret
QUOTED: Final = r'"(?:[^"\\\r\n]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*"'
"""A quoted string; a backslash may escape any 7-bit character except CR and LF."""

_TOKEN_RE: Final = re.compile(TOKEN)
_QUOTED_RE: Final = re.compile(QUOTED)
_PARAM_RE: Final = re.compile(rf"[ \t]*;[ \t]*({TOKEN})(?:[ \t]*=[ \t]*({QUOTED}|[^\s;,\"<>?=]+))?")
_HOST_NAME_RE: Final = re.compile(r"(?=.{1,255}\.?\Z)[A-Za-z0-9_](?:[A-Za-z0-9_\-.]*[A-Za-z0-9_])?\.?")

MAX_PARAMETERS: Final = 64
"""Parameters of one value; more is hostile input."""

Params = tuple[tuple[str, str | None], ...]
"""Parameters in their order: name and value as written (a quoted value with its quotes), None without "="."""


def is_token(text: str) -> bool:
    """True where `text` is a token."""
    return _TOKEN_RE.fullmatch(text) is not None


def quote(text: str) -> str:
    """`text` as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """The text of a quoted string; anything else unchanged."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def split_commas(text: str) -> tuple[str, ...]:
    """The members of a comma-separated list; commas in quoted strings and in <> do not separate.

    Raises SipParseError where a quoted string or a < is not closed.
    """
    if "," not in text:
        return (text.strip(),) if text.strip() else ()
    members: list[str] = []
    start = position = 0
    inside_uri = False
    while position < len(text):
        character = text[position]
        if character == '"' and not inside_uri:
            quoted = _QUOTED_RE.match(text, position)
            if quoted is None:
                raise SipParseError("a quoted string is not closed")
            position = quoted.end()
            continue
        if character == "<":
            inside_uri = True
        elif character == ">":
            inside_uri = False
        elif character == "," and not inside_uri:
            members.append(text[start:position].strip())
            start = position + 1
        position += 1
    if inside_uri:
        raise SipParseError("a < is not closed")
    members.append(text[start:].strip())
    return tuple(member for member in members if member)


def read_params(text: str, position: int = 0) -> Params:
    """The parameters `;name=value` from `position` to the end.

    Raises SipParseError for anything else there, for a name that occurs twice (RFC 3261 §7.3.1) and for too
    many.
    """
    found: list[tuple[str, str | None]] = []
    names: set[str] = set()
    end = len(text.rstrip(" \t"))
    while position < end:
        match = _PARAM_RE.match(text, position)
        if match is None:
            raise SipParseError("malformed parameters")
        name = match.group(1)
        if name.lower() in names:
            raise SipParseError(f"parameter {name} occurs twice")
        names.add(name.lower())
        found.append((name, match.group(2)))
        if len(found) > MAX_PARAMETERS:
            raise SipParseError("too many parameters")
        position = match.end()
    return tuple(found)


def write_params(params: Params) -> str:
    """`;name=value` for each parameter, as it was read."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params)


def get_param(params: Params, name: str) -> str | None:
    """Value of a parameter with quoting undone; "" for one without a value, None where it is absent."""
    wanted = name.lower()
    for candidate, value in params:
        if candidate.lower() == wanted:
            return "" if value is None else unquote(value)
    return None


def set_param(params: Params, name: str, value: str | None) -> Params:
    """`params` with `name` set to `value` (quoted where it must be), in its old place or at the end."""
    wanted = name.lower()
    if any(candidate.lower() == wanted for candidate, _ in params):
        return tuple((c, value if c.lower() == wanted else v) for c, v in params)
    return (*params, (name, value))


def without_param(params: Params, *names: str) -> Params:
    """`params` without the named ones."""
    unwanted = {name.lower() for name in names}
    return tuple((name, value) for name, value in params if name.lower() not in unwanted)


def split_host_port(text: str) -> tuple[str, int | None]:
    """Host and port of `host[:port]`; an IPv6 address stands in brackets and is returned without them.

    Three colons, a known mistake of a published grammar, are read as two (RFC 5118 §4.10).
    Raises SipParseError for anything that is neither a host name nor an address, and for ports over 65535.
    """
    text = text.strip(" \t")
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        host = host.replace(":::", "::")
        if not closed or not _is_ipv6(host):
            raise SipParseError("malformed IPv6 address")
    else:
        name, colon, digits = text.partition(":")
        host, rest = name.rstrip(" \t"), colon + digits
        if _HOST_NAME_RE.fullmatch(host) is None:
            raise SipParseError("malformed host")
    rest = rest.strip(" \t")
    if not rest:
        return host, None
    digits = rest[1:].strip(" \t")
    if (
        rest[0] != ":"
        or not (digits.isascii() and digits.isdigit())
        or len(digits) > 10
        or int(digits) > 65535
    ):
        raise SipParseError("malformed port")
    return host, int(digits)


def join_host_port(host: str, port: int | None) -> str:
    """`host[:port]`, an IPv6 address in brackets."""
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"


def same_host(one: str, other: str) -> bool:
    """True for the same name without regard to case, or the same address in any spelling."""
    if one.lower() == other.lower():
        return True
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other)
    except ValueError:
        return False


def is_address(text: str) -> bool:
    """True for an IPv4 or IPv6 address without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    if "%" in text:  # zones stay on their host
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
