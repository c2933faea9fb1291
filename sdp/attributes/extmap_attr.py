"""a=extmap and a=extmap-allow-mixed: RTP header extensions (RFC 8285 §5 to §8)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from sdp.attributes.direction import Direction
from sdp.diagnostics import Diagnostic
from sdp.errors import ValueFault
from sdp.syntax import grammar
from sdp.syntax.model import Attribute, Media, SessionDescription

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
"""Tells which m= line a packet belongs to (RFC 9143 §15)."""

AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
"""Tells how loud the audio of a packet is (RFC 6464)."""

ONE_BYTE = range(1, 15)
"""Ids of the one-byte form, which every receiver of extensions can read (RFC 8285 §4.2)."""

USABLE = range(1, 257)
"""Ids of the two-byte form (§4.3), and 256 for its appbits."""

ALTERNATIVES = range(4096, 4352)
"""Ids that only offer: of several with the same one at most one is taken, under a usable id (§7)."""

ALLOW_MIXED = Attribute(name="extmap-allow-mixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One header extension.

    Attributes:
        id: usable, or one of the alternatives.
        uri: what it is.
        direction: as the author of the line sees it; None where it says nothing: that of the stream.
        parameters: extension attributes; empty for none.
    """

    id: int
    uri: str
    direction: Direction | None = None
    parameters: str = ""


def parse_extmap(value: str) -> Extension:
    """The value of a=extmap (RFC 8285 §8); raises ValueFault."""
    parts = value.split(" ", 2)
    if len(parts) < 2 or not grammar.NON_WS.fullmatch(parts[1]) or ":" not in parts[1]:
        raise ValueFault("a=extmap is not of the form id uri")
    number, slash, way = parts[0].partition("/")
    given = grammar.integer(number, "the id of a=extmap", minimum=1, maximum=ALTERNATIVES[-1])
    if given not in USABLE and given not in ALTERNATIVES:
        raise ValueFault(f"id {given} of a=extmap is out of range")
    if slash and way not in set(Direction):
        raise ValueFault("a=extmap has an unknown direction")
    return Extension(
        id=given,
        uri=parts[1],
        direction=Direction(way) if slash else None,
        parameters=parts[2].strip(" ") if len(parts) == 3 else "",
    )


def format_extmap(extension: Extension) -> str:
    """The value of a=extmap."""
    way = "" if extension.direction is None else f"/{extension.direction}"
    parameters = f" {extension.parameters}" if extension.parameters else ""
    return f"{extension.id}{way} {extension.uri}{parameters}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """What a section says about header extensions.

    Attributes:
        listed: all usable lines, in order.
        mixed: one- and two-byte form may stand in one stream.
    """

    listed: tuple[Extension, ...] = ()
    mixed: bool = False


def read(session: SessionDescription, media: Media) -> tuple[Extensions, tuple[Diagnostic, ...]]:
    """The extensions of one m= section.

    They stand all at session level or all at media level (RFC 8285 §5); where a peer mixes the two the media
    level is taken. An id counts once, the first time, and so does an extension.
    """
    remarks: list[Diagnostic] = []
    lines, others = tuple(media.all("extmap")), tuple(session.all("extmap"))
    if lines and others:
        remarks.append(others[0].diagnostic("a=extmap stands at both levels; those of the m= line count"))
    listed: list[Extension] = []
    for line in lines or others:
        try:
            extension = parse_extmap(line.value or "")
        except ValueFault as error:
            remarks.append(line.diagnostic(f"{error.reason}; ignored"))
            continue
        if any(
            (each.id == extension.id and each.id in USABLE)
            or (each.uri, each.parameters) == (extension.uri, extension.parameters)
            for each in listed
        ):
            remarks.append(line.diagnostic("an id or an extension that was listed before; ignored"))
            continue
        listed.append(extension)
    mixed = any(where.first(ALLOW_MIXED.name) is not None for where in (media, session))
    return Extensions(listed=tuple(listed), mixed=mixed), tuple(remarks)


def answer(
    offered: Extensions,
    supported: Collection[str],
    way: Direction,
    *,
    earlier: Collection[Extension] = (),
) -> Extensions:
    """Our answer to the extensions of an offer (RFC 8285 §7).

    What we know stays under its id; alternatives get a free one of the one-byte form, of several with one id
    the first that we know. All else is left out, and what only the two-byte form can name, which we do not
    send. Ids of `earlier` exchanges never change.

    Args:
        offered: the peer's.
        supported: URIs that we know.
        way: direction of the stream, as we see it.
        earlier: extensions that this session has used so far.
    """
    kept = {extension.uri: extension.id for extension in earlier}
    used = {extension.id for extension in offered.listed if extension.id in USABLE} | set(kept.values())
    chosen: list[Extension] = []
    alternatives: set[int] = set()
    for extension in offered.listed:
        direction = _mirrored(extension.direction, way)
        if extension.uri not in supported or direction is None:
            continue
        if any(extension.uri == each.uri for each in chosen):
            continue
        number: int | None = extension.id
        if extension.id in ALTERNATIVES:
            if extension.id in alternatives:
                continue
            number = kept.get(extension.uri) or next((free for free in ONE_BYTE if free not in used), None)
        elif kept.get(extension.uri) != extension.id and (
            extension.uri in kept or extension.id in kept.values()
        ):
            # RFC 8285 §7: an id in use is not altered; the peer's new one is not taken up.
            continue
        if number is None or number not in ONE_BYTE:
            continue
        alternatives.add(extension.id)
        used.add(number)
        shown = direction if extension.direction is not None else None
        chosen.append(replace(extension, id=number, direction=shown))
    # Mixing the two forms is of use with extensions only (§6).
    return Extensions(listed=tuple(chosen), mixed=offered.mixed and bool(chosen))


def _mirrored(theirs: Direction | None, way: Direction) -> Direction | None:
    """The direction in our answer; None where nothing is left of it."""
    if theirs is None:
        return way
    if way is Direction.INACTIVE:
        # RFC 8285 §7: on a stream that rests they keep their directions.
        return theirs.reverse
    ours = theirs.reverse.limited_to(way)
    return ours if theirs is Direction.INACTIVE or ours is not Direction.INACTIVE else None


def attributes(extensions: Extensions) -> tuple[Attribute, ...]:
    """The lines of a section."""
    lines = tuple(Attribute(name="extmap", value=format_extmap(each)) for each in extensions.listed)
    return (*lines, ALLOW_MIXED) if extensions.mixed else lines
