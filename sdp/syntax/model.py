"""A session description as values (RFC 8866 §5).

What is not understood is kept: unknown attributes stand among the others in their order, lines with an
unknown letter in `unknown`. Line numbers are those of the received text; they do not count in comparisons.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from sdp.diagnostics import Diagnostic
from sdp.masking import mask_keys
from sdp.syntax import grammar


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The o= line (RFC 8866 §5.2).

    Attributes:
        username: no spaces; "-" for none.
        session_id: fixed for the session.
        version: raised by one with each change (RFC 3264 §8).
        nettype: "IN".
        addrtype: "IP4" or "IP6".
        address: an address of the host that made the session; never dialled.
    """

    username: str = "-"
    session_id: int
    version: int
    nettype: str = "IN"
    addrtype: str = "IP4"
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A c= line (RFC 8866 §5.7).

    Attributes:
        nettype: "IN".
        addrtype: "IP4" or "IP6".
        address: IP literal in canonical form, or a name.
        suffix: what follows the first slash of a multicast address ("127" or "127/3"); empty for unicast.
    """

    nettype: str = "IN"
    addrtype: str = "IP4"
    address: str
    suffix: str = ""

    @classmethod
    def of(cls, host: str) -> Connection:
        """The c= line of an IP literal."""
        return cls(addrtype="IP6" if grammar.is_ipv6(host) else "IP4", address=host)

    @property
    def literal(self) -> str | None:
        """The IP literal, None for a name or a network other than the Internet."""
        return grammar.ip_literal(self.address) if self.nettype == "IN" else None

    @property
    def multicast(self) -> bool:
        """True for a multicast group."""
        literal = self.literal
        return literal is not None and ipaddress.ip_address(literal).is_multicast


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """A b= line (RFC 8866 §5.8): `AS` in kbit/s, `RS` and `RR` in bit/s (RFC 3556)."""

    type: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """A t= line with its r= and z= lines, kept and not acted on (RFC 8866 §5.9 to §5.11).

    Attributes:
        start: seconds since 1900, 0 for unbounded.
        stop: seconds since 1900, 0 for unbounded.
        repeats: values of the r= lines.
        zone: value of the z= line, None without one.
    """

    start: int = 0
    stop: int = 0
    repeats: tuple[str, ...] = ()
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An a= line: a flag (`value` None) or a value (RFC 8866 §5.13); names are case-sensitive."""

    name: str
    value: str | None = None
    line: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"a={self.name}" if self.value is None else f"a={self.name}:{self.value}"

    def __repr__(self) -> str:
        return f"Attribute({mask_keys(str(self))!r})"

    def diagnostic(self, reason: str) -> Diagnostic:
        """A remark on this line."""
        return Diagnostic(line=self.line, text=mask_keys(str(self)), reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLine:
    """A line whose letter RFC 8866 does not define."""

    letter: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An m= section (RFC 8866 §5.14).

    Attributes:
        media: "audio", "video", ...
        port: transport port; 0 refuses or disables the stream (RFC 3264 §6).
        port_count: number of port pairs, for layered coding only.
        proto: transport protocol and profile as written, e.g. "RTP/AVP".
        formats: at least one; payload types for RTP.
        title: the i= line.
        connections: c= lines of the section.
        bandwidths: b= lines.
        attributes: a= lines, in order.
        unknown: lines with an unknown letter, in order.
        line: number of the m= line.
    """

    media: str
    port: int
    port_count: int = 1
    proto: str
    formats: tuple[str, ...]
    title: str | None = None
    connections: tuple[Connection, ...] = ()
    bandwidths: tuple[Bandwidth, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    unknown: tuple[UnknownLine, ...] = ()
    line: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        count = "" if self.port_count == 1 else f"/{self.port_count}"
        return f"m={self.media} {self.port}{count} {self.proto} {' '.join(self.formats)}"

    def diagnostic(self, reason: str) -> Diagnostic:
        """A remark on the m= line."""
        return Diagnostic(line=self.line, text=str(self), reason=reason)

    def all(self, name: str) -> Iterator[Attribute]:
        """The attributes of that name, in order."""
        return (attribute for attribute in self.attributes if attribute.name == name)

    def first(self, name: str) -> Attribute | None:
        """The first attribute of that name."""
        return next(self.all(name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDescription:
    """A whole description (RFC 8866 §5); the lines of the session level, then the m= sections.

    Attributes:
        origin: o= line.
        name: s= line, "-" where there is none.
        information: i= line.
        uri: u= line.
        emails: e= lines.
        phones: p= lines.
        connection: c= line of the session level.
        bandwidths: b= lines.
        times: t= lines, at least one.
        attributes: a= lines of the session level, in order.
        unknown: lines with an unknown letter, in order.
        media: m= sections, in order.
        diagnostics: what the parser refused or mended.
    """

    origin: Origin
    name: str = "-"
    information: str | None = None
    uri: str | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    connection: Connection | None = None
    bandwidths: tuple[Bandwidth, ...] = ()
    times: tuple[Time, ...] = (Time(),)
    attributes: tuple[Attribute, ...] = ()
    unknown: tuple[UnknownLine, ...] = ()
    media: tuple[Media, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = field(default=(), compare=False)

    def all(self, name: str) -> Iterator[Attribute]:
        """The session-level attributes of that name, in order."""
        return (attribute for attribute in self.attributes if attribute.name == name)

    def first(self, name: str) -> Attribute | None:
        """The first session-level attribute of that name."""
        return next(self.all(name), None)

    def connection_of(self, media: Media) -> Connection | None:
        """The c= line that holds for `media`: its own, else that of the session (RFC 8866 §5.7)."""
        return media.connections[0] if media.connections else self.connection

    def bandwidths_of(self, media: Media) -> tuple[Bandwidth, ...]:
        """The b= lines that hold for `media`; its own win by type (RFC 8866 §5.8)."""
        own = {bandwidth.type for bandwidth in media.bandwidths}
        return media.bandwidths + tuple(b for b in self.bandwidths if b.type not in own)
