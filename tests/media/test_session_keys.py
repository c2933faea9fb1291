"""Keys in whole sessions: events and tones in place of audio, and what the other side makes of them."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable

import pytest

from media.audio.sinks import MemorySink
from media.audio.sources import SilenceSource, Source, ToneSource
from media.codecs import PCMA, PCMU, Codec
from media.codecs.l16 import L16
from media.dtmf.keys import DIGITS, KEYS, KeyWay, Press
from media.dtmf.outgoing import EventTypes
from media.dtmf.report import EventReport, parse
from media.events import KeyHeard, MediaEvent
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.media.bench import PEER, Bench
from tests.media.dtmf.test_tones import found
from tests.media.network import Clock, Udp, Wire, pair, seeded
from tests.media.tones import tone_ratio

BOTH = EventTypes(send=101, receive={101: 8000})
WAYS: tuple[KeyWay, ...] = ("rfc4733", "inband")
WIDE = L16(sample_rate=48000)


def bench(source: Source | None = None, *, events: EventTypes = BOTH) -> Bench:
    made = Bench(source=source or SilenceSource())
    made.session.use_events(events)
    return made


def press(bench: Bench, keys: str, *, way: KeyWay = "rfc4733") -> list[str]:
    done: list[str] = []
    for key in keys:
        bench.session.keys.press(Press(key=key), way, lambda key=key: done.append(key))  # type: ignore[misc]
    return done


def events(
    bench: Bench, reports: list[EventReport], timestamp: int, *, sequence: int, payload_type: int = 101
) -> None:
    for number, report in enumerate(reports):
        bench.rtp.deliver(
            rtp.build(
                payload_type=payload_type, marker=not number, sequence=sequence + number,
                timestamp=timestamp, ssrc=PEER, payload=report.pack(),
            ),
            bench.now,
        )  # fmt: skip
        bench.run(0.02)


def heard(told: list[MediaEvent]) -> list[tuple[str, int, str]]:
    return [(event.key, event.duration_ms, event.way) for event in told if isinstance(event, KeyHeard)]


@pytest.mark.req("DTMF-2", "DTMF-5")
def test_events_share_numbers_and_time_with_the_audio() -> None:
    one = bench()
    one.run(0.1)
    done = press(one, "11")
    one.run(1.0)
    assert done == ["1", "1"]
    packets = one.rtp_sent
    for before, after in itertools.pairwise(packets):
        assert after.sequence == (before.sequence + 1) & 0xFFFF
    assert {packet.ssrc for packet in packets} == {one.session.ssrc}
    first = next(index for index, packet in enumerate(packets) if packet.payload_type == 101)
    base = packets[0].timestamp
    for index, packet in enumerate(packets):
        if packet.payload_type == 0:
            assert (packet.timestamp - base) & 0xFFFFFFFF == 160 * index, "as if there had been no events"
            assert not packet.marker
    assert packets[first].timestamp == (base + 160 * first) & 0xFFFFFFFF
    assert packets[first].marker
    starts = list(dict.fromkeys(packet.timestamp for packet in packets if packet.payload_type == 101))
    assert (starts[1] - starts[0]) & 0xFFFFFFFF == 1600
    reports = [parse(packet.payload)[0] for packet in packets if packet.timestamp == starts[0]]
    assert [(report.duration, report.end) for report in reports] == [
        (160, False), (320, False), (480, False), (640, False), (800, True), (800, True), (800, True),
    ]  # fmt: skip
    assert one.session.statistics.sent.packets == len(packets)


def both_ways(
    lose: Callable[[bytes], bool], *, codec: Codec = PCMU, keys: str = KEYS, way: KeyWay = "rfc4733"
) -> tuple[list[tuple[str, int, str]], list[tuple[str, int, str]], tuple[MediaSession, MediaSession]]:
    """Two sessions press all keys at each other."""
    wire = Wire()
    udp, back = Udp(), Udp(seed=2)
    ends = pair(
        wire,
        lambda packet, now: None if lose(packet) else udp(packet, now),
        lambda packet, now: None if lose(packet) else back(packet, now),
    )
    told: tuple[list[MediaEvent], list[MediaEvent]] = ([], [])
    agreed = EventTypes(
        send=101,
        events=frozenset(range(17)),
        receive={101: codec.clock_rate},
        detecting=way == "inband",
    )
    sessions = tuple(
        MediaSession(
            rtp=end, rtcp=end, codec=codec, payload_type=97, source=SilenceSource(), sink=MemorySink(),
            random=seeded(number), ptime_ms=10 if codec is WIDE else 20, on_event=told[number].append,
        )
        for number, end in enumerate(ends)
    )  # fmt: skip
    clock = Clock(wire)
    for session in sessions:
        session.use_events(agreed)
        clock.start(session)
    clock.run(0.3)
    for session in sessions:
        for key in keys:
            session.keys.press(Press(key=key), way)
    clock.run(0.3 + 0.22 * len(keys) + 0.6)
    first, second = sessions
    return heard(told[0]), heard(told[1]), (first, second)


@pytest.mark.req("DTMF-4")
@pytest.mark.parametrize("codec", [PCMU, WIDE], ids=["8000", "48000"])
def test_all_keys_both_ways_with_one_packet_lost(codec: Codec) -> None:
    expected = [(key, 100, "rfc4733") for key in KEYS]
    assert both_ways(lambda _: False, codec=codec)[:2] == (expected, expected)
    for lost in range(2, 60, 9):
        seen: dict[int, int] = {}

        def lose(packet: bytes, lost: int = lost, seen: dict[int, int] = seen) -> bool:
            if rtp.is_rtcp(packet):
                return False
            header = rtp.parse(packet)
            if header.payload_type != 101:
                return False
            seen[header.ssrc] = seen.get(header.ssrc, 0) + 1
            return seen[header.ssrc] == lost

        for told in both_ways(lose, codec=codec)[:2]:
            assert "".join(key for key, _, _ in told) == KEYS, lost


@pytest.mark.req("DTMF-6")
@pytest.mark.parametrize("codec", [PCMU, PCMA, WIDE], ids=["PCMU", "PCMA", "L16/48000"])
def test_all_digits_as_tones_both_ways(codec: Codec) -> None:
    one, other, _ = both_ways(lambda _: False, codec=codec, keys=DIGITS, way="inband")
    for told in (one, other):
        assert [(key, way) for key, _, way in told] == [(digit, "inband") for digit in DIGITS]


@pytest.mark.req("DTMF-8")
def test_events_are_in_the_figures_of_rtcp_and_not_in_the_playout_delay() -> None:
    one = bench()
    one.talk(100)
    before = one.session.statistics
    depth = one.counters[-1].buffer_ms
    sequence, timestamp = one._sequence + 1, 160 * (one._sequence + 1)
    durations = [160, 320, 480, 640, 800, 800, 800]
    events(
        one, [EventReport(event=5, end=d == 800, duration=d) for d in durations], timestamp, sequence=sequence
    )
    after = one.session.statistics
    assert after.received.packets == before.received.packets + 7
    assert after.received.lost == 0
    assert before.received.jitter_ms is not None
    assert after.received.jitter_ms is not None
    assert after.received.jitter_ms > before.received.jitter_ms + 3
    one._sequence += 7
    one.talk(50)
    assert one.counters[-1].buffer_ms == pytest.approx(depth, abs=0.01)
    after = one.session.statistics
    assert (after.concealed_ms, after.waits, after.late, after.received.lost) == (0, 0, 0, 0)
    assert heard(one.events) == [("5", 100, "rfc4733")]


@pytest.mark.req("DTMF-8")
def test_a_lost_event_is_a_lost_packet() -> None:
    one = bench()
    one.talk(50)
    sequence, timestamp = one._sequence + 1, 160 * (one._sequence + 1)
    reports = [EventReport(event=5, duration=d) for d in (160, 320)]
    events(one, reports, timestamp, sequence=sequence)
    events(one, [EventReport(event=5, end=True, duration=800)] * 3, timestamp, sequence=sequence + 4)
    one._sequence += 7
    one.talk(20)
    assert one.session.statistics.received.lost == 2


@pytest.mark.req("DTMF-7")
def test_the_tone_is_heard_in_place_of_the_audio_without_a_break() -> None:
    one = bench()
    one.talk(50, level=0xFF)
    start = len(one.heard)
    sequence, timestamp = one._sequence + 1, 160 * (one._sequence + 1)
    # two of the updates are lost
    for number, duration in enumerate((160, 320, None, None, 800, 960, 1120, 1280, 1440, 1600)):
        if duration is not None:
            report = EventReport(event=5, end=duration == 1600, duration=duration, volume=0)
            events(one, [report], timestamp, sequence=sequence + number)
        else:
            one.run(0.02)
    one._sequence += 10
    one.talk(20, level=0xFF)
    pcm = one.heard[start:]
    frames = [pcm[at : at + 320] for at in range(0, len(pcm) - 320, 320)]
    assert found(pcm) == "5"
    loud = [max(map(abs, array("h", frame))) > 3000 for frame in frames]
    first, last = loud.index(True), len(loud) - 1 - loud[::-1].index(True)
    assert 8 <= last - first + 1 <= 13
    assert all(loud[first : last + 1])


def test_what_is_no_event_of_ours_is_refused_and_counted() -> None:
    one = bench()
    one.talk(5)
    sequence, timestamp = one._sequence + 1, 160 * (one._sequence + 1)
    events(one, [EventReport(event=66, end=True, duration=800)], timestamp, sequence=sequence)
    one.rtp.deliver(
        rtp.build(
            payload_type=101,
            marker=True,
            sequence=sequence + 1,
            timestamp=timestamp,
            ssrc=PEER,
            payload=b"\5\0\0",
        ),
        one.now,
    )
    events(
        one,
        [EventReport(event=5, end=True, duration=800)],
        timestamp,
        sequence=sequence + 2,
        payload_type=102,
    )
    one.run(0.3)
    assert set(one.session.statistics.refused) == {
        "telephone event that is no key",
        "malformed telephone event",
        "unknown payload type 102",
    }
    assert not heard(one.events)


def test_events_come_before_any_audio_and_while_we_hear_nothing() -> None:
    one = bench()
    last = [EventReport(event=11, end=True, duration=800)]
    events(one, last * 3, 8000, sequence=500)
    assert heard(one.events) == [("#", 100, "rfc4733")]
    one.session.receiving = False
    events(one, last * 3, 16000, sequence=503)
    one.session.receiving = True
    one._sequence = 600
    one.talk(20)
    assert one.session.statistics.received.packets == 26
    assert len(heard(one.events)) == 1, "what is on hold is not listened to"


def test_the_source_goes_on_behind_the_keys_and_nothing_is_pressed_on_hold() -> None:
    source = ToneSource(1000)
    one = bench(source)
    one.run(0.1)
    done = press(one, "12")
    one.run(0.06)
    one.session.sending = False
    one.run(1.0)
    assert done == ["1"], "given up"
    one.session.sending = True
    one.run(0.5)
    assert done == ["1", "2"]
    last = [packet for packet in one.rtp_sent if packet.payload_type == 101][-1]
    assert parse(last.payload)[0] == EventReport(event=2, end=True, duration=800)
    pcm = b"".join(PCMU.decode(packet.payload) for packet in one.rtp_sent if packet.payload_type == 0)
    assert tone_ratio(pcm[-3200:], 1000, 8000) > 20


@pytest.mark.req("DTMF-1")
def test_events_that_the_peer_does_not_list_are_not_sent() -> None:
    one = bench(events=EventTypes(send=101, events=frozenset({0, 1, 2}), receive={}))
    for key in "3#!":
        with pytest.raises(ValueError, match="takes no"):
            one.session.keys.press(Press(key=key), "rfc4733")
    assert one.session.keys.takes("2", "rfc4733")
    one.session.use_events(EventTypes())
    assert not one.session.keys.takes("2", "rfc4733")
    assert one.session.keys.takes("2", "inband")
    assert not one.session.keys.takes("!", "inband")


def test_the_end_of_a_session_gives_all_keys_up() -> None:
    one = bench()
    done = press(one, "12")
    one.session.stop(one.now)
    assert sorted(done) == ["1", "2"]
    assert not any(one.session.keys.takes("1", way) for way in WAYS)


def test_another_clock_in_the_middle_of_a_key() -> None:
    one = bench()
    one.run(0.1)
    done = press(one, "12")
    one.run(0.05)
    one.session.use_codec(L16(sample_rate=16000), 97)
    one.session.use_events(EventTypes(send=102, receive={102: 16000}))
    one.run(0.6)
    assert done == ["1", "2"]
    reports = [parse(packet.payload)[0] for packet in one.rtp_sent if packet.payload_type == 102]
    assert {report.event for report in reports} == {2}
    assert reports[-1].duration == 1600
