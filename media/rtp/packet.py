"""RTP packets (RFC 3550 §5.1): a fast path for the plain packet, aiortc's parser for the others.

Nearly every packet of a call has the 12-byte header and nothing else; it costs a `struct` call. Padding,
contributing sources and header extensions go through `aiortc.rtp.RtpPacket`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from aiortc.rtp import RtpPacket

from media.errors import PacketError

HEADER = struct.Struct("!BBHLL")
HEADER_LENGTH = 12
PLAIN = 0x80
"""First byte of a version 2 packet without padding, extension and contributing sources."""

MARKER = 0x80
"""The bit of the second byte beside the payload type."""

FIRST_RTCP_TYPE, LAST_RTCP_TYPE = 192, 223
"""RFC 5761 §4: on one port, a second byte in this range is an RTCP packet type."""

BARRED_PAYLOAD_TYPES = range(64, 96)
"""RFC 5761 §4: with the marker bit these look like RTCP."""

EXTENSION_BIT = 0x10
_EXTENSION = struct.Struct("!HH")


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpHeader:
    """What is read from one packet, and its payload without padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def is_rtcp(packet: bytes) -> bool:
    """Tell RTCP from RTP where both share a port (RFC 5761 §4)."""
    return len(packet) > 1 and FIRST_RTCP_TYPE <= packet[1] <= LAST_RTCP_TYPE


def parse(packet: bytes) -> RtpHeader:
    """Read any RTP packet (RFC 3550 §5.1, §5.3.1, A.1).

    Header extensions are stepped over: a broken one must not cost the audio.

    Raises:
        PacketError: wrong version, truncated header, or a padding count that cannot be.
    """
    if len(packet) < HEADER_LENGTH:
        raise PacketError("shorter than an RTP header")
    if packet[0] & EXTENSION_BIT:
        packet = split_extension(packet)[0]
    try:
        read = RtpPacket.parse(packet)
    except ValueError as error:
        raise PacketError(str(error)) from error
    return RtpHeader(
        payload_type=read.payload_type,
        marker=bool(read.marker),
        sequence=read.sequence_number,
        timestamp=read.timestamp,
        ssrc=read.ssrc,
        payload=read.payload,
    )


def split_extension(packet: bytes) -> tuple[bytes, int, bytes]:
    """A packet with a header extension (RFC 3550 §5.3.1): without it, the 16 bits of its profile, its data.

    Raises:
        PacketError: the packet ends within the extension.
    """
    start = HEADER_LENGTH + 4 * (packet[0] & 0x0F)
    if len(packet) < start + 4:
        raise PacketError("header extension is truncated")
    profile, words = _EXTENSION.unpack_from(packet, start)
    end = start + 4 + 4 * words
    if len(packet) < end:
        raise PacketError("header extension is longer than the packet")
    plain = bytes((packet[0] & ~EXTENSION_BIT,)) + packet[1:start] + packet[end:]
    return plain, profile, packet[start + 4 : end]


def build(
    *, payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes
) -> bytes:
    """One plain packet; all numbers must fit their fields."""
    return HEADER.pack(PLAIN, payload_type | marker << 7, sequence, timestamp, ssrc) + payload
