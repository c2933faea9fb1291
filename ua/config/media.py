"""`[media]` of a configuration file: the audio, and what our offers ask it to go over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from ua.config.dtmf import DtmfChoice
from ua.config.ice import STRICT
from ua.config.srtp import SrtpChoice

CodecName = Literal[
    "opus", "G722", "PCMU", "PCMA", "L16/8000", "L16/16000", "L16/44100", "L16/48000"
]  # fmt: skip
"""rtpmap names of the codecs there are; of L16 with the rate."""

CODECS: tuple[CodecName, ...] = get_args(CodecName)
"""All of them."""

DEFAULT_CODECS: tuple[CodecName, ...] = ("opus", "G722", "PCMU", "PCMA")
"""What sounds best first; opus is left out where there is no libopus."""

BreakerChoice = Literal["stop", "hang_up", "warn"]
"""What becomes of a call whose media does no good: it goes on without ours, ends, or only the log tells."""

MediaTransport = Literal["rtp", "tcp"]
"""ICE with plain RTP over UDP as its default, or RTP over TCP without ICE (RFC 4571)."""

SrtpSuite = Literal[
    "AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
]  # fmt: skip
"""Suites of SRTP with keys in the description (RFC 4568 §6.2, RFC 7714 §14)."""

SRTP_SUITES: tuple[SrtpSuite, ...] = get_args(SrtpSuite)
"""All of them, strongest first."""

MediaSetup = Literal["actpass", "active", "passive"]
"""Who connects where media goes over TCP without ICE (RFC 4145): whoever can, we, or the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """The values of the section.

    Attributes:
        codecs: what we offer and accept, best first.
        ptime_ms: ms of audio in a packet, 10 to 60 in steps of 10.
        dtx: silence need not be sent, by either side: DTX of Opus, comfort noise (RFC 3389) beside others.
        transport: what our offers ask for.
        setup: who connects where that is "tcp".
        dscp: mark of media and checks for the routers, 0 to 63; 46 is usual for voice, 0 is no mark.
        dtmf: how digits are sent.
        srtp: how media is protected.
        srtp_suites: of SRTP with keys in the description: what we offer and take, best first.
        rtcp_mux: RTP and RTCP may share a port; false: RTCP has one of its own.
        rtcp_xr: extended reports (RFC 3611) are offered, and sent to who asks for them.
        audio_level: browsers are told in each packet how loud it is, and tell us (RFC 6464): in the clear,
            where its audio is encrypted too.
        circuit_breaker: what happens where reports say that our media does no good (RFC 8083).
        srtp_over_plain_sip: keys in the description go over SIP that is not encrypted, too.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    codecs: tuple[CodecName, ...] = DEFAULT_CODECS
    ptime_ms: int = 20
    dtx: bool = False
    transport: MediaTransport = "rtp"
    setup: MediaSetup = "actpass"
    dscp: int = 0
    dtmf: DtmfChoice = "auto"
    srtp: SrtpChoice = "auto"
    srtp_suites: tuple[SrtpSuite, ...] = SRTP_SUITES
    srtp_over_plain_sip: bool = False
    rtcp_mux: bool = True
    rtcp_xr: bool = True
    audio_level: bool = True
    circuit_breaker: BreakerChoice = "stop"
