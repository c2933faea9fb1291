from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.dtmf.event_sender import EventSender
from media.dtmf.keys import DIGITS, KEYS, MOST_WAITING, Press
from tests.media.dtmf.streams import events, slots


@pytest.mark.req("DTMF-2")
@pytest.mark.parametrize("clock_rate", [8000, 16000, 48000])
def test_one_digit_of_100_ms(clock_rate: int) -> None:
    sent = slots([Press(key="5")], clock_rate=clock_rate, first=1000)
    packets = events(sent)
    unit = clock_rate // 8000
    assert [(packet.report.duration // unit, packet.report.end) for packet in packets] == [
        (160, False), (320, False), (480, False), (640, False), (800, True), (800, True), (800, True),
    ]  # fmt: skip
    assert {packet.timestamp for packet in packets} == {1000 + 3 * 160 * unit}
    assert [packet.marker for packet in packets] == [True] + [False] * 6
    assert {(packet.report.event, packet.report.volume) for packet in packets} == {(5, 10)}
    # audio goes on with the timestamp that it would have had
    assert [slot.timestamp for slot in sent] == [1000 + 160 * unit * i for i in range(len(sent))]


@pytest.mark.req("DTMF-2")
def test_the_example_of_the_rfc() -> None:
    """RFC 4733 table 5: "911" in frames of 50 ms, the end bit put off where the end is not known yet."""
    sender = EventSender(8000, defer_end=True)
    keys = {
        0: Press(key="9", duration_ms=200),
        880: Press(key="1", duration_ms=250),
        1400: Press(key="1", duration_ms=220),
    }
    rows = []
    # packets leave at the end of their frame; frames begin with each digit, as those of the example do
    for start, press in keys.items():
        sender.press(press)
        for frame in range(start, start + 500, 50):
            packet = sender.frame(frame * 8, 400) if sender.busy else None
            if packet is not None:
                report = packet.report
                rows.append(
                    (frame + 50, packet.marker, packet.timestamp, report.event, report.duration, report.end)
                )
    assert rows == [
        (50, True, 0, 9, 400, False),
        (100, False, 0, 9, 800, False),
        (150, False, 0, 9, 1200, False),
        (200, False, 0, 9, 1600, False),
        (250, False, 0, 9, 1600, True),
        (300, False, 0, 9, 1600, True),
        (930, True, 7040, 1, 400, False),
        (980, False, 7040, 1, 800, False),
        (1030, False, 7040, 1, 1200, False),
        (1080, False, 7040, 1, 1600, False),
        (1130, False, 7040, 1, 2000, False),
        (1180, False, 7040, 1, 2000, True),
        (1230, False, 7040, 1, 2000, True),
        (1450, True, 11200, 1, 400, False),
        (1500, False, 11200, 1, 800, False),
        (1550, False, 11200, 1, 1200, False),
        (1600, False, 11200, 1, 1600, False),
        (1650, False, 11200, 1, 1760, True),
        (1700, False, 11200, 1, 1760, True),
        (1750, False, 11200, 1, 1760, True),
    ]


@pytest.mark.req("DTMF-3")
def test_ten_seconds_go_in_segments() -> None:
    packets = events(slots([Press(key="#", duration_ms=10_000)], first=0xFFFF0000))
    starts = [start for start, _ in itertools.groupby(packet.timestamp for packet in packets)]
    assert starts == [0xFFFF0000 + 480, 0xFFFF0000 + 480 + 0xFFFF - (1 << 32)]
    first = [packet for packet in packets if packet.timestamp == starts[0]]
    second = [packet for packet in packets if packet.timestamp == starts[1]]
    assert [(packet.report.duration, packet.report.end) for packet in first[-4:]] == [
        (65440, False), (0xFFFF, False), (0xFFFF, False), (0xFFFF, False),
    ]  # fmt: skip
    assert [(packet.report.duration, packet.report.end) for packet in second[-4:]] == [
        (14465 - 160, False), (14465, True), (14465, True), (14465, True),
    ]  # fmt: skip
    assert [packet.marker for packet in packets] == [True] + [False] * (len(packets) - 1)


@pytest.mark.req("DTMF-5")
def test_two_of_the_same_digit_have_a_pause_between_them() -> None:
    sent = slots([Press(key="1"), Press(key="1")])
    packets = events(sent)
    first, second = sorted({packet.timestamp for packet in packets})
    assert second - first == 1600, "100 ms of tone, 100 ms of pause"
    between = [slot for slot in sent if slot.packet is None and first < slot.timestamp < second]
    assert len(between) == 3, "audio in the pause, but for the repeated last reports"


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60, 100, 200])
@pytest.mark.parametrize("clock_rate", [8000, 16000, 48000])
def test_every_packet_time_and_clock(ptime_ms: int, clock_rate: int) -> None:
    sent = slots([Press(key=key) for key in DIGITS], ptime_ms=ptime_ms, clock_rate=clock_rate)
    ends = {packet.timestamp: packet.report for packet in events(sent) if packet.report.end}
    assert "".join(KEYS[report.event] for report in ends.values()) == DIGITS
    assert {report.duration for report in ends.values()} == {clock_rate // 10}
    starts = sorted(ends)
    assert all(b - a >= clock_rate * 140 // 1000 for a, b in itertools.pairwise(starts))


@settings(max_examples=60, deadline=None)
@given(
    presses=st.lists(
        st.builds(
            Press,
            key=st.sampled_from(KEYS),
            duration_ms=st.integers(40, 3000),
            pause_ms=st.integers(40, 200),
        ),
        min_size=1,
        max_size=5,
    ),
    clock_rate=st.sampled_from([8000, 16000, 48000]),
    ptime_ms=st.sampled_from([10, 20, 60]),
    first=st.integers(0, 0xFFFFFFFF),
    skips=st.dictionaries(st.integers(0, 200), st.integers(1, 100), max_size=3),
)
def test_what_every_sequence_keeps_to(
    presses: list[Press], clock_rate: int, ptime_ms: int, first: int, skips: dict[int, int]
) -> None:
    """RFC 4733 §2.5.1 whatever is pressed, also where frames are left out."""
    sender = EventSender(clock_rate)
    done: list[str] = []
    for press in presses:
        sender.press(press, lambda key=press.key: done.append(key))  # type: ignore[misc]
    step, timestamp, frame = clock_rate * ptime_ms // 1000, first, 0
    packets = []
    while sender.busy:
        packet = sender.frame(timestamp & 0xFFFFFFFF, step)
        if packet is not None:
            packets.append(packet)
        frame += 1
        timestamp += step * (1 + skips.get(frame, 0))
    assert done == [press.key for press in presses]
    assert [KEYS[packet.report.event] for packet in packets if packet.marker] == done
    for number, press in enumerate(presses):
        starts = [index for index, packet in enumerate(packets) if packet.marker]
        run = packets[starts[number] : (*starts, len(packets))[number + 1]]
        ends = [packet.report.end for packet in run]
        assert ends[-3:] == [True] * 3
        assert not any(ends[:-3])
        segments = [list(part) for _, part in itertools.groupby(run, key=lambda packet: packet.timestamp)]
        for before, after in itertools.pairwise(segments):
            assert (after[0].timestamp - before[0].timestamp) & 0xFFFFFFFF == 0xFFFF
            assert [packet.report.duration for packet in before[-3:]] == [0xFFFF] * 3
        total = 0xFFFF * (len(segments) - 1) + segments[-1][-1].report.duration
        assert total == press.duration_ms * clock_rate // 1000
        for segment in segments:
            durations = [packet.report.duration for packet in segment]
            assert durations == sorted(durations)
            assert durations[0] > 0


def test_a_queue_that_is_full_and_keys_that_are_given_up() -> None:
    sender = EventSender(8000)
    gone: list[int] = []
    for number in range(MOST_WAITING):
        sender.press(Press(key="1"), lambda number=number: gone.append(number))  # type: ignore[misc]
    with pytest.raises(OverflowError):
        sender.press(Press(key="1"))
    assert sender.frame(0, 160) is not None
    sender.interrupt()
    assert gone == [0]
    packet = sender.frame(160, 160)
    assert packet is not None
    assert packet.marker, "the next one begins"
    sender.clear()
    assert sorted(gone) == list(range(MOST_WAITING))
    assert not sender.busy
