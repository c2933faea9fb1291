"""SIP URIs: reading, writing, comparing (RFC 3261 §19.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import (
    MAX_PARAMETERS,
    Params,
    get_param,
    join_host_port,
    same_host,
    set_param,
    split_host_port,
    without_param,
    write_params,
)

_SCHEME_RE: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(.+)", re.DOTALL)
_ESCAPED: Final = r"%[0-9A-Fa-f]{2}"
_USER_RE: Final = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|{_ESCAPED})+")
_PASSWORD_RE: Final = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,]|{_ESCAPED})*")
_URI_PARAM_RE: Final = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$]|{_ESCAPED})+")
_OPAQUE_RE: Final = re.compile(r"[!-~]+")
_HEADER_RE: Final = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/?:+$=&]|{_ESCAPED})*")
_UNRESERVED: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()")

_COMPARED: Final = ("user", "ttl", "method", "maddr", "transport")
"""Parameters whose presence on one side only makes two URIs differ (RFC 3261 §19.1.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uri:
    """A SIP or SIPS URI, or another URI as one opaque text.

    Parts are kept as written, %-escapes included; only the scheme is in lower case.

    Attributes:
        scheme: "sip", "sips" or any other.
        user: user part, None without one.
        password: part after the user's colon, None without one.
        host: name, IPv4 or IPv6 address (no brackets); empty for other schemes.
        port: None where the URI gives none.
        params: parameters in order.
        headers: text after "?", empty without one.
        opaque: what follows the colon of another scheme, else empty.
    """

    scheme: Literal["sip", "sips"] | str = "sip"
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: str = ""
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI (without <>); raises SipParseError."""
        match = _SCHEME_RE.fullmatch(text)
        if match is None:
            raise SipParseError("a URI without a scheme")
        scheme, rest = match.group(1).lower(), match.group(2)
        if scheme not in ("sip", "sips"):
            if _OPAQUE_RE.fullmatch(rest) is None:
                raise SipParseError("malformed URI")
            return cls(scheme=scheme, opaque=rest)
        user: str | None = None
        password: str | None = None
        # "@" is no character of a user part or a parameter, so the last one ends the user part
        userinfo, at, rest = rest.rpartition("@")
        if at:
            user, colon, secret = userinfo.partition(":")
            password = secret if colon else None
            if _USER_RE.fullmatch(user) is None or (password and _PASSWORD_RE.fullmatch(password) is None):
                raise SipParseError("malformed user part of a URI")
        rest, question, headers = rest.partition("?")
        if question and (not headers or _HEADER_RE.fullmatch(headers) is None):
            raise SipParseError("malformed headers of a URI")
        host_port, semicolon, tail = rest.partition(";")
        if host_port != host_port.strip():
            raise SipParseError("white space in a URI")
        host, port = split_host_port(host_port)
        params = _read_uri_params(tail) if semicolon else ()
        return cls(
            scheme=scheme, user=user, password=password, host=host, port=port, params=params, headers=headers
        )

    def __str__(self) -> str:
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        secret = "" if self.password is None else f":{self.password}"
        user = "" if self.user is None else f"{self.user}{secret}@"
        headers = f"?{self.headers}" if self.headers else ""
        params = write_params(self.params)
        return f"{self.scheme}:{user}{join_host_port(self.host, self.port)}{params}{headers}"

    @property
    def is_sip(self) -> bool:
        """True for sip and sips."""
        return not self.opaque

    def param(self, name: str) -> str | None:
        """Value of a parameter, "" for one without value, None where it is absent."""
        return get_param(self.params, name)

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case, None where the URI leaves it open."""
        value = self.param("transport")
        return value.lower() if value else None

    @property
    def loose_router(self) -> bool:
        """True for a Route entry with the lr parameter (RFC 3261 §16.12.1.1)."""
        return self.param("lr") is not None

    def with_param(self, name: str, value: str | None) -> Uri:
        """The URI with a parameter set."""
        return replace(self, params=set_param(self.params, name, value))

    def as_request_uri(self) -> Uri:
        """The URI without the parts that a Request-URI may not have: method, headers (RFC 3261 §19.1.1)."""
        return replace(self, params=without_param(self.params, "method"), headers="")

    def as_identity(self) -> Uri:
        """The URI without the parts that From and To may not have (RFC 3261 §19.1.1 table 1)."""
        params = without_param(self.params, "method", "maddr", "ttl", "transport", "lr")
        return replace(self, params=params, headers="", port=None if self.is_sip else self.port)

    def same_as(self, other: Uri) -> bool:
        """Equality by RFC 3261 §19.1.4; not transitive."""
        if self.scheme != other.scheme or not self.is_sip:
            return str(self) == str(other)
        if (
            _decoded(self.user) != _decoded(other.user)
            or _decoded(self.password) != _decoded(other.password)
            or not same_host(self.host, other.host)
            or self.port != other.port
        ):
            return False
        for name in {name.lower() for name, _ in (*self.params, *other.params)}:
            mine, theirs = self.param(name), other.param(name)
            if mine is None or theirs is None:
                if name in _COMPARED:
                    return False
            elif _decoded(mine.lower()) != _decoded(theirs.lower()):
                return False
        return _header_set(self.headers) == _header_set(other.headers)


def _read_uri_params(text: str) -> Params:
    found: list[tuple[str, str | None]] = []
    names: set[str] = set()
    for member in text.split(";"):
        name, equals, value = member.partition("=")
        if _URI_PARAM_RE.fullmatch(name) is None or (equals and _URI_PARAM_RE.fullmatch(value) is None):
            raise SipParseError("malformed parameter of a URI")
        if name.lower() in names or len(names) >= MAX_PARAMETERS:
            raise SipParseError("a URI parameter occurs twice, or there are too many")
        names.add(name.lower())
        found.append((name, value if equals else None))
    return tuple(found)


def _decoded(text: str | None) -> bytes | None:
    """Escapes of unreserved characters undone, other escapes in upper case (RFC 3261 §19.1.4)."""
    if text is None:
        return None

    def undo(match: re.Match[bytes]) -> bytes:
        code = int(match.group(1), 16)
        return bytes([code]) if code in _UNRESERVED else match.group(0).upper()

    return re.sub(rb"%([0-9A-Fa-f]{2})", undo, text.encode())


def _header_set(text: str) -> frozenset[tuple[str, bytes | None]]:
    members = (member.partition("=") for member in text.split("&") if member)
    return frozenset((name.lower(), _decoded(value)) for name, _, value in members)
