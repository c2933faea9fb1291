"""rtpmap, fmtp, ptime and maxptime of an m= section (RFC 8866 §6.4 to §6.6, §6.15; RFC 3551 §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sdp.diagnostics import Diagnostic
from sdp.errors import ValueFault
from sdp.syntax import grammar
from sdp.syntax.model import Attribute, Media

MAX_PAYLOAD_TYPE = 127

# RFC 5761 §4: with RTP and RTCP on one port these collide with RTCP packet types.
MUX_BARRED = range(64, 96)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """One format of an audio stream.

    Attributes:
        payload_type: 0 to 127.
        name: encoding name, e.g. "PCMU"; compared without case.
        clock_rate: RTP clock in Hz.
        channels: number of channels.
        fmtp: value of a=fmtp without the payload type; empty for none.
    """

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    fmtp: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        """What makes two formats the same, whatever their numbers (RFC 3264 §6.1)."""
        return self.name.casefold(), self.clock_rate, self.channels

    @property
    def carries_audio(self) -> bool:
        """False for formats that accompany a codec: events (RFC 4733), comfort noise, redundancy."""
        return self.name.casefold() not in ("telephone-event", "cn", "red")

    @property
    def is_comfort_noise(self) -> bool:
        """True for the noise that is sent in place of silence (RFC 3389)."""
        return self.name.casefold() == "cn"

    @property
    def is_telephone_event(self) -> bool:
        """True for DTMF events (RFC 4733)."""
        return self.name.casefold() == "telephone-event"


def _static(number: int, name: str, clock_rate: int = 8000, channels: int = 1) -> tuple[int, AudioFormat]:
    return number, AudioFormat(payload_type=number, name=name, clock_rate=clock_rate, channels=channels)


STATIC_FORMATS: Mapping[int, AudioFormat] = MappingProxyType(
    dict(
        (
            _static(0, "PCMU"),
            _static(3, "GSM"),
            _static(4, "G723"),
            _static(5, "DVI4"),
            _static(6, "DVI4", 16000),
            _static(7, "LPC"),
            _static(8, "PCMA"),
            _static(9, "G722"),
            _static(10, "L16", 44100, 2),
            _static(11, "L16", 44100),
            _static(12, "QCELP"),
            _static(13, "CN"),
            _static(14, "MPA", 90000),
            _static(15, "G728"),
            _static(16, "DVI4", 11025),
            _static(17, "DVI4", 22050),
            _static(18, "G729"),
        )
    )
)
"""RFC 3551 §6, table 4."""


def parse_rtpmap(value: str) -> AudioFormat:
    """The value of a=rtpmap (RFC 8866 §6.6); raises ValueFault."""
    number, _, encoding = value.partition(" ")
    parts = encoding.strip(" ").split("/")
    if not 2 <= len(parts) <= 3 or not grammar.is_token(parts[0]):
        raise ValueFault("a=rtpmap is not of the form pt name/clock")
    return AudioFormat(
        payload_type=payload_type(number),
        name=parts[0],
        clock_rate=grammar.integer(parts[1], "the clock rate", minimum=1, maximum=10**9),
        channels=(
            grammar.integer(parts[2], "the number of channels", minimum=1, maximum=255)
            if len(parts) == 3
            else 1
        ),
    )


def format_rtpmap(audio: AudioFormat) -> str:
    """The value of a=rtpmap."""
    channels = "" if audio.channels == 1 else f"/{audio.channels}"
    return f"{audio.payload_type} {audio.name}/{audio.clock_rate}{channels}"


def payload_type(text: str) -> int:
    """A payload type from 0 to 127; raises ValueFault."""
    return grammar.integer(text, "the payload type", maximum=MAX_PAYLOAD_TYPE)


def formats(media: Media, *, muxed: bool = False) -> tuple[tuple[AudioFormat, ...], tuple[Diagnostic, ...]]:
    """The audio formats of an RTP section in the order of its m= line, and what was refused.

    Static payload types need no rtpmap. With `muxed` the numbers 64 to 95 are refused (RFC 5761 §4).
    """
    diagnostics: list[Diagnostic] = []
    maps = _maps(media, diagnostics)
    parameters = _fmtps(media, diagnostics)
    result: dict[int, AudioFormat] = {}
    for text in media.formats:
        try:
            number = payload_type(text)
        except ValueFault as error:
            diagnostics.append(media.diagnostic(f"format {text[:16]}: {error.reason}"))
            continue
        known = maps.get(number) or STATIC_FORMATS.get(number)
        if muxed and number in MUX_BARRED:
            diagnostics.append(media.diagnostic(f"format {number}: barred by rtcp-mux (RFC 5761 §4)"))
        elif known is None:
            diagnostics.append(media.diagnostic(f"format {number}: dynamic, but without a=rtpmap"))
        elif number in result:
            diagnostics.append(media.diagnostic(f"format {number}: listed twice"))
        else:
            result[number] = AudioFormat(
                payload_type=number,
                name=known.name,
                clock_rate=known.clock_rate,
                channels=known.channels,
                fmtp=parameters.get(number, ""),
            )
    return tuple(result.values()), tuple(diagnostics)


def _maps(media: Media, diagnostics: list[Diagnostic]) -> dict[int, AudioFormat]:
    maps: dict[int, AudioFormat] = {}
    for attribute in media.all("rtpmap"):
        try:
            audio = parse_rtpmap(attribute.value or "")
        except ValueFault as error:
            diagnostics.append(attribute.diagnostic(f"{error.reason}; ignored"))
            continue
        if audio.payload_type in maps:
            diagnostics.append(attribute.diagnostic("a second rtpmap for this payload type; ignored"))
        elif str(audio.payload_type) not in media.formats:
            diagnostics.append(attribute.diagnostic("rtpmap of a format that the m= line lacks; ignored"))
        else:
            maps[audio.payload_type] = audio
    return maps


def _fmtps(media: Media, diagnostics: list[Diagnostic]) -> dict[int, str]:
    result: dict[int, str] = {}
    for attribute in media.all("fmtp"):
        number_text, _, value = (attribute.value or "").partition(" ")
        try:
            number = payload_type(number_text)
        except ValueFault as error:
            diagnostics.append(attribute.diagnostic(f"{error.reason}; ignored"))
            continue
        if str(number) not in media.formats:
            diagnostics.append(attribute.diagnostic("fmtp of a format that the m= line lacks; ignored"))
        elif number in result:
            diagnostics.append(attribute.diagnostic("a second fmtp for this payload type; ignored"))
        else:
            result[number] = value.strip(" ")
    return result


def format_attributes(
    audio_formats: tuple[AudioFormat, ...], *, terse: bool = False
) -> tuple[Attribute, ...]:
    """Rtpmap of every format, static ones included (RFC 3264 §5.1), and fmtp where there is one.

    Where it is to be `terse` what goes without saying is left out: the names of static payload types
    (RFC 8866 §6.6). Events are always listed (RFC 4733 §2.5.2.1).
    """
    lines: list[Attribute] = []
    for audio in audio_formats:
        if not terse or STATIC_FORMATS.get(audio.payload_type) != replace(audio, fmtp=""):
            lines.append(Attribute(name="rtpmap", value=format_rtpmap(audio)))
        if audio.fmtp:
            lines.append(Attribute(name="fmtp", value=f"{audio.payload_type} {audio.fmtp}"))
    return tuple(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketTimes:
    """ptime and maxptime in ms as the peer wants to receive them, None where it is silent."""

    ptime_ms: float | None = None
    maxptime_ms: float | None = None


def packet_times(media: Media) -> tuple[PacketTimes, tuple[Diagnostic, ...]]:
    """Read a=ptime and a=maxptime (RFC 8866 §6.4, §6.5): above zero, integer or decimal."""
    diagnostics: list[Diagnostic] = []
    return (
        PacketTimes(
            ptime_ms=_milliseconds(media, "ptime", diagnostics),
            maxptime_ms=_milliseconds(media, "maxptime", diagnostics),
        ),
        tuple(diagnostics),
    )


def _milliseconds(media: Media, name: str, diagnostics: list[Diagnostic]) -> float | None:
    for attribute in media.all(name):
        value = (attribute.value or "").strip(" ")
        if grammar.MILLISECONDS.fullmatch(value) and float(value) > 0:
            return float(value)
        diagnostics.append(attribute.diagnostic(f"a={name} is no positive number of milliseconds; ignored"))
    return None


# RFC 3551 §4.2: 20 ms unless the codec or the peer says otherwise; receivers take up to 200 ms.
DEFAULT_PTIME_MS = 20
LONGEST_PTIME_MS = 200


def sending_ptime(times: PacketTimes, *, frame_ms: int) -> int:
    """The packet time in ms that we send with: the peer's wish, as whole codec frames (RFC 3264 §6.1).

    Args:
        times: what the peer wrote.
        frame_ms: length of one codec frame in ms; 1 for sample-based codecs such as PCMU.
    """
    limit = min(times.maxptime_ms or LONGEST_PTIME_MS, LONGEST_PTIME_MS)
    wish = min(times.ptime_ms or DEFAULT_PTIME_MS, limit)
    # At least one frame, also where the peer's limit is shorter than that.
    return max(int(wish / frame_ms), 1) * frame_ms
