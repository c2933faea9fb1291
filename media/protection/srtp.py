"""SRTP and SRTCP (RFC 3711, RFC 7714) on libsrtp: one master key each way, nothing raised for bad packets.

libsrtp keeps index, rollover counter and replay list of every SSRC; a context lives as long as its key, so
they go on over a hold, a re-INVITE and another path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pylibsrtp import Error, Policy, Session

REPLAY_WINDOW: Final = 128
"""Packets that may come late; RFC 3711 §3.3.2 asks for 64."""

LONGEST_PACKET: Final = 1356
"""Bytes of RTP that libsrtp's binding takes, its trailer apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtpProfile:
    """One protection profile, the same for SDES and DTLS-SRTP.

    Attributes:
        name: the crypto-suite of SDES.
        dtls: OpenSSL's name of the profile of use_srtp.
        key: bytes of a master key.
        salt: bytes of a master salt.
        rtcp_tag: bytes of the tag before the MKI of SRTCP; 0 where the tag stands further in front.
        rtp_tag: the same of SRTP.
        packets: SRTP packets that one master key may protect (RFC 3711 §9.2, RFC 7714 §10).
        dtls_packets: the same where DTLS gave the key (RFC 5764 §4.1.2).
        library: libsrtp's number.
    """

    name: str
    dtls: str
    key: int
    salt: int
    rtp_tag: int
    rtcp_tag: int
    packets: int = 1 << 48
    dtls_packets: int
    library: int

    @property
    def length(self) -> int:
        """Bytes of master key and salt together."""
        return self.key + self.salt


RTCP_PACKETS: Final = 1 << 31
"""SRTCP packets that one master key may protect (RFC 3711 §9.2)."""

_PROFILES = (
    SrtpProfile(
        name="AEAD_AES_256_GCM", dtls="SRTP_AEAD_AES_256_GCM", key=32, salt=12, rtp_tag=0, rtcp_tag=0,
        dtls_packets=1 << 48, library=Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    ),
    SrtpProfile(
        name="AEAD_AES_128_GCM", dtls="SRTP_AEAD_AES_128_GCM", key=16, salt=12, rtp_tag=0, rtcp_tag=0,
        dtls_packets=1 << 48, library=Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    ),
    SrtpProfile(
        name="AES_CM_128_HMAC_SHA1_80", dtls="SRTP_AES128_CM_SHA1_80", key=16, salt=14, rtp_tag=10,
        rtcp_tag=10, dtls_packets=1 << 31, library=Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    ),
    SrtpProfile(
        name="AES_CM_128_HMAC_SHA1_32", dtls="SRTP_AES128_CM_SHA1_32", key=16, salt=14, rtp_tag=4,
        rtcp_tag=10, dtls_packets=1 << 31, library=Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    ),
)  # fmt: skip

PROFILES: Mapping[str, SrtpProfile] = MappingProxyType({profile.name: profile for profile in _PROFILES})
"""By the name of the crypto-suite, strongest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKey:
    """Master key and salt of one direction.

    Attributes:
        profile: what they are for.
        material: key, then salt; never shown.
        mki: the master key identifier in its packets, empty for none (RFC 3711 §3.1).
        packets: SRTP packets that it may protect.
    """

    profile: SrtpProfile
    material: bytes = field(repr=False)
    mki: bytes = b""
    packets: int = 1 << 48

    def __post_init__(self) -> None:
        if len(self.material) != self.profile.length:
            raise ValueError(f"{self.profile.name} needs {self.profile.length} bytes of key and salt")


def _session(key: MasterKey, kind: int) -> Session:
    policy = Policy(key=key.material, ssrc_type=kind, srtp_profile=key.profile.library)
    policy.window_size = REPLAY_WINDOW
    return Session(policy)


class SrtpSender:
    """Protects what we send under one key.

    Args:
        key: ours, without an MKI.
        sent: SRTP packets that it has protected before.
        sent_rtcp: the same of SRTCP.
    """

    __slots__ = ("_protect", "_protect_rtcp", "_rtcp_left", "_rtp_left", "key")

    def __init__(self, key: MasterKey, *, sent: int = 0, sent_rtcp: int = 0) -> None:
        session = _session(key, Policy.SSRC_ANY_OUTBOUND)
        self.key = key
        self._protect = session.protect
        self._protect_rtcp = session.protect_rtcp
        self._rtp_left = key.packets - sent
        self._rtcp_left = RTCP_PACKETS - sent_rtcp

    def protect(self, packet: bytes) -> bytes | None:
        """The SRTP packet; None where the key is worn out, or the packet too long or sent before."""
        if self._rtp_left <= 0:
            return None
        self._rtp_left -= 1
        try:
            return self._protect(packet)
        except (Error, ValueError):
            return None

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """The SRTCP packet; None as `protect`."""
        if self._rtcp_left <= 0:
            return None
        self._rtcp_left -= 1
        try:
            return self._protect_rtcp(packet)
        except (Error, ValueError):
            return None


class _Opening:
    """Opens packets of one of the peer's keys."""

    __slots__ = ("key", "rtcp_left", "rtp_left", "unprotect", "unprotect_rtcp")

    def __init__(self, key: MasterKey) -> None:
        session = _session(key, Policy.SSRC_ANY_INBOUND)
        self.key = key
        self.unprotect = session.unprotect
        self.unprotect_rtcp = session.unprotect_rtcp
        self.rtp_left = key.packets
        self.rtcp_left = RTCP_PACKETS


class SrtpReceiver:
    """Opens what the peer sends under one key, or several that their MKIs tell apart.

    Args:
        keys: the peer's: one, or all with MKIs of one length.
        received: SRTP packets that each has protected before.

    Attributes:
        keys: as given.
    """

    __slots__ = ("_by_mki", "_length", "_one", "keys")

    def __init__(self, keys: Iterable[MasterKey], *, received: int = 0) -> None:
        self.keys = tuple(keys)
        openings = [_Opening(key) for key in self.keys]
        for opening in openings:
            opening.rtp_left -= received
        self._one = openings[0]
        self._length = len(self.keys[0].mki)
        self._by_mki = {opening.key.mki: opening for opening in openings}

    def unprotect(self, packet: bytes) -> bytes | str:
        """The RTP packet, or why there is none: replayed, forged, of an unknown key."""
        opening: _Opening | None = self._one
        if self._length:
            opening, packet = self._strip(packet, self._one.key.profile.rtp_tag)
        if opening is None:
            return "SRTP packet with an unknown MKI"
        if opening.rtp_left <= 0:
            return "SRTP key is worn out"
        try:
            plain = opening.unprotect(packet)
        except (Error, ValueError) as error:
            return _reason("SRTP", error)
        opening.rtp_left -= 1
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | str:
        """The RTCP packet, or why there is none."""
        opening: _Opening | None = self._one
        if self._length:
            opening, packet = self._strip(packet, self._one.key.profile.rtcp_tag)
        if opening is None:
            return "SRTCP packet with an unknown MKI"
        if opening.rtcp_left <= 0:
            return "SRTCP key is worn out"
        try:
            plain = opening.unprotect_rtcp(packet)
        except (Error, ValueError) as error:
            return _reason("SRTCP", error)
        opening.rtcp_left -= 1
        return plain

    def _strip(self, packet: bytes, tag: int) -> tuple[_Opening | None, bytes]:
        """Take the MKI out, which stands before the tag, with GCM at the end (RFC 3711 §3.1, RFC 7714 §8)."""
        end = len(packet) - tag
        start = end - self._length
        if start < 0:
            return None, packet
        return self._by_mki.get(packet[start:end]), packet[:start] + packet[end:]


def _reason(what: str, error: Exception) -> str:
    text = str(error)
    if "replay" in text or "too old" in text:
        return f"{what} packet replayed"
    if "authentication" in text or "cipher failure" in text:
        return f"{what} packet not authentic"
    return f"{what} packet malformed"
