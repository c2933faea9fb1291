"""What a call is to do with media, and what a demo is to show."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ice.config import IceConfig
from media.audio.mixer import Mixer
from ua.config.dtmf import DtmfChoice
from ua.config.ice import TcpCandidates, with_tcp_candidates
from ua.config.media import MediaTransport
from ua.config.srtp import SrtpChoice

PathChoice = Literal["auto", "udp", "tcp", "relay"]
"""Which way media may take: any, with a head start for UDP; UDP or TCP alone; TURN alone."""

UdpPolicy = Literal["blocked", "open"]
"""What the firewall of the demo does with UDP between the two phones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WavFile:
    """Plays a WAV file once, then silence."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """Plays a sine tone of `hz` Hz."""

    hz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Sends silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Sends back what arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAudio:
    """Raw audio from or to another program: mono, signed 16 bit, little-endian, without a header.

    Attributes:
        file: file descriptor: 0 is stdin, 1 stdout. It stays open.
        rate: sample rate, Hz.
    """

    file: int
    rate: int = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Microphone:
    """Sends what a microphone hears.

    Attributes:
        device: its number or a part of its name; None takes that of the system.
    """

    device: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Plays what arrives.

    Attributes:
        device: as of a microphone.
    """

    device: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Sends what all other calls in a room say, and is heard by them.

    Attributes:
        mixer: the room.
    """

    mixer: Mixer


MediaSource = WavFile | Tone | Silence | Echo | RawAudio | Microphone | Room


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPlan:
    """The media side of one call.

    Attributes:
        source: what is sent.
        record: WAV file that takes what arrives; None records nothing.
        record_both: WAV file that takes what is sent on the left and what arrives on the right.
        speaker: plays what arrives; None opens no device.
        output: takes what arrives as raw audio.
        duration_s: seconds from the first media (or the answer) to hanging up; None waits for the peer.
        tail_s: seconds from the end of a WAV file, or of raw audio, to hanging up; None does not for it.
        path: ways that media may take.
        tcp_candidates: TCP candidates in the offer of this call; None leaves it to the account.
        leaves_offer: the other side offers, in its answer to our INVITE (RFC 3261 §13.2.1).
        media: our offer asks for ICE ("rtp"), or for RTP over TCP without it ("tcp"); None leaves it to the
            account.
        srtp: how media is protected; None leaves it to the account.
        dtmf: how digits are sent; None leaves it to the account.
    """

    source: MediaSource = Silence()
    record: Path | None = None
    record_both: Path | None = None
    speaker: Speaker | None = None
    output: RawAudio | None = None
    duration_s: float | None = None
    tail_s: float | None = None
    path: PathChoice = "auto"
    tcp_candidates: TcpCandidates | None = None
    leaves_offer: bool = False
    media: MediaTransport | None = None
    srtp: SrtpChoice | None = None
    dtmf: DtmfChoice | None = None

    @property
    def pathless_hint(self) -> str:
        """What may help where none of the ways of this plan can be had."""
        match self.path:
            case "auto":
                return "a firewall drops UDP and refuses TCP between the two hosts"
            case "relay":
                return "only the relay was asked for (--path relay); the peer may not reach it"
            case "udp" | "tcp":
                return (
                    f"only {self.path.upper()} was asked for (--path {self.path}); auto takes what there is"
                )

    def ice_config(self, config: IceConfig) -> IceConfig:
        """`config` narrowed to the ways of this plan."""
        if self.tcp_candidates is not None:
            config = with_tcp_candidates(config, self.tcp_candidates)
        match self.path:
            case "auto":
                return config
            case "udp":
                return dataclasses.replace(config, udp=True, tcp=False)
            case "tcp":
                return with_tcp_candidates(config, "only")
            case "relay":
                return dataclasses.replace(config, relay_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the demo shows.

    Attributes:
        udp: whether the firewall between the phones drops UDP.
        wav: what the caller says; None plays the sample of the package.
        timeout_s: seconds until the demo gives up.
    """

    udp: UdpPolicy = "blocked"
    wav: Path | None = None
    timeout_s: float = 30.0
