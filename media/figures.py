"""Draws the figures of a session together into its statistics."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

from media.codecs.codec import Codec
from media.playout.figures import PlayoutFigures
from media.quality import mos, r_factor
from media.rtcp.session import RtcpSession
from media.rtp.receiver import RtpReceiver
from media.rtp.sender import RtpSender
from media.statistics import DelayStatistics, DirectionStatistics, MediaStatistics


def gather(
    *,
    sender: RtpSender,
    receiver: RtpReceiver,
    rtcp: RtcpSession | None,
    codec: Codec,
    rate: int,
    ptime_ms: int,
    round_trip_ms: float | None,
    level_sent_dbfs: float,
    level_received_dbfs: float,
    recent_mos: float | None,
    refused: Mapping[str, int],
    skipped_frames: int,
) -> MediaStatistics:
    """The statistics of a session from its parts; the arguments are those of `MediaStatistics`.

    `rate` is that of the session's audio in Hz, `codec` what it sends.
    """
    figures, active = receiver.figures, receiver.active
    report = rtcp.peer_report if rtcp is not None else None
    lost = receiver.lost
    delay = _delay(figures, ptime_ms + (round_trip_ms or 0.0) / 2)
    return MediaStatistics(
        sent=DirectionStatistics(
            packets=sender.packets,
            bytes=sender.bytes,
            lost=None if report is None else report.packets_lost,
            dropped_stale=sender.dropped,
            jitter_ms=None if report is None else report.jitter * 1000 / codec.clock_rate,
        ),
        received=DirectionStatistics(
            packets=receiver.packets,
            bytes=receiver.bytes,
            lost=lost,
            dropped_stale=figures.late + figures.skipped,
            jitter_ms=None if active is None else active.jitter_ms,
        ),
        round_trip_ms=round_trip_ms,
        delay_ms=delay,
        mos=None if delay is None else _mos(figures, delay, lost, codec),
        concealed_ms=figures.concealed * 1000 / rate,
        recovered_ms=figures.recovered * 1000 / rate,
        late=figures.late,
        duplicates=figures.duplicates,
        waits=figures.waits,
        stretched=figures.stretched,
        buffer_ms=0.0 if active is None else active.buffer.delay.delay * 1000,
        level_sent_dbfs=level_sent_dbfs,
        level_received_dbfs=level_received_dbfs,
        recent_mos=recent_mos,
        first_received_at=receiver.first_received_at,
        refused=refused,
        skipped_frames=skipped_frames,
        peer_cname=None if rtcp is None else rtcp.peer_cname,
        peer_mos=None if rtcp is None else rtcp.peer_mos,
        level_told_dbov=receiver.extensions.level.last,
        malformed_extensions=receiver.extensions.malformed,
    )


def percentile(slots: array[int], share: float) -> int | None:
    """The first slot up to which `share` (0 to 1) of all counts lie; None where nothing was counted."""
    total = sum(slots)
    if not total:
        return None
    rest = share * total
    for slot, count in enumerate(slots):
        rest -= count
        if rest <= 0:
            return slot
    return len(slots) - 1


def _delay(figures: PlayoutFigures, fixed_ms: float) -> DelayStatistics | None:
    half, most = percentile(figures.delays, 0.5), percentile(figures.delays, 0.99)
    if half is None or most is None:
        return None
    return DelayStatistics(p50=half + fixed_ms, p99=most + fixed_ms)


def _mos(figures: PlayoutFigures, delay: DelayStatistics, lost: int, codec: Codec) -> float:
    """E-model of the whole call: a packet that came too late is as lost as one that did not come."""
    missing = max(0, lost) + figures.late + figures.skipped
    percent = 100 * missing / (figures.played + missing)
    return mos(r_factor(delay_ms=delay.p50, loss_percent=percent, impairment=codec.impairment))
