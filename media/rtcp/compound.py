"""Compound RTCP packets (RFC 3550 §6), with aiortc's packet classes.

aiortc's classes do the fixed formats (sender and receiver reports, BYE). The walk over the compound is
ours: aiortc refuses a whole compound for one profile extension (RFC 3550 §6.4.3) and knows no A.2 checks.
So is SDES: its chunks end at a 32-bit boundary (RFC 3550 §6.5), which aiortc keeps for one chunk only.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from aiortc.rtp import (
    RTCP_BYE,
    RTCP_RR,
    RTCP_SDES,
    RTCP_SR,
    RtcpByePacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    clamp_packets_lost,
    pack_rtcp_packet,
)

from media.errors import PacketError
from media.rtcp import xr
from media.rtcp.xr import XrPacket

__all__ = [
    "MAXIMUM_REPORTS",
    "RtcpByePacket",
    "RtcpItem",
    "RtcpReceiverInfo",
    "RtcpRrPacket",
    "RtcpSdesPacket",
    "RtcpSenderInfo",
    "RtcpSourceInfo",
    "RtcpSrPacket",
    "XrPacket",
    "build",
    "cname_of",
    "parse",
    "receiver_info",
    "source_description",
]

RtcpItem = RtcpSrPacket | RtcpRrPacket | RtcpSdesPacket | RtcpByePacket | XrPacket
"""One packet of a compound that this package understands."""

MAXIMUM_REPORTS = 31
"""The RC field has five bits (RFC 3550 §6.4.1)."""

_CNAME = 1
_REPORT_LENGTH = 24
_SENDER_INFO_LENGTH = 20


def receiver_info(
    *,
    ssrc: int,
    fraction_lost: int,
    packets_lost: int,
    highest_sequence: int,
    jitter: int,
    lsr: int,
    dlsr: int,
) -> RtcpReceiverInfo:
    """A report block with every field brought into its range (RFC 3550 §6.4.1)."""
    return RtcpReceiverInfo(
        ssrc=ssrc,
        fraction_lost=fraction_lost & 0xFF,
        packets_lost=clamp_packets_lost(packets_lost),
        highest_sequence=highest_sequence & 0xFFFFFFFF,
        jitter=min(jitter, 0xFFFFFFFF),
        lsr=lsr,
        dlsr=min(max(dlsr, 0), 0xFFFFFFFF),  # a tick may be behind what came meanwhile
    )


def source_description(ssrc: int, cname: str) -> RtcpSdesPacket:
    """An SDES packet with the one item that is sent, CNAME (RFC 3550 §6.5.1)."""
    return RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=ssrc, items=[(_CNAME, cname.encode())])])


def cname_of(chunk: RtcpSourceInfo) -> str | None:
    """The CNAME of a chunk, None where it has none."""
    for item, text in chunk.items:
        if item == _CNAME:
            return bytes(text).decode("utf-8", "replace")
    return None


def build(items: Sequence[RtcpItem]) -> bytes:
    """The bytes of a compound packet, in the order given; the first must be a report (RFC 3550 §6.1)."""
    if not items or not isinstance(items[0], RtcpSrPacket | RtcpRrPacket):
        raise ValueError("a compound RTCP packet starts with a sender or receiver report")
    return b"".join(_build_sdes(item) if isinstance(item, RtcpSdesPacket) else bytes(item) for item in items)


def _build_sdes(packet: RtcpSdesPacket) -> bytes:
    payload = b""
    for chunk in packet.chunks:
        payload += struct.pack("!L", chunk.ssrc)
        for item, text in chunk.items:
            payload += bytes((item, len(text))) + text
        # one to four zero bytes: the end of the list, and the padding to the word (RFC 3550 §6.5)
        payload += bytes(4 - len(payload) % 4)
    return bytes(pack_rtcp_packet(RTCP_SDES, len(packet.chunks), payload))


def parse(data: bytes) -> list[RtcpItem]:
    """Read a compound packet (RFC 3550 §6.1, A.2); unknown packet types are stepped over.

    Raises:
        PacketError: it does not start with a report, its lengths do not add up, or a part is malformed.
    """
    items: list[RtcpItem] = []
    position = 0
    while position < len(data):
        if len(data) < position + 4:
            raise PacketError("RTCP header is truncated")
        first, packet_type, words = struct.unpack_from("!BBH", data, position)
        end = position + 4 + 4 * words
        if first >> 6 != 2:
            raise PacketError("RTCP version is not 2")
        if len(data) < end:
            raise PacketError("RTCP packet is longer than its datagram")
        padded = bool(first & 0x20)
        if position == 0 and packet_type not in (RTCP_SR, RTCP_RR):
            raise PacketError("compound RTCP packet does not start with a report")
        if padded and end != len(data):
            raise PacketError("RTCP padding before the last packet")
        payload = data[position + 4 : end]
        if padded:
            if not payload or not 0 < payload[-1] <= len(payload):
                raise PacketError("RTCP padding count is wrong")
            payload = payload[: -payload[-1]]
        item = _parse_one(packet_type, first & 0x1F, payload)
        if item is not None:
            items.append(item)
        position = end
    if not items:
        raise PacketError("empty RTCP packet")
    return items


def _parse_one(packet_type: int, count: int, payload: bytes) -> RtcpItem | None:
    try:
        if packet_type == RTCP_SR:
            return RtcpSrPacket.parse(payload[: 4 + _SENDER_INFO_LENGTH + _REPORT_LENGTH * count], count)
        if packet_type == RTCP_RR:
            return RtcpRrPacket.parse(payload[: 4 + _REPORT_LENGTH * count], count)
        if packet_type == RTCP_BYE:
            return RtcpByePacket.parse(payload, count)
    except (ValueError, struct.error) as error:
        raise PacketError(f"RTCP {packet_type}: {error}") from error
    if packet_type == xr.XR:
        return xr.parse(payload)
    return _parse_sdes(payload, count) if packet_type == RTCP_SDES else None


def _parse_sdes(payload: bytes, count: int) -> RtcpSdesPacket:
    """A chunk whose items run beyond the packet is dropped, and what would follow it with it."""
    chunks: list[RtcpSourceInfo] = []
    position = 0
    for _ in range(count):
        if len(payload) < position + 4:
            break
        ssrc = int.from_bytes(payload[position : position + 4], "big")
        position += 4
        items: list[tuple[int, bytes]] = []
        while position < len(payload) and payload[position]:
            if len(payload) < position + 2 or len(payload) < position + 2 + payload[position + 1]:
                return RtcpSdesPacket(chunks=chunks)
            end = position + 2 + payload[position + 1]
            items.append((payload[position], payload[position + 2 : end]))
            position = end
        position += 4 - position % 4
        chunks.append(RtcpSourceInfo(ssrc=ssrc, items=items))
    return RtcpSdesPacket(chunks=chunks)
