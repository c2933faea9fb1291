"""Reads a session description (RFC 8866), bounded in size and tolerant where peers are known to stray.

Lenient mode (the default) refuses a bad a= or b= line alone, accepts lines out of order and skips what it
cannot place; every such line becomes a `Diagnostic` of the result. Strict mode raises for the same faults.
Faults that leave the description without meaning (no o= line, a bad m= or c= line) raise in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from sdp.diagnostics import Diagnostic
from sdp.errors import SdpError, ValueFault
from sdp.syntax import grammar, line_values
from sdp.syntax.model import (
    Attribute,
    Bandwidth,
    Connection,
    Media,
    Origin,
    SessionDescription,
    Time,
    UnknownLine,
)

# RFC 8866 §9: the order of the lines; t, r and z form one group.
_SESSION_GROUPS = ("v", "o", "s", "i", "u", "e", "p", "c", "b", "trz", "k", "a")
_SESSION_ORDER = {letter: rank for rank, group in enumerate(_SESSION_GROUPS) for letter in group}
_MEDIA_ORDER = {letter: rank for rank, letter in enumerate("micbka")}


def parse(text: str | bytes, *, strict: bool = False) -> SessionDescription:
    """Read one description.

    Bytes are UTF-8, or ISO 8859-1 where they are not. Lines end with CRLF or a bare LF.

    Raises:
        SdpError: the text is no description, or exceeds the limits of `sdp.syntax.grammar`.
    """
    return _parsed(text, strict)


@lru_cache(maxsize=4)  # an offer is looked at several times before it is answered
def _parsed(text: str | bytes, strict: bool) -> SessionDescription:
    return _Parser(strict).parse(text)


@dataclass(slots=True)
class _Section:
    """What the session level and an m= section have in common."""

    bandwidths: list[Bandwidth] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    unknown: list[UnknownLine] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    information: str | None = None
    rank: int = 0


@dataclass(slots=True)
class _SessionSection(_Section):
    origin: Origin | None = None
    name: str | None = None
    uri: str | None = None
    emails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    times: list[Time] = field(default_factory=list)
    version_seen: bool = False


@dataclass(slots=True, kw_only=True)
class _MediaSection(_Section):
    head: Media


class _Parser:
    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._session = _SessionSection()
        self._media: list[_MediaSection] = []
        self._diagnostics: list[Diagnostic] = []
        self._line = 0
        self._text = ""
        self._previous = ""

    def parse(self, text: str | bytes) -> SessionDescription:
        for number, line in enumerate(_lines(self._decode(text)), start=1):
            self._line, self._text = number, line
            try:
                self._take(line)
            except SdpError as error:
                raise SdpError(error.reason, number) from None
        return self._finish()

    def _decode(self, text: str | bytes) -> str:
        if len(text) > grammar.MAX_BYTES:
            raise SdpError(f"the description is longer than {grammar.MAX_BYTES} bytes")
        if isinstance(text, str):
            return text
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError:
            self._fault("the text is not UTF-8 and is read as ISO 8859-1", whole=True)
            return text.decode("latin-1")

    def _fault(self, reason: str, *, whole: bool = False) -> None:
        """Raise in strict mode, else remark on the current line."""
        if self._strict:
            raise SdpError(reason)
        line, text = (None, "") if whole else (self._line, self._text)
        self._diagnostics.append(Diagnostic(line=line, text=text, reason=reason))

    # --- lines --------------------------------------------------------------------------------------------

    def _take(self, line: str) -> None:
        if len(line) > grammar.MAX_LINE:
            self._text = line[:80]
            raise SdpError(f"the line is longer than {grammar.MAX_LINE} bytes")
        if "\0" in line or "\r" in line:
            raise SdpError("the line holds a NUL or CR")
        if not line:
            self._fault("an empty line")
            return
        letter, separator, value = line[0], line[1:2], line[2:]
        if separator != "=" or not letter.isalnum():
            raise SdpError("the line is not of the form x=value")
        self._dispatch(letter, value)
        self._previous = letter

    def _dispatch(self, letter: str, value: str) -> None:
        if letter == "m":
            self._start_media(value)
            return
        section: _Section = self._media[-1] if self._media else self._session
        order = _MEDIA_ORDER if self._media else _SESSION_ORDER
        if letter not in order:
            if letter in _SESSION_ORDER:
                if letter in "vos":
                    raise SdpError(f"{letter}= stands a second time: one description per body")
                self._fault(f"{letter}= belongs to the session level; ignored")
                return
            self._fault("unknown line type; skipped")
            section.unknown.append(UnknownLine(letter=letter, value=value))
            return
        if order[letter] < section.rank:
            self._fault(f"{letter}= stands out of order")
        section.rank = max(section.rank, order[letter])
        match letter:
            case "i":
                self._take_information(section, value)
            case "c":
                section.connections.append(self._connection(value))
                if isinstance(section, _SessionSection) and len(section.connections) > 1:
                    self._fault("a second c= at session level; the first one counts")
            case "b":
                self._take_bandwidth(section, value)
            case "k":
                # RFC 8866 §5.12: obsolete; it must not be used, so it is not kept either.
                pass
            case "a":
                self._take_attribute(section, value)
            case _:
                self._take_session_line(letter, value)

    def _start_media(self, value: str) -> None:
        if len(self._media) >= grammar.MAX_MEDIA:
            raise SdpError(f"more than {grammar.MAX_MEDIA} m= lines")
        if " ".join(grammar.fields(value)) != value:
            self._fault("more than one space between the fields")
        head = line_values.media(value, self._line)
        if head.port_count > 1:
            self._fault("several port pairs in one m= line; the first one is used")
        self._media.append(_MediaSection(head=head))

    def _take_information(self, section: _Section, value: str) -> None:
        if section.information is not None:
            self._fault("a second i= line; the first one counts")
        elif not value:
            self._fault("an empty i= line; ignored")
        else:
            section.information = value

    def _connection(self, value: str) -> Connection:
        connection = line_values.connection(value)
        literal = connection.literal
        if literal is not None and (connection.addrtype == "IP6") is not grammar.is_ipv6(literal):
            self._fault("the address is not of the family that the line names")
            return Connection(
                nettype="IN",
                addrtype="IP6" if grammar.is_ipv6(literal) else "IP4",
                address=literal,
                suffix=connection.suffix,
            )
        return connection

    def _take_bandwidth(self, section: _Section, value: str) -> None:
        try:
            section.bandwidths.append(line_values.bandwidth(value))
        except ValueFault as error:
            self._fault(f"{error.reason}; ignored")

    def _take_attribute(self, section: _Section, value: str) -> None:
        if len(section.attributes) >= grammar.MAX_ATTRIBUTES:
            raise SdpError(f"more than {grammar.MAX_ATTRIBUTES} attributes in one section")
        name, separator, content = value.partition(":")
        if not grammar.is_token(name):
            self._fault("the attribute name is not a token; ignored")
            return
        if separator and not content and self._strict:
            raise SdpError("the attribute value is empty")
        section.attributes.append(Attribute(name=name, value=content if separator else None, line=self._line))

    def _take_session_line(self, letter: str, value: str) -> None:
        session = self._session
        match letter:
            case "v":
                if session.version_seen:
                    raise SdpError("v= stands a second time: one description per body")
                if value != "0":
                    raise SdpError("the version is not 0")
                session.version_seen = True
            case "o":
                if session.origin is not None:
                    raise SdpError("o= stands a second time: one description per body")
                session.origin = line_values.origin(value, strict=self._strict)
            case "s":
                if session.name is not None:
                    raise SdpError("s= stands a second time: one description per body")
                # RFC 3264 §10.2 has empty names itself.
                session.name = value if value.strip(" ") else "-"
            case "u":
                if session.uri is not None or not value:
                    self._fault("a second or empty u= line; ignored")
                else:
                    session.uri = value
            case "e":
                session.emails.append(value)
            case "p":
                session.phones.append(value)
            case "t":
                self._take_time(value)
            case "r":
                self._take_repeat(value)
            case _:
                self._take_zone(value)

    def _take_time(self, value: str) -> None:
        try:
            self._session.times.append(line_values.time(value))
        except ValueFault as error:
            self._fault(f"{error.reason}; ignored")

    def _take_repeat(self, value: str) -> None:
        times = self._session.times
        if self._previous not in ("t", "r") or not times or times[-1].zone is not None:
            self._fault("r= does not follow a t= line; ignored")
        elif not line_values.is_repeat(value):
            self._fault("r= is malformed; ignored")
        else:
            times[-1] = Time(start=times[-1].start, stop=times[-1].stop, repeats=(*times[-1].repeats, value))

    def _take_zone(self, value: str) -> None:
        times = self._session.times
        if self._previous != "r" or not times or not times[-1].repeats:
            self._fault("z= does not follow an r= line; ignored")
        elif not line_values.is_zone(value):
            self._fault("z= is malformed; ignored")
        else:
            last = times[-1]
            times[-1] = Time(start=last.start, stop=last.stop, repeats=last.repeats, zone=value)

    # --- the whole ----------------------------------------------------------------------------------------

    def _finish(self) -> SessionDescription:
        session = self._session
        if not session.version_seen:
            raise SdpError("there is no v= line")
        if session.origin is None:
            raise SdpError("there is no o= line")
        if session.name is None:
            self._fault("there is no s= line", whole=True)
        if not session.times:
            self._fault("there is no t= line", whole=True)
        media = tuple(_media(section) for section in self._media)
        for each in media:
            # RFC 8866 §5.7; a refused stream needs no address.
            if not each.connections and not session.connections and each.port != 0:
                raise SdpError("neither the section nor the session has a c= line", each.line)
        return SessionDescription(
            origin=session.origin,
            name=session.name if session.name is not None else "-",
            information=session.information,
            uri=session.uri,
            emails=tuple(session.emails),
            phones=tuple(session.phones),
            connection=session.connections[0] if session.connections else None,
            bandwidths=tuple(session.bandwidths),
            times=tuple(session.times) or (Time(),),
            attributes=tuple(session.attributes),
            unknown=tuple(session.unknown),
            media=media,
            diagnostics=tuple(self._diagnostics),
        )


def _lines(text: str) -> list[str]:
    """Lines without their CRLF or LF; the empty rest behind the last one is none."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _media(section: _MediaSection) -> Media:
    head = section.head
    return Media(
        media=head.media,
        port=head.port,
        port_count=head.port_count,
        proto=head.proto,
        formats=head.formats,
        title=section.information,
        connections=tuple(section.connections),
        bandwidths=tuple(section.bandwidths),
        attributes=tuple(section.attributes),
        unknown=tuple(section.unknown),
        line=head.line,
    )
