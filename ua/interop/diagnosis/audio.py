"""Causes in RTP and RTCP."""

from __future__ import annotations

import re
import statistics
from typing import Final

from ua.events import LogEntry
from ua.interop.diagnosis import values
from ua.interop.diagnosis.finding import Finding
from ua.interop.diagnosis.paths import FEW
from ua.interop.diagnosis.story import Story

ENOUGH: Final = 25
"""Packets of half a second: after so many the other side has had its chance."""

SILENT_DBFS: Final = -65.0
"""Below this a peer sends silence."""

NO_RTCP_S: Final = 8.0
"""The first report is due after 3.1 s at most, the next ones every 5 s or a little later (RFC 3550 §6.2)."""

BAD_LOSS: Final = 0.03
BAD_JITTER_MS: Final = 50.0

CLOCKS: Final = {1000: "ms", 8000: "8 kHz", 16_000: "16 kHz", 48_000: "48 kHz"}
"""What people count in."""

_UNEVEN: Final = 1.7
"""A clock that runs so much too fast or too slow may be a busy machine; other clocks are twice as fast."""

_ALIKE: Final = 1.6
"""So much faster or slower a clock is still taken for one of these."""


def wrong_payload_type(story: Story) -> Finding | None:
    """Packets of a payload type that nobody agreed on."""
    found = story.refused("unknown payload type")
    if found is None or found[1] < FEW or found[1] < story.received:
        return None
    number = found[0].rpartition(" ")[2]
    agreed = None if story.ours is None else story.ours.audio
    known = "" if agreed is None else f"; ours are {' '.join(agreed.formats)}"
    return Finding(
        cause="wrong_payload_type",
        seen=f"{found[1]} packets have the payload type {number}, which was not agreed{known}",
        where=f"RTP, payload type {number}, the first packet {story.ms(found[2])}",
    )


def wrong_codec(story: Story) -> Finding | None:
    """The payload is coded otherwise than its payload type says."""
    for entry in story.of_kind("call", "audio_heard"):
        law = values.text(entry.data, "law")
        if law:
            agreed = "" if story.media is None else values.text(story.media, "codec")
            return Finding(
                cause="wrong_codec",
                seen=f"the packets say {agreed or 'the other law'} and hold {law}: read as {law} it is audio",
                where=_stream(story),
            )
    return None


def ssrc_collision(story: Story) -> Finding | None:
    """Packets come back with our own source identifier."""
    found = story.refused("packet with our own SSRC")
    if found is None or found[1] < FEW or story.received > found[1]:
        return None
    return Finding(
        cause="ssrc_collision",
        seen=f"{found[1]} packets carry an SSRC of ours: the peer reflects or forwards RTP without its own",
        where=f"RTP, the first packet {story.ms(found[2])}",
    )


def one_way_in(story: Story) -> Finding | None:
    """We send, and nothing comes."""
    if story.sent < ENOUGH or story.received or any(_refusals(story).values()):
        return None
    heard = [each for each in story.reports if values.optional(each.data, "highest") is not None]
    if heard:
        hears, last = "its RTCP says that it hears us", heard[-1]
        where = f"RTCP of SSRC {_ssrc(last)}, {story.ms(last.at)}"
    else:
        hears, where = "there is no RTCP either", ""
    return Finding(
        cause="one_way_audio_in",
        seen=f"{story.sent} RTP packets were sent and none came; {hears}",
        where=where or f"no RTP until {story.ms(story.end)}",
    )


def one_way_out(story: Story) -> Finding | None:
    """The peer sends, and says that it hears nothing of us."""
    if not story.received or story.sent < ENOUGH:
        return None
    deaf = [each for each in story.reports if _says_nothing_arrives(each)]
    if not deaf or _says_nothing_arrives(story.reports[-1]) is False:
        return None
    last = deaf[-1]
    if _sent_until(story, last.at) < ENOUGH:
        return None
    lost = values.optional(last.data, "fraction_lost")
    about = values.optional(last.data, "about")
    what = "no block about us" if about is None else f"a block about {int(about):#010x}, which is not ours"
    what = what if lost is None else f"{lost:.0%} of our packets are lost"
    return Finding(
        cause="one_way_audio_out",
        seen=f"we have sent {_sent_until(story, last.at)} RTP packets, and its RTCP says: {what}",
        where=f"RTCP of SSRC {_ssrc(last)}, {story.ms(last.at)}",
    )


def sends_silence(story: Story) -> Finding | None:
    """Packets come, with silence in them."""
    levels = [values.optional(each.data, "level_received_dbfs") for each in story.counters]
    known = [each for each in levels[1:] if each is not None]
    if story.received < ENOUGH or len(known) < 3 or max(known) > SILENT_DBFS:
        return None
    told = [values.optional(each.data, "level_told_dbov") for each in story.counters]
    said = [each for each in told if each is not None]
    says = f"; by its own word (RFC 6464) it was {max(said):.0f} dBov" if said else ""
    return Finding(
        cause="sends_silence",
        seen=f"{story.received} RTP packets came, and the loudest was {max(known):.0f} dBFS: silence{says}",
        where=_stream(story),
    )


def stopped_sending(story: Story) -> Finding | None:
    """The peer has sent, and then no more, while the call stood."""
    if not story.received or len(story.counters) < 2:
        return None
    last = next(
        (each for each in story.counters if values.count(each.data, "received_packets") >= story.received),
        story.counters[-1],
    )
    ended = next(
        (each.at for each in story.of_kind("call", "state") if each.data.get("state") == "ending"), story.end
    )
    gone = min(ended, story.counters[-1].at) - last.at
    if gone < 1.5:
        return None
    return Finding(
        cause="media_stopped",
        seen=f"after {story.received} RTP packets nothing came for {gone:.1f} s",
        where=f"the last packet about {story.ms(last.at)}",
    )


def wrong_ptime(story: Story) -> Finding | None:
    """Packets are not as long as the description of who sends them says."""
    theirs = None if story.theirs is None else story.theirs.audio
    said = None if theirs is None else theirs.ptime_ms
    lengths = [length for each in story.counters if (length := values.number(each.data, "packet_ms"))]
    if not said or len(lengths) < 3:
        return None
    length = statistics.median(lengths)
    if abs(length - said) < 5 or lengths.count(length) * 2 < len(lengths):
        return None
    return Finding(
        cause="wrong_ptime",
        seen=f"its description says a=ptime:{said}, its packets are {length:g} ms long",
        where=_stream(story),
    )


def rtcp_ssrc(story: Story) -> Finding | None:
    """Sender reports are about a stream that does not exist."""
    streams = {
        values.count(each.data, "ssrc") for each in story.of_kind("media", "media_started", "stream_changed")
    }
    reports = [each for each in story.reports if values.number(each.data, "sent") > 0]
    if not streams or not reports:
        return None
    if any(_ssrc_number(each) in streams for each in story.reports):
        return None
    last = reports[-1]
    known = ", ".join(f"{each:#010x}" for each in sorted(streams))
    return Finding(
        cause="rtcp_ssrc",
        seen=f"its sender reports are of SSRC {_ssrc(last)}, its RTP of {known}",
        where=f"RTCP of SSRC {_ssrc(last)}, {story.ms(last.at)}",
    )


def no_rtcp(story: Story) -> Finding | None:
    """No report ever came."""
    if story.reports or not story.counters:
        return None
    cut = any(values.text(each.data, "cause") == "no_reports" for each in story.of_kind("call", "sending"))
    lasted = story.counters[-1].at - story.counters[0].at
    if not cut and lasted < NO_RTCP_S:
        return None
    return Finding(
        cause="no_rtcp",
        seen=f"no RTCP came in {lasted:.0f} s of media",
        where=f"until {story.ms(story.counters[-1].at)}",
    )


def wrong_dtmf_clock(story: Story) -> Finding | None:
    """Keys are counted in another clock than the description names."""
    keys = [each for each in story.of_kind("media", "key_heard") if each.data.get("way") == "rfc4733"]
    paces = [pace for each in keys if (pace := values.number(each.data, "pace")) > 0]
    if not paces:
        return None
    pace = statistics.median(paces)
    if 1 / _UNEVEN < pace < _UNEVEN:
        return None
    theirs = None if story.theirs is None else story.theirs.audio
    named = (None if theirs is None else theirs.event_clock) or 8000
    counted = named * pace
    off = {clock: max(counted / clock, clock / counted) for clock in CLOCKS if clock != named}
    nearest = min(off, key=lambda clock: off[clock])
    clock = CLOCKS[nearest] if off[nearest] < _ALIKE else f"{counted:.0f} Hz"
    last = keys[-1]
    return Finding(
        cause="wrong_dtmf_clock",
        seen=f"the durations of its keys run {pace:.2f} times as fast as time: "
        f"the description names {named} Hz and the events count {clock}",
        where=f"telephone event of {values.count(last.data, 'duration_ms')} ms, {story.ms(last.at)}",
    )


def packet_loss(story: Story) -> Finding | None:
    """Packets are missing."""
    lost = values.number(story.last_counters, "lost")
    if story.received + lost < ENOUGH or lost < BAD_LOSS * (story.received + lost):
        return None
    return Finding(
        cause="packet_loss",
        seen=f"{lost:.0f} of {story.received + lost:.0f} packets were lost on the way to us",
        where=_stream(story),
    )


def jitter(story: Story) -> Finding | None:
    """Packets come unevenly, most of the time: anybody stands still now and then."""
    known = [values.number(each.data, "jitter_ms") for each in story.counters]
    found = statistics.median(known) if known else 0.0
    if story.received < ENOUGH or found < BAD_JITTER_MS:
        return None
    return Finding(cause="jitter", seen=f"the jitter of its packets is {found:.0f} ms", where=_stream(story))


def _refusals(story: Story) -> dict[str, int]:
    """Packets of RTP that came and were not taken."""
    refused = values.mapping(story.last_counters, "refused")
    return {name: values.count(refused, name) for name in refused if not re.search("RTCP", str(name))}


def _says_nothing_arrives(report: LogEntry) -> bool:
    """True for a sender report without a block about us, or with one that misses nearly all."""
    lost = values.optional(report.data, "fraction_lost")
    if lost is not None:
        return lost > 0.9
    return values.number(report.data, "sent") > 0 and values.optional(report.data, "highest") is None


def _sent_until(story: Story, at: float) -> int:
    return max(
        (values.count(each.data, "sent_packets") for each in story.counters if each.at <= at), default=0
    )


def _stream(story: Story) -> str:
    started = story.of_kind("media", "media_started")
    if not started:
        return ""
    first = started[-1]
    return (
        f"RTP of SSRC {_ssrc(first)}, payload type {values.count(first.data, 'payload_type')}, "
        f"from {story.ms(first.at)}"
    )


def _ssrc_number(entry: LogEntry) -> int:
    return values.count(entry.data, "ssrc")


def _ssrc(entry: LogEntry) -> str:
    return f"{_ssrc_number(entry):#010x}"
