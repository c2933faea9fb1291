"""Extended reports of one session: how we hear the peer, and round trips without sender reports (RFC 3611).

Only what the peer has asked for is sent (§5.1, §5.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from media.codecs.codec import Codec
from media.config import JitterConfig
from media.playout.bursts import GMIN
from media.quality import BEST_R, mos, r_factor
from media.rtcp.xr import UNAVAILABLE, Delay, Delays, ReferenceTime, VoipMetrics, XrBlock, XrPacket
from media.rtp.clock import middle_32, round_trip
from media.rtp.receiver import RtpReceiver

_DLRR_BYTES: Final = 16
"""A DLRR block with one answer."""

_CONFIGURATION: Final = 0b1111_0000
"""Missing packets are replaced by what was heard before them; the jitter buffer adapts (RFC 3611 §4.7.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class XrTerms:
    """What both sides have said about extended reports.

    Attributes:
        voip_metrics: the peer wants to know how we hear it.
        asks: it answers who asks for the round trip without sending media.
        answers: we answer it: always, as long as we send media, or not at all (None).
        longest: bytes that such an answer may take, None for any number.
    """

    voip_metrics: bool = False
    asks: bool = False
    answers: str | None = None
    longest: int | None = None


class ExtendedReports:
    """Makes the blocks that are sent, and takes those that come.

    Args:
        receiver: the peer's RTP.
        codec: gives the codec in use.
        jitter: bounds of the playout delay.
        ptime_ms: length of our packets.

    Attributes:
        terms: what may be sent.
        peer: what the peer last said of how it hears us, None before.
    """

    def __init__(
        self, receiver: RtpReceiver, codec: Callable[[], Codec], jitter: JitterConfig, ptime_ms: int
    ) -> None:
        self._receiver = receiver
        self._codec = codec
        self._jitter = jitter
        self._ptime_ms = ptime_ms
        self._asked: tuple[int, int, float] | None = None
        self.terms = XrTerms()
        self.peer: VoipMetrics | None = None

    def packet(
        self, ssrc: int, now: float, *, ntp: int, we_sent: bool, round_trip_s: float | None
    ) -> XrPacket | None:
        """What goes beside the report that is sent now, None for nothing.

        Args:
            ssrc: ours.
            now: monotonic seconds.
            ntp: the same as a 64-bit NTP timestamp.
            we_sent: we send media.
            round_trip_s: None where unknown.
        """
        blocks: list[XrBlock] = []
        terms, asked = self.terms, self._asked
        if terms.asks and not we_sent:
            blocks.append(ReferenceTime(ntp=ntp))
        if asked is not None and self._may_answer(we_sent=we_sent):
            who, last, at = asked
            since = min(max(0, int((now - at) * 65536)), 0xFFFFFFFF)
            blocks.append(Delays(delays=(Delay(ssrc=who, last=last, since=since),)))
            self._asked = None
        if terms.voip_metrics:
            metrics = self.metrics(round_trip_s)
            if metrics is not None:
                blocks.append(metrics)
        return XrPacket(ssrc=ssrc, blocks=tuple(blocks)) if blocks else None

    def _may_answer(self, *, we_sent: bool) -> bool:
        terms = self.terms
        fits = terms.longest is None or terms.longest >= _DLRR_BYTES
        return fits and (terms.answers == "all" or (terms.answers == "sender" and we_sent))

    def receive(self, packet: XrPacket, now: float, *, ssrc: int, ntp: int) -> float | None:
        """Take what the peer sent; returns the round trip that it measures, seconds.

        `ssrc` and `ntp` as in `packet`.
        """
        measured = None
        for block in packet.blocks:
            match block:
                case ReferenceTime():
                    self._asked = (packet.ssrc, middle_32(block.ntp), now)
                case Delays():
                    for each in block.delays:
                        if each.ssrc == ssrc:
                            measured = round_trip(arrival=middle_32(ntp), lsr=each.last, dlsr=each.since)
                case VoipMetrics() if block.ssrc == ssrc:
                    self.peer = block
                case _:
                    pass
        return measured

    def metrics(self, round_trip_s: float | None) -> VoipMetrics | None:
        """How the stream that is played is heard; None before there is one."""
        active = self._receiver.active
        if active is None:
            return None
        figures, bursts = self._receiver.figures, active.buffer.bursts
        expected = active.sequence.expected
        lost = max(0, active.sequence.lost)
        discarded = figures.late + figures.skipped
        impairment = self._codec().impairment
        percent = 100 * min(1.0, (lost + discarded) / expected) if expected else 0.0
        buffer_ms = active.buffer.delay.delay * 1000
        # mouth to ear: half of what both ends hold back, as far as we know, and half the round trip
        delay_ms = self._ptime_ms + buffer_ms + (round_trip_s or 0.0) * 500
        rating = r_factor(delay_ms=delay_ms, loss_percent=percent, impairment=impairment)
        heard = r_factor(delay_ms=0.0, loss_percent=percent, impairment=impairment)
        reliable = max(self._jitter.reliable_maximum_ms, self._jitter.maximum_ms)
        ceiling_ms = (active.buffer.delay.ceiling - active.buffer.delay.base) * 1000
        known = expected > 0
        return VoipMetrics(
            ssrc=active.ssrc,
            loss_rate=_share(lost, expected),
            discard_rate=_share(discarded, expected),
            burst_density=_share(bursts.burst_missing, bursts.burst_packets),
            gap_density=_share(bursts.gap_missing, bursts.gap_packets),
            burst_ms=_mean_ms(bursts.burst_packets, bursts.bursts, active.buffer.packet_ms),
            gap_ms=_mean_ms(bursts.gap_packets, bursts.gaps, active.buffer.packet_ms),
            round_trip_ms=_word((round_trip_s or 0.0) * 1000),
            end_system_ms=_word(self._ptime_ms + buffer_ms),
            signal_level=UNAVAILABLE,
            noise_level=UNAVAILABLE,
            residual_echo_return_loss=UNAVAILABLE,
            gmin=GMIN,
            r_factor=round(min(max(rating, 0.0), BEST_R)) if known else UNAVAILABLE,
            external_r_factor=UNAVAILABLE,
            mos_lq=_score(heard) if known else UNAVAILABLE,
            mos_cq=_score(rating) if known else UNAVAILABLE,
            rx_config=_CONFIGURATION,
            buffer_ms=_word(buffer_ms),
            buffer_maximum_ms=_word(ceiling_ms),
            buffer_limit_ms=_word(max(reliable, ceiling_ms)),
        )


def _share(part: int, whole: int) -> int:
    """In 1/256, at most 255 (RFC 3611 §4.7.1)."""
    return min(255, 256 * part // whole) if whole > 0 else 0


def _mean_ms(packets: int, count: int, packet_ms: float) -> int:
    return _word(packets * packet_ms / count) if count else 0


def _word(value: float) -> int:
    return min(max(round(value), 0), 0xFFFF)


def _score(rating: float) -> int:
    return min(max(round(10 * mos(rating)), 10), 50)
