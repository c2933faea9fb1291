"""Writes a session description in the order of RFC 8866 §9, every line ended by CRLF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdp.syntax.model import Attribute, Bandwidth, Connection, Media, SessionDescription, Time, UnknownLine


def write(description: SessionDescription) -> str:
    """The text of `description`; `parser.parse` gives it back as an equal value.

    Raises:
        ValueError: a value of ours holds a NUL, CR or LF and would forge lines.
    """
    lines = [*_session(description)]
    for media in description.media:
        lines += _media(media)
    for line in lines:
        if "\r" in line or "\n" in line or "\0" in line:
            raise ValueError(f"a line cannot hold NUL, CR or LF: {line!r}")
    return "".join(f"{line}\r\n" for line in lines)


def _session(description: SessionDescription) -> Iterator[str]:
    origin = description.origin
    yield "v=0"
    yield (
        f"o={origin.username} {origin.session_id} {origin.version}"
        f" {origin.nettype} {origin.addrtype} {origin.address}"
    )
    # RFC 8866 §5.3: never empty.
    yield f"s={description.name or '-'}"
    if description.information is not None:
        yield f"i={description.information}"
    if description.uri is not None:
        yield f"u={description.uri}"
    yield from (f"e={email}" for email in description.emails)
    yield from (f"p={phone}" for phone in description.phones)
    if description.connection is not None:
        yield _connection(description.connection)
    yield from _bandwidths(description.bandwidths)
    for time in description.times or (Time(),):
        yield f"t={time.start} {time.stop}"
        yield from (f"r={repeat}" for repeat in time.repeats)
        if time.zone is not None:
            yield f"z={time.zone}"
    yield from _tail(description.attributes, description.unknown)


def _media(media: Media) -> Iterator[str]:
    yield str(media)
    if media.title is not None:
        yield f"i={media.title}"
    yield from (_connection(connection) for connection in media.connections)
    yield from _bandwidths(media.bandwidths)
    yield from _tail(media.attributes, media.unknown)


def _connection(connection: Connection) -> str:
    suffix = f"/{connection.suffix}" if connection.suffix else ""
    return f"c={connection.nettype} {connection.addrtype} {connection.address}{suffix}"


def _bandwidths(bandwidths: Iterable[Bandwidth]) -> Iterator[str]:
    return (f"b={bandwidth.type}:{bandwidth.value}" for bandwidth in bandwidths)


def _tail(attributes: Iterable[Attribute], unknown: Iterable[UnknownLine]) -> Iterator[str]:
    yield from (str(attribute) for attribute in attributes)
    yield from (f"{line.letter}={line.value}" for line in unknown)
