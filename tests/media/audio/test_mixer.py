"""Several calls in one room."""

from __future__ import annotations

import heapq
import itertools
import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio.mixer import Mixer, Seat
from tests.tones import share_of_power

RATE = 16_000


Voice = Callable[[int, int], "array[int]"]
"""The samples from one up to another."""


def _constant(value: int) -> Voice:
    return lambda start, end: array("h", [value]) * (end - start)


def _sine(hz: float, rate: int) -> Voice:
    def voice(start: int, end: int) -> array[int]:
        return array("h", (round(8000 * math.sin(2 * math.pi * hz * i / rate)) for i in range(start, end)))

    return voice


@dataclass
class _Call:
    """A session that ticks every `frame_ms`, first at `begins_ms`, and says what it `speaks`."""

    seat: Seat
    speaks: Voice
    frame_ms: int = 20
    begins_ms: float = 0.0
    rate: int = RATE
    said: int = 0
    heard: bytearray = field(default_factory=bytearray)

    def tick(self) -> None:
        samples = self.rate * self.frame_ms // 1000
        self.seat.write(self.speaks(self.said, self.said + samples).tobytes())
        self.said += samples
        pcm = self.seat.read(2 * samples)
        assert len(pcm) == 2 * samples
        self.heard += pcm

    def since(self, ms: float) -> array[int]:
        """What was heard after so many ms of the test."""
        return array("h", self.heard[max(0, 2 * int(self.rate * (ms - self.begins_ms) / 1000)) :])


def _run(calls: list[_Call], seconds: float) -> None:
    due = [(call.begins_ms, number) for number, call in enumerate(calls)]
    heapq.heapify(due)
    while due[0][0] < 1000 * seconds:
        at, number = heapq.heappop(due)
        calls[number].tick()
        heapq.heappush(due, (at + calls[number].frame_ms, number))


def test_each_hears_all_others_and_not_itself() -> None:
    mixer = Mixer(RATE)
    calls = [_Call(mixer.join(RATE), _constant(value)) for value in (100, 2000, -5000)]
    _run(calls, 1)
    assert [set(call.since(100)) for call in calls] == [{-3000}, {-4900}, {2100}]


def test_a_call_alone_hears_nothing() -> None:
    call = _Call(Mixer(RATE).join(RATE), _constant(1000))
    _run([call], 1)
    assert set(call.since(0)) == {0}


def test_a_voice_arrives_as_late_as_one_frame() -> None:
    mixer = Mixer(RATE)
    speaking = _Call(mixer.join(RATE), lambda a, b: array("h", (i % 30_000 for i in range(a, b))))
    listening = _Call(mixer.join(RATE), _constant(0))
    _run([speaking, listening], 3)
    heard = listening.since(500)
    assert all((b - a) % 30_000 == 1 for a, b in itertools.pairwise(heard))
    assert speaking.said - 1 - heard[-1] % 30_000 - 30_000 == 320


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([10, 20, 30, 40, 60]), st.integers(0, 400)), min_size=2, max_size=6)
)
def test_whatever_their_frames_and_phases_nobody_misses_a_sample(calls: list[tuple[int, int]]) -> None:
    mixer = Mixer(8000)
    speakers = [
        _Call(mixer.join(8000), _constant(3**number), frame_ms=frame_ms, begins_ms=begins_ms, rate=8000)
        for number, (frame_ms, begins_ms) in enumerate(calls)
    ]
    _run(speakers, 1.2)
    for number, call in enumerate(speakers):
        others = sum(3**other for other in range(len(calls)) if other != number)
        # everybody is there after 400 ms, and their longest frames are known 60 ms later
        assert set(call.since(600)) == {others}


def test_too_many_loud_voices_are_cut_and_do_not_turn_over() -> None:
    mixer = Mixer(RATE)
    loud = [_Call(mixer.join(RATE), _constant(30_000)) for _ in range(20)]
    quiet = _Call(mixer.join(RATE), _constant(-1))
    _run([*loud, quiet], 0.3)
    assert set(quiet.since(100)) == {32_767}
    assert set(loud[0].since(100)) == {32_767}


def test_cutting_for_one_does_not_damage_the_others() -> None:
    mixer = Mixer(RATE)
    values = (30_000, 30_000, -30_000)
    calls = [_Call(mixer.join(RATE), _constant(value)) for value in values]
    _run(calls, 0.3)
    assert [set(call.since(100)) for call in calls] == [{0}, {0}, {32_767}]


def test_who_is_muted_is_not_heard_and_hears() -> None:
    mixer = Mixer(RATE)
    a, b = _Call(mixer.join(RATE), _constant(100)), _Call(mixer.join(RATE), _constant(2000))
    a.seat.muted = True
    _run([a, b], 0.5)
    assert set(a.since(100)) == {2000}
    assert set(b.since(100)) == {0}
    a.seat.muted = False
    _run([a, b], 0.5)
    assert b.heard[-2:] == array("h", [100]).tobytes()


def test_each_has_a_level_of_its_own() -> None:
    mixer = Mixer(RATE)
    a, b, c = (_Call(mixer.join(RATE), _constant(value)) for value in (1000, 2000, 0))
    a.seat.gain, b.seat.gain = 0.5, 2.0
    _run([a, b, c], 0.5)
    assert set(c.since(100)) == {4500}


def test_who_leaves_is_not_heard_any_more_and_leaving_twice_is_leaving() -> None:
    mixer = Mixer(RATE)
    a, b = _Call(mixer.join(RATE), _constant(100)), _Call(mixer.join(RATE), _constant(2000))
    _run([a, b], 0.5)
    b.seat.close()
    b.seat.close()
    assert mixer.seats == [a.seat]
    _run([a], 0.2)
    assert a.heard[-640:] == bytes(640)


@pytest.mark.parametrize("rates", [(8000, 16_000), (8000, 48_000), (16_000, 48_000), (8000, 8000)])
def test_calls_of_different_rates_hear_each_other(rates: tuple[int, int]) -> None:
    mixer = Mixer(RATE)
    calls = [
        _Call(mixer.join(rate), _sine(hz, rate), rate=rate)
        for rate, hz in zip(rates, (440, 1000), strict=True)
    ]
    _run(calls, 2)
    for call, hz in zip(calls, (1000, 440), strict=True):
        heard = call.since(200).tobytes()
        assert share_of_power(heard, hz, call.rate) > 0.99


def test_a_call_that_stood_still_is_heard_again() -> None:
    mixer = Mixer(RATE)
    a, b = _Call(mixer.join(RATE), _constant(100)), _Call(mixer.join(RATE), _constant(2000))
    _run([a, b], 0.5)
    _run([a], 5)
    _run([a, b], 0.5)
    assert a.heard[-2:] == array("h", [2000]).tobytes()
    assert b.heard[-2:] == array("h", [100]).tobytes()


def test_a_long_conference_keeps_two_seconds_in_memory() -> None:
    mixer = Mixer(8000)
    seats = [mixer.join(8000) for _ in range(3)]
    frame, heard = array("h", [1000] * 1600).tobytes(), b""
    for _ in range(5 * 600):
        for seat in seats:
            seat.write(frame)
            heard = seat.read(3200)
        assert len(mixer._total) + sum(len(seat._own) for seat in seats) <= 4 * 4 * 8000 * 2.5
    assert set(array("h", heard)) == {2000}


def test_a_rate_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="room of 0 Hz"):
        Mixer(0)
