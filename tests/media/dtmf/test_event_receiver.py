from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.dtmf.event_receiver import EventReceiver
from media.dtmf.keys import DIGITS, KEYS, HeardKey, Press
from media.dtmf.report import EventReport
from tests.media.dtmf.streams import Slot, heard, slots


def keys(told: list[HeardKey]) -> str:
    return "".join(key.key for key in told)


@pytest.mark.req("DTMF-4")
@pytest.mark.parametrize(("clock_rate", "ptime_ms"), [(8000, 20), (16000, 60), (48000, 20)])
def test_all_digits_in_order_with_any_one_packet_lost(clock_rate: int, ptime_ms: int) -> None:
    presses = [Press(key=key) for key in KEYS]
    sent = slots(presses, clock_rate=clock_rate, ptime_ms=ptime_ms, first=0xFFFFFF00)
    assert [told.duration_ms for told in heard(sent, clock_rate=clock_rate)] == [100] * len(KEYS)
    for lost in range(len(sent)):
        assert keys(heard(sent[:lost] + sent[lost + 1 :], clock_rate=clock_rate)) == KEYS, lost


@pytest.mark.req("DTMF-4")
def test_every_subset_of_the_packets_of_an_event_is_one_digit_or_none() -> None:
    sent = slots([Press(key="7")])
    places = [index for index, slot in enumerate(sent) if slot.packet is not None]
    assert len(places) == 7
    for size in range(8):
        for lost in itertools.combinations(places, size):
            left = [slot for index, slot in enumerate(sent) if index not in lost]
            assert keys(heard(left)) == ("" if size == 7 else "7"), lost


@pytest.mark.req("DTMF-4")
def test_an_event_ends_with_what_comes_first() -> None:
    report = EventReport(event=1, duration=320)
    for ending in ("time", "audio", "event", "end"):
        receiver = EventReceiver(8000)
        assert not receiver.receive((EventReport(event=1, duration=160),), 1000, 0.02)
        assert not receiver.receive((report,), 1000, 0.04)
        assert receiver.sounding == "1"
        one = (HeardKey(key="1", duration_ms=40),)
        match ending:
            case "time":
                assert not receiver.elapse(0.099)
                assert receiver.elapse(0.101) == one
            case "audio":
                assert not receiver.audio(1000 + 160), "sent beside the event"
                receiver = EventReceiver(8000)
                assert not receiver.receive((EventReport(event=1, duration=160),), 1000, 0.02)
                assert not receiver.receive((report,), 1000, 0.04)
                assert not receiver.audio(840), "of the time before it"
                assert receiver.audio(1000 + 480) == one
            case "event":
                assert receiver.receive((EventReport(event=2, duration=160),), 2600, 0.06) == one
                assert receiver.sounding == "2"
            case "end":
                last = EventReport(event=1, end=True, duration=320)
                assert receiver.receive((last,), 1000, 0.06) == one
        if ending != "event":
            assert receiver.sounding is None
        assert not receiver.receive((EventReport(event=1, end=True, duration=480),), 1000, 0.2), "too late"


@pytest.mark.req("DTMF-4")
def test_timing_is_that_of_the_sender_not_of_the_arrival() -> None:
    sent = slots([Press(key="1", duration_ms=80), Press(key="2", duration_ms=120)])
    burst = [Slot(at=5.0, timestamp=slot.timestamp, packet=slot.packet) for slot in sent]
    assert [(told.key, told.duration_ms) for told in heard(burst)] == [("1", 80), ("2", 120)]


def _is_edge(sent: list[Slot], index: int) -> bool:
    near = {slot.packet and slot.packet.timestamp for slot in sent[max(0, index - 4) : index + 5]}
    return len(near) > 1


@pytest.mark.req("DTMF-3")
@pytest.mark.parametrize("clock_rate", [8000, 48000])
def test_segments_are_one_digit(clock_rate: int) -> None:
    sent = slots([Press(key="5", duration_ms=10_000), Press(key="5")], clock_rate=clock_rate)
    expected = [HeardKey(key="5", duration_ms=10_000), HeardKey(key="5", duration_ms=100)]
    assert heard(sent, clock_rate=clock_rate) == expected
    # of the many packets in the middle of a segment one is like the other
    for lost in (index for index, slot in enumerate(sent) if index % 9 == 0 or _is_edge(sent, index)):
        assert heard(sent[:lost] + sent[lost + 1 :], clock_rate=clock_rate) == expected, lost


@pytest.mark.req("DTMF-3")
def test_a_long_event_of_which_a_second_is_lost_is_told_once() -> None:
    sent = slots([Press(key="5", duration_ms=10_000)], clock_rate=48000)
    for start in range(3, len(sent) - 60, 29):
        assert keys(heard(sent[:start] + sent[start + 50 :], clock_rate=48000)) == "5", start


@pytest.mark.req("DTMF-7")
def test_two_events_in_one_payload() -> None:
    receiver = EventReceiver(8000)
    packed = (EventReport(event=1, end=True, duration=800), EventReport(event=2, duration=160))
    assert receiver.receive(packed, 1000, 0.0, marker=True) == (HeardKey(key="1", duration_ms=100),)
    assert receiver.sounding == "2"
    assert not receiver.receive(packed, 1000, 0.02, marker=True)
    last = (EventReport(event=2, end=True, duration=320),)
    assert receiver.receive(last, 1800, 0.04) == (HeardKey(key="2", duration_ms=40),)


@pytest.mark.req("DTMF-1")
def test_reports_that_mean_nothing() -> None:
    receiver = EventReceiver(8000)
    assert not receiver.receive((EventReport(event=5, duration=0),), 0, 0.0)
    assert not receiver.receive((EventReport(event=66, end=True, duration=800),), 0, 0.0)
    assert (receiver.sounding, receiver.ignored) == (None, 2)
    flash = EventReport(event=16, end=True, volume=0, duration=800)
    assert receiver.receive((flash,), 0, 0.0) == (HeardKey(key="!", duration_ms=100),)


def test_a_sender_whose_timestamp_runs_on_presses_one_key() -> None:
    receiver = EventReceiver(8000)
    told: list[HeardKey] = []
    for packet in range(8):
        report = EventReport(event=3, end=packet > 4, duration=min(160 * (packet + 1), 800))
        told += receiver.receive((report,), 160 * packet, packet * 0.02, marker=packet == 0)
    assert told == [HeardKey(key="3", duration_ms=100)]


def test_events_beside_audio_of_the_same_time() -> None:
    sent = slots([Press(key=key) for key in "1122"])
    doubled: list[Slot] = []
    for slot in sent:
        if slot.packet is not None:
            doubled.append(Slot(at=slot.at, timestamp=slot.timestamp, packet=None))
        doubled.append(slot)
    assert [(told.key, told.duration_ms) for told in heard(doubled)] == [
        ("1", 100), ("1", 100), ("2", 100), ("2", 100),
    ]  # fmt: skip


def test_another_count_of_timestamps_does_not_make_it_deaf() -> None:
    receiver = EventReceiver(8000)
    end = (EventReport(event=1, end=True, duration=800),)
    assert receiver.receive(end, 3_000_000_000, 0.0)
    assert receiver.receive(end, 2_000_000_000, 1.0), "a sender that began anew"
    assert not receiver.receive(end, 2_000_000_000 - 1600, 1.0), "older than what was told"


@settings(max_examples=80, deadline=None)
@given(
    pressed=st.lists(
        st.builds(Press, key=st.sampled_from(KEYS), duration_ms=st.integers(40, 400)), min_size=1, max_size=6
    ),
    clock_rate=st.sampled_from([8000, 16000, 48000]),
    first=st.integers(0, 0xFFFFFFFF),
    seed=st.integers(0, 1 << 30),
    loss=st.sampled_from([0.0, 0.1, 0.4]),
    late_ms=st.sampled_from([0, 30, 100]),
)
def test_never_more_keys_and_never_in_another_order(
    pressed: list[Press], clock_rate: int, first: int, seed: int, loss: float, late_ms: int
) -> None:
    """Lost, doubled and reordered packets: what is told is in order, and nothing is told twice."""
    draw = random.Random(seed)
    arriving: list[Slot] = []
    for slot in slots(pressed, clock_rate=clock_rate, first=first):
        for _ in range(2 if draw.random() < 0.1 else 1):
            if draw.random() >= loss:
                at = slot.at + draw.random() * late_ms / 1000
                arriving.append(Slot(at=at, timestamp=slot.timestamp, packet=slot.packet))
    arriving.sort(key=lambda slot: slot.at)
    told = heard(arriving, clock_rate=clock_rate)
    remaining = iter(pressed)
    for key in told:
        press = next((press for press in remaining if press.key == key.key), None)
        assert press is not None, (keys(told), [press.key for press in pressed])
        assert key.duration_ms <= press.duration_ms
    if not loss:
        assert keys(told) == "".join(press.key for press in pressed)


@given(st.lists(st.tuples(st.binary(max_size=16), st.integers(0, 0xFFFFFFFF), st.booleans()), max_size=40))
def test_nothing_of_a_peer_raises(packets: list[tuple[bytes, int, bool]]) -> None:
    from media.dtmf.report import parse

    receiver = EventReceiver(8000)
    for number, (payload, timestamp, marker) in enumerate(packets):
        for key in receiver.receive(parse(payload), timestamp, number * 0.01, marker=marker):
            assert key.key in KEYS
            assert key.duration_ms >= 0
        receiver.audio(timestamp)
        receiver.elapse(number * 0.01)
    assert receiver.sounding is None or receiver.sounding in DIGITS + "!"


@pytest.mark.parametrize(("counted", "named"), [(1000, 8000), (48_000, 8000), (8000, 8000)])
def test_the_pace_shows_a_sender_that_counts_in_another_clock(counted: int, named: int) -> None:
    sent = slots([Press(key=key, duration_ms=200) for key in "12"], clock_rate=counted, ptime_ms=20)
    told: list[HeardKey] = []
    receiver = EventReceiver(named)
    for slot in sent:
        if slot.packet is not None:
            # the timestamps are those of the stream, the durations those of another clock
            timestamp = slot.packet.timestamp * named // counted
            told += receiver.receive((slot.packet.report,), timestamp, slot.at, marker=slot.packet.marker)
    assert keys(told) == "12"
    for key in told:
        assert key.pace == pytest.approx(counted / named, rel=0.01)


def test_what_comes_in_one_piece_has_no_pace() -> None:
    sent = slots([Press(key="1")])
    burst = [Slot(at=5.0, timestamp=slot.timestamp, packet=slot.packet) for slot in sent]
    assert [told.pace for told in heard(burst)] == [None]
