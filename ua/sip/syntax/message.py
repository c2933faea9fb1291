"""Requests and responses as values (RFC 3261 §7); `ua.sip.syntax.wire_format` has their bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import is_token
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.reasons import REASONS
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.via import Via

_CSEQ_RE: Final = re.compile(r"(\d{1,20})[ \t]+([^ \t]+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CSeq:
    """Sequence number (0 to 2^32-1) and method (RFC 3261 §20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read a CSeq value; raises SipParseError."""
        match = _CSEQ_RE.fullmatch(text.strip())
        if match is None or not is_token(match[2]):
            raise SipParseError("malformed CSeq")
        number = int(match[1])
        if number >= 2**32:
            raise SipParseError("CSeq over 2^32-1")
        return cls(number=number, method=match[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """What requests and responses share; typed values are read once and kept."""

    headers: Headers
    body: bytes = b""
    _read: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def vias(self) -> tuple[Via, ...]:
        """All hops, the last one first."""
        if "vias" not in self._read:
            self._read["vias"] = tuple(Via.parse(text) for text in self.headers.members("via"))
        vias: tuple[Via, ...] = self._read["vias"]
        return vias

    @property
    def via(self) -> Via:
        """The top Via; the ones below it are not looked at."""
        if "via" not in self._read:
            rows = self.headers.members("via")
            if not rows:
                raise SipParseError("no Via")
            self._read["via"] = Via.parse(rows[0])
        via: Via = self._read["via"]
        return via

    @property
    def from_(self) -> NameAddr:
        """The From address."""
        return self._address("from")

    @property
    def to(self) -> NameAddr:
        """The To address."""
        return self._address("to")

    @property
    def call_id(self) -> str:
        """Call-ID, compared byte by byte."""
        return self.headers.first("call-id") or ""

    @property
    def cseq(self) -> CSeq:
        """Sequence number and method."""
        if "cseq" not in self._read:
            self._read["cseq"] = CSeq.parse(self.headers.first("cseq") or "")
        cseq: CSeq = self._read["cseq"]
        return cseq

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """All Contact addresses ("*" left out); raises SipParseError where one is malformed."""
        return self.addresses("contact")

    @property
    def content_type(self) -> str:
        """Media type of the body in lower case without parameters, empty without one."""
        return (self.headers.first("content-type") or "").partition(";")[0].strip().lower().replace(" ", "")

    def addresses(self, name: str) -> tuple[NameAddr, ...]:
        """All addresses of a header such as Contact, Route or Record-Route; raises SipParseError."""
        key = f"all {name}"
        if key not in self._read:
            members = self.headers.members(name)
            self._read[key] = tuple(NameAddr.parse(member) for member in members if member != "*")
        addresses: tuple[NameAddr, ...] = self._read[key]
        return addresses

    def seconds(self, name: str) -> int | None:
        """A header of delta-seconds such as Expires or Min-Expires; None where absent or malformed.

        A comment and parameters behind the number are left out (RFC 3261 §20.33).
        """
        digits = re.match(r"[ \t]*(\d{1,10})(?=[ \t(;]|\Z)", self.headers.first(name) or "", re.ASCII)
        return int(digits[1]) if digits and int(digits[1]) < 2**32 else None

    def know(self, read: Mapping[str, Any]) -> None:
        """Take over typed values that were read of the same header fields."""
        self._read.update(read)

    def _address(self, name: str) -> NameAddr:
        if name not in self._read:
            self._read[name] = NameAddr.parse(self.headers.first(name) or "")
        address: NameAddr = self._read[name]
        return address


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(_Message):
    """A request.

    Attributes:
        method: case-sensitive.
        uri: Request-URI, of any scheme.
        headers: header fields without Content-Length.
        body: bytes.
    """

    method: str
    uri: Uri

    @property
    def max_forwards(self) -> int | None:
        """0 to 255; None where absent or out of range."""
        value = (self.headers.first("max-forwards") or "").strip()
        return int(value) if value.isascii() and value.isdigit() and int(value[:4]) <= 255 else None

    def with_via(self, top: Via) -> Request:
        """The same with another top Via."""
        rows = self.headers.members("via")
        changed = replace(self, headers=self.headers.with_rows("via", top, *rows[1:]))
        known = {name: value for name, value in self._read.items() if name != "vias"}
        changed.know(known | {"via": top})
        return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(_Message):
    """A response.

    Attributes:
        status: 100 to 699.
        reason: may be empty.
        headers: header fields without Content-Length.
        body: bytes.
    """

    status: int
    reason: str = ""

    @property
    def is_provisional(self) -> bool:
        """True for 1xx."""
        return self.status < 200

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """True for 2xx to 6xx."""
        return self.status >= 200


Message = Request | Response


def make_response(
    request: Request,
    status: int,
    reason: str = "",
    *,
    to_tag: str | None = None,
    headers: Headers | None = None,
    body: bytes = b"",
) -> Response:
    """A response to a request by RFC 3261 §8.2.6: Via, From, Call-ID, CSeq copied, To with our tag.

    The tag is added where the request has none and the status is not 100; Timestamp is copied into a 100.
    """
    copied = request.headers.only("via", "from", "to", "call-id", "cseq")
    if status == 100:
        copied = copied.with_rows("timestamp", *request.headers.all("timestamp"))
    elif to_tag is not None and request.to.tag is None:
        copied = copied.with_rows("to", request.to.with_tag(to_tag))
    if headers is not None:
        copied = copied.with_added(*headers)
    return Response(status=status, reason=reason or REASONS.get(status, ""), headers=copied, body=body)
