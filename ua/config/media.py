"""`[media]` of a configuration file: the audio, and what our offers ask it to go over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ua.config.dtmf import DtmfChoice
from ua.config.ice import STRICT
from ua.config.srtp import SrtpChoice

CodecName = Literal["PCMU", "PCMA"]
"""rtpmap names of the codecs there are."""

MediaTransport = Literal["rtp", "tcp"]
"""ICE with plain RTP over UDP as its default, or RTP over TCP without ICE (RFC 4571)."""

MediaSetup = Literal["actpass", "active", "passive"]
"""Who connects where media goes over TCP without ICE (RFC 4145): whoever can, we, or the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """The values of the section.

    Attributes:
        codecs: what we offer and accept, best first.
        ptime_ms: ms of audio in a packet, 10 to 60 in steps of 10.
        transport: what our offers ask for.
        setup: who connects where that is "tcp".
        dscp: mark of media and checks for the routers, 0 to 63; 46 is usual for voice, 0 is no mark.
        dtmf: how digits are sent.
        srtp: how media is protected.
        srtp_over_plain_sip: keys in the description go over SIP that is not encrypted, too.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    codecs: tuple[CodecName, ...] = ("PCMU", "PCMA")
    ptime_ms: int = 20
    transport: MediaTransport = "rtp"
    setup: MediaSetup = "actpass"
    dscp: int = 0
    dtmf: DtmfChoice = "auto"
    srtp: SrtpChoice = "auto"
    srtp_over_plain_sip: bool = False
