"""Arguments that several commands share, and how they are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ua.errors import UsageError

if TYPE_CHECKING:
    from ua.config.account import Account

_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ms|s|m|min|h)?")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_MAX_SECONDS = 7 * 86400.0


def parse_duration(text: str | float) -> float:
    """Seconds of "5s", "500ms", "2m", "1h" or a bare number of seconds; BadParameter otherwise."""
    if isinstance(text, int | float):
        return float(text)
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration; write 500ms, 5s, 2m or 1h")
    seconds = float(match["number"]) * _UNIT_SECONDS[match["unit"] or "s"]
    if not 0 < seconds <= _MAX_SECONDS:
        raise typer.BadParameter(f"{text!r} is not between 1 ms and 7 days")
    return seconds


Json = Annotated[bool, typer.Option("--json", help="Print results as JSON on stdout.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the SIP messages and ICE events.")]
SipTrace = Annotated[
    bool, typer.Option("--sip-trace", help="Show every SIP message: when, from and to where; secrets masked.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Configuration file (default: $ICEPHONE_CONFIG or the XDG place).", metavar="FILE"
    ),
]
AccountName = Annotated[
    str | None,
    typer.Option(
        "--account",
        help="Which account of the configuration file: a NAME of [accounts.NAME].",
        metavar="NAME",
    ),
]
AccountNames = Annotated[
    str | None,
    typer.Option(
        "--account",
        help="Which account of the configuration file: a NAME of [accounts.NAME], or all of them.",
        metavar="NAME|all",
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="File whose first line is the password.", metavar="FILE"),
]
Proxy = Annotated[
    str | None, typer.Option(help="Outbound proxy, e.g. 'sip:192.0.2.1;transport=tcp'.", metavar="URI")
]
Listen = Annotated[
    str | None, typer.Option(help="Address to receive SIP on (port 0: any).", metavar="HOST:PORT")
]
WebPort = Annotated[
    int | None,
    typer.Option(
        "--web",
        help="Give browsers a phone on this port (0: any), and take their calls.",
        metavar="PORT",
        min=0,
        max=65535,
    ),
]
Stun = Annotated[
    list[str] | None,
    typer.Option("--stun", help="STUN server, e.g. stun:192.0.2.1; may be repeated.", metavar="URI"),
]
Turn = Annotated[
    list[str] | None,
    typer.Option(
        "--turn", help="TURN server, e.g. 'turn:192.0.2.1?transport=tcp'; may be repeated.", metavar="URI"
    ),
]
PortMapping = Annotated[
    Literal["auto", "pcp", "nat-pmp", "upnp", "off"] | None,
    typer.Option(
        "--port-mapping", help="Ask the router to let peers in; auto: however it can (default: off)."
    ),
]
TcpCandidates = Annotated[
    Literal["auto", "never", "only"] | None,
    typer.Option(
        "--tcp-candidates",
        help="TCP candidates in the offer; auto: offered, and left out where they are refused (default).",
    ),
]
Media = Annotated[
    Literal["rtp", "tcp"] | None,
    typer.Option("--media", help="tcp: RTP over TCP without ICE, as RFC 4571 has it (default: rtp)."),
]
AcceptTransfers = Annotated[
    Literal["never", "ask", "always"] | None,
    typer.Option(
        "--accept-transfers",
        help="Whether the other side may have us call somebody else; ask: at the terminal, "
        "and no without one (default: of the account).",
    ),
]
Record = Annotated[Path | None, typer.Option(help="Write what arrives to a WAV file.", metavar="FILE")]
Wav = Annotated[Path | None, typer.Option(help="Send a WAV file (any rate, mono or stereo).", metavar="FILE")]
ToneHz = Annotated[float | None, typer.Option("--tone", help="Send a tone of HZ.", metavar="HZ")]
Timeout = Annotated[
    float | None,
    typer.Option(help="Give up after this time, e.g. 30s.", parser=parse_duration, metavar="TIME"),
]
For = Annotated[
    float | None,
    typer.Option(
        "--for", help="Hang up after this time, e.g. 5s or 2m.", parser=parse_duration, metavar="TIME"
    ),
]

Mic = Annotated[
    bool, typer.Option("--mic", help="Talk through the microphone, and hear through the speaker.")
]
Speak = Annotated[bool, typer.Option("--speaker", help="Play what arrives on the speaker.")]
DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="Sound device, by number or part of its name; MIC,SPEAKER where they are two.",
        metavar="NAME",
    ),
]
Stdin = Annotated[
    bool, typer.Option("--stdin", help="Send raw audio from standard input: 16 bit, little-endian, mono.")
]
Stdout = Annotated[bool, typer.Option("--stdout", help="Write what arrives to standard output, likewise.")]
PcmRate = Annotated[
    int,
    typer.Option(
        "--pcm-rate",
        help="Sample rate of raw audio.",
        metavar="HZ",
        min=4000,
        max=192_000,
        show_default="8000",
    ),
]
RecordBoth = Annotated[
    Path | None,
    typer.Option(
        "--record-both",
        help="Write a stereo WAV file: left what is sent, right what arrives.",
        metavar="FILE",
    ),
]
CallTimeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        help="Give up where there is no media after this time.",
        parser=parse_duration,
        metavar="TIME",
        show_default="60s",
    ),
]
PathOption = Annotated[
    Literal["auto", "udp", "tcp", "relay"],
    typer.Option(help="Ways that media may take; relay: by TURN alone.", show_default="auto"),
]
SrtpOption = Annotated[
    Literal["off", "sdes", "dtls", "webrtc", "auto"] | None,
    typer.Option(
        help="Protection of media; webrtc: dtls, offered as browsers do; auto: what the other side offers.",
        show_default="of the account",
    ),
]
Codecs = Annotated[
    str | None,
    typer.Option(
        "--codec",
        help="Codecs to offer and accept, best first, with commas between them.",
        metavar="NAMES",
        show_default="of the account",
    ),
]
Keys = Annotated[
    str, typer.Option(help="Press these keys once media flows; a comma is a pause.", metavar="KEYS")
]
KeysBy = Annotated[
    Literal["auto", "rfc4733", "info", "inband"] | None,
    typer.Option(
        help="How: events in RTP, INFO, tones in the audio; auto: the best that the other side takes.",
        show_default="of the account",
    ),
]


def checked_tone(hz: float | None) -> float | None:
    """`hz` where a telephone can carry it; UsageError otherwise."""
    if hz is not None and not 20 <= hz <= 3800:
        raise UsageError(f"a tone of {hz:g} Hz cannot be sent", hint="between 20 and 3800 Hz")
    return hz


def one_of(**chosen: object) -> None:
    """UsageError where more than one of the options is given."""
    given = [f"--{name}" for name, value in chosen.items() if value not in (None, False)]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} cannot be used together", hint="choose one of them")


def readable_wav(path: Path) -> Path:
    """`path` where it holds audio that can be read; UsageError otherwise."""
    import wave

    try:
        with wave.open(str(path), "rb"):
            return path
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}", hint="check the path after --wav") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (wave.Error, EOFError):
        # Not plain PCM; the media package reads other sample formats too.
        return _decodable(path)


def _decodable(path: Path) -> Path:
    from media.audio.wav import read_audio
    from media.errors import MediaError

    try:
        read_audio(path, 8000)
    except MediaError as error:
        raise UsageError(str(error), hint="convert it, e.g. with: sox in.xyz out.wav") from error
    return path


def writable(path: Path, option: str) -> Path:
    """`path` where a file can be written there; UsageError otherwise."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint=f"{option} wants the name of a file")
    if not path.absolute().parent.is_dir():
        raise UsageError(
            f"there is no folder {path.absolute().parent}", hint=f"create it, or change {option}"
        )
    return path


def target_uri(text: str, account: Account) -> str:
    """The SIP URI that was meant: "sip:bob@host", "bob@host", or "bob" at the account's own domain."""
    from ua.config.sip_uri import split_sip_uri

    uri = text.strip()
    if not re.match(r"(?i)[a-z][a-z0-9+.\-]*:(?![0-9]+$)", uri):
        if "@" in uri:
            uri = f"sip:{uri}"
        elif account.domain is not None and re.fullmatch(r"[\w.+*#\-]+", uri):
            host = f"[{account.domain}]" if ":" in account.domain else account.domain
            scheme = "sips" if split_sip_uri(account.uri).secure else "sip"
            uri = f"{scheme}:{uri}@{host}"
    try:
        split_sip_uri(uri)
    except ValueError as error:
        raise UsageError(
            f"cannot call {text!r}: {error}", hint="write it as sip:user@host or sip:host:port"
        ) from None
    return uri


def proxy_uri(text: str) -> str:
    """The URI of a proxy, "sip:" added where it is missing; UsageError where it is none."""
    from ua.config.sip_uri import split_sip_uri

    uri = text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}"
    try:
        split_sip_uri(uri)
    except ValueError as error:
        raise UsageError(f"--proxy: {error}", hint="write it as sip:host:port;transport=tcp") from None
    return uri
