"""What a packet on a media socket is, by its first byte (RFC 7983 §7, RFC 9443 §3 for QUIC)."""

from __future__ import annotations

import enum


class PacketKind(enum.StrEnum):
    """Protocols that share one port."""

    STUN = "stun"
    ZRTP = "zrtp"
    DTLS = "dtls"
    TURN_CHANNEL = "turn-channel"
    RTP = "rtp"
    QUIC = "quic"
    UNKNOWN = "unknown"


# RFC 7983 §7, figure 3, and RFC 9443 §3, figure 2: first and last value of the first byte. A short QUIC
# header may look like a TURN channel: only what a TURN server sends is one.
_RANGES = (
    (0, 3, PacketKind.STUN),
    (16, 19, PacketKind.ZRTP),
    (20, 63, PacketKind.DTLS),
    (64, 79, PacketKind.TURN_CHANNEL),
    (80, 127, PacketKind.QUIC),
    (128, 191, PacketKind.RTP),
    (192, 255, PacketKind.QUIC),
)

_KINDS = [PacketKind.UNKNOWN] * 256
for _first, _last, _kind in _RANGES:
    _KINDS[_first : _last + 1] = [_kind] * (_last + 1 - _first)


def classify(packet: bytes) -> PacketKind:
    """The protocol of a packet; RTP stands for RTP, RTCP, SRTP and SRTCP, UNKNOWN for anything else."""
    return _KINDS[packet[0]] if packet else PacketKind.UNKNOWN
