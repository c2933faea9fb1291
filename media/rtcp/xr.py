"""Extended reports (RFC 3611 §2, §3, §4): packets of type 207 and the blocks that we know."""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from typing import Final

XR: Final = 207

UNAVAILABLE: Final = 127
"""Of a level, a rating or a score that is not known (RFC 3611 §4.7.4, §4.7.5)."""

_REFERENCE_TIME, _DELAYS, _VOIP = 4, 5, 7
_HEADER: Final = struct.Struct("!BBH")
_DELAY: Final = struct.Struct("!LLL")
_VOIP_FORMAT: Final = struct.Struct("!LBBBBHHHHbbBBBBBBBxHHH")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTime:
    """What time it is for the sender of the packet (§4.4).

    Attributes:
        ntp: 64-bit NTP timestamp.
    """

    ntp: int

    def __bytes__(self) -> bytes:
        return _HEADER.pack(_REFERENCE_TIME, 0, 2) + self.ntp.to_bytes(8, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """The answer to one `ReferenceTime` (§4.5).

    Attributes:
        ssrc: who had sent it.
        last: middle 32 bits of its time.
        since: what has passed since it came, 1/65536 s.
    """

    ssrc: int
    last: int
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """A DLRR block: answers to everybody who had asked (§4.5)."""

    delays: tuple[Delay, ...]

    def __bytes__(self) -> bytes:
        parts = (_DELAY.pack(each.ssrc, each.last, each.since) for each in self.delays)
        return _HEADER.pack(_DELAYS, 0, 3 * len(self.delays)) + b"".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoipMetrics:
    """How one stream is heard (§4.7); all values as they are written, in range.

    Attributes:
        ssrc: of the stream.
        loss_rate: packets lost since the beginning, 1/256.
        discard_rate: packets that came and were not played, 1/256.
        burst_density: share of missing packets in bursts, 1/256.
        gap_density: the same in gaps.
        burst_ms: mean length of bursts.
        gap_ms: mean length of gaps.
        round_trip_ms: 0 where unknown.
        end_system_ms: delay in the sender of the report, both ways together; 0 where unknown.
        signal_level: of speech in dBm0, 127 where unknown, as for all that follow to `mos_cq`.
        noise_level: of silence in dBm0.
        residual_echo_return_loss: dB.
        gmin: packets without loss that end a burst.
        r_factor: 0 to 100.
        external_r_factor: of what lies behind a gateway.
        mos_lq: of listening, times 10: 10 to 50.
        mos_cq: of a conversation, delay included.
        rx_config: concealment (two bits), jitter buffer (two), its rate (four) (§4.7.6).
        buffer_ms: delay of the jitter buffer now.
        buffer_maximum_ms: its most now.
        buffer_limit_ms: its most at all.
    """

    ssrc: int
    loss_rate: int
    discard_rate: int
    burst_density: int
    gap_density: int
    burst_ms: int
    gap_ms: int
    round_trip_ms: int
    end_system_ms: int
    signal_level: int
    noise_level: int
    residual_echo_return_loss: int
    gmin: int
    r_factor: int
    external_r_factor: int
    mos_lq: int
    mos_cq: int
    rx_config: int
    buffer_ms: int
    buffer_maximum_ms: int
    buffer_limit_ms: int

    def __bytes__(self) -> bytes:
        values = (getattr(self, field.name) for field in fields(self))
        return _HEADER.pack(_VOIP, 0, 8) + _VOIP_FORMAT.pack(*values)


XrBlock = ReferenceTime | Delays | VoipMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class XrPacket:
    """An extended report: who sends it, and its blocks."""

    ssrc: int
    blocks: tuple[XrBlock, ...]

    def __bytes__(self) -> bytes:
        payload = self.ssrc.to_bytes(4, "big") + b"".join(bytes(block) for block in self.blocks)
        return _HEADER.pack(0x80, XR, len(payload) // 4) + payload


def parse(payload: bytes) -> XrPacket | None:
    """An extended report without its header.

    Blocks of other types, and such of a length that their type cannot have, are stepped over; one that runs
    beyond the packet ends it. None where not even the sender is named.
    """
    if len(payload) < 4:
        return None
    blocks: list[XrBlock] = []
    position = 4
    while position + 4 <= len(payload):
        kind, _, words = _HEADER.unpack_from(payload, position)
        begin, position = position + 4, position + 4 + 4 * words
        if position > len(payload):
            break
        block = _parse_block(kind, payload[begin:position])
        if block is not None:
            blocks.append(block)
    return XrPacket(ssrc=int.from_bytes(payload[:4], "big"), blocks=tuple(blocks))


def _parse_block(kind: int, body: bytes) -> XrBlock | None:
    if kind == _REFERENCE_TIME and len(body) == 8:
        return ReferenceTime(ntp=int.from_bytes(body, "big"))
    if kind == _DELAYS and len(body) % 12 == 0:
        return Delays(
            delays=tuple(
                Delay(ssrc=ssrc, last=last, since=since) for ssrc, last, since in _DELAY.iter_unpack(body)
            )
        )
    if kind == _VOIP and len(body) == 32:
        names = (field.name for field in fields(VoipMetrics))
        values = dict(zip(names, _VOIP_FORMAT.unpack(body), strict=True))
        # §4.7.5: what is out of range says nothing.
        for name in ("r_factor", "external_r_factor"):
            if values[name] > 100:
                values[name] = UNAVAILABLE
        for name in ("mos_lq", "mos_cq"):
            if not 10 <= values[name] <= 50:
                values[name] = UNAVAILABLE
        return VoipMetrics(**values)
    return None
