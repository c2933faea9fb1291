"""A sound card whose clock is not ours: for hours, in virtual time."""

from __future__ import annotations

import audioop
import itertools
import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.drift import MOST_DRIFT, DriftControl, ElasticBuffer, stretched
from tests.tones import share_of_power

RATE = 8000


class _Run:
    """A writer of blocks of `block_ms` at a clock `ppm` fast, and a reader of frames at ours."""

    def __init__(
        self, ppm: float, block_ms: float = 10.0, *, frame_ms: int = 20, late: tuple[float, ...] = (0.0,)
    ) -> None:
        target_s = 2 * (block_ms + frame_ms) / 1000
        self.buffer = ElasticBuffer(RATE, target_s=target_s, limit_s=3 * target_s)
        self._frame_ms = frame_ms
        self._block = bytes(2 * int(RATE * block_ms / 1000))
        self._period = block_ms / 1000 / (1 + ppm * 1e-6)
        self._late = late
        self._blocks = 0
        self._frames = 0

    def run(self, seconds: float) -> tuple[float, float]:
        """The least and the greatest level that the reader found, and went on from."""
        buffer, least, most = self.buffer, math.inf, -math.inf
        frame_s = self._frame_ms / 1000
        end = self._frames + round(seconds / frame_s)
        while self._frames < end:
            # both are late now and then, and then catch up; never out of order
            read_at = self._frames * frame_s + self._late[self._frames % len(self._late)]
            while self._blocks * self._period <= read_at:
                buffer.write(self._block, self._blocks * self._period)
                self._blocks += 1
            level = buffer.level_s
            least, most = min(least, level), max(most, level)
            buffer.read(2 * RATE * self._frame_ms // 1000, read_at)
            self._frames += 1
        return least, most


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_two_hours_of_a_clock_that_is_off_leave_the_delay_where_it_was(ppm: float) -> None:
    run = _Run(ppm, block_ms=40.0, frame_ms=60)
    run.run(600)
    learnt = run.buffer.drift_ppm
    least, most = run.run(6600)
    assert learnt == pytest.approx(ppm, abs=20)
    assert run.buffer.drift_ppm == pytest.approx(ppm, abs=20)
    assert run.buffer.underruns == run.buffer.overruns == 0
    assert least > 0.14 and most < 0.21
    assert run.buffer.stretched == pytest.approx(ppm * 1e-6 * 7200 * RATE, abs=0.05 * RATE)


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_learning_the_clock_takes_no_more_than_a_few_milliseconds_of_delay(ppm: float) -> None:
    run = _Run(ppm)
    run.run(2)
    least, most = run.run(900)
    assert run.buffer.underruns == run.buffer.overruns == 0
    assert least > 0.03 and most < 0.085


def test_a_reader_that_is_late_now_and_then_changes_nothing() -> None:
    run = _Run(150.0, late=(0.0, 0.004, 0.015, 0.0, 0.009))
    run.run(600)
    least, most = run.run(1200)
    assert run.buffer.underruns == run.buffer.overruns == 0
    assert run.buffer.drift_ppm == pytest.approx(150, abs=40)
    assert least > 0.025 and most < 0.09


def test_blocks_of_nearly_the_length_of_a_frame_do_not_deceive_it() -> None:
    """Their order changes once in minutes: the level then jumps by a block, and the delay must not."""
    run = _Run(100.0, block_ms=20.0)
    run.run(300)
    least, most = run.run(900)
    assert run.buffer.underruns == run.buffer.overruns == 0
    assert most - least < 0.03


def test_a_writer_that_stands_still_is_silence_and_the_delay_is_the_same_afterwards() -> None:
    buffer = ElasticBuffer(RATE, target_s=0.06)
    block, now = bytes([1, 0]) * 80, 0.0
    for step in range(1000):
        now = step * 0.01
        if not 300 <= step < 400:
            buffer.write(block, now)
        if step % 2:
            pcm = buffer.read(320, now)
            assert len(pcm) == 320
            if 320 < step < 400:
                assert not any(pcm)
    assert buffer.underruns == 1
    assert buffer.level_s == pytest.approx(0.05, abs=0.015)


def test_a_reader_that_stands_still_loses_the_oldest_and_the_delay_is_the_same_afterwards() -> None:
    buffer = ElasticBuffer(RATE, target_s=0.06)
    for step in range(200):
        buffer.write(array("h", [step] * 80).tobytes(), step * 0.01)
        assert buffer.level_s <= 0.2
        if not 50 <= step < 117 and step % 2:
            pcm = array("h", buffer.read(320, step * 0.01))
            assert step < 60 or step - pcm[-1] in (4, 5)
    assert buffer.overruns == buffer.underruns == 0


def test_a_reader_that_is_too_slow_loses_audio_and_that_is_counted() -> None:
    buffer = ElasticBuffer(RATE, target_s=0.06)
    for step in range(100):
        buffer.write(bytes(320), step * 0.02)
        buffer.read(240, step * 0.02)
        assert buffer.level_s <= 0.2
    assert buffer.overruns > 2


def test_nothing_is_read_before_there_is_what_it_takes() -> None:
    buffer = ElasticBuffer(RATE, target_s=0.06)
    buffer.write(b"\1\0" * 400, 0.0)
    assert buffer.read(320, 0.0) == bytes(320)
    buffer.write(b"\1\0" * 80, 0.01)
    assert buffer.read(320, 0.01) == b"\1\0" * 160
    assert buffer.underruns == 0


def test_a_tone_stays_a_tone_while_it_is_stretched() -> None:
    buffer = ElasticBuffer(RATE, target_s=0.06)
    heard, written, frame = bytearray(), 0, 0
    while len(heard) < 2 * RATE * 60:
        while written / RATE / (1 + 200e-6) <= frame * 0.02:
            block = array("h", (round(9000 * math.sin(0.3 * i)) for i in range(written, written + 80)))
            buffer.write(block.tobytes(), written / RATE / (1 + 200e-6))
            written += 80
        heard += buffer.read(320, frame * 0.02)
        frame += 1
    samples = array("h", heard[2 * RATE :])
    steps = [abs(b - a) for a, b in itertools.pairwise(samples)]
    assert buffer.stretched > 50
    # no click: no step is greater than those of the tone itself
    assert max(steps) < 1.1 * 9000 * 2 * math.sin(0.15)
    assert share_of_power(samples[-RATE:].tobytes(), 0.3 * RATE / 2 / math.pi) > 0.98


@given(st.integers(2, 400), st.integers(2, 400))
def test_stretched_audio_has_the_length_and_the_ends_that_it_should(before: int, after: int) -> None:
    pcm = array("h", (10 * i for i in range(before)))
    made = array("h", stretched(pcm.tobytes(), after))
    assert len(made) == after
    assert made[0] == 0
    assert abs(made[-1] - pcm[-1]) <= 10
    assert all(b >= a for a, b in itertools.pairwise(made))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(0, 2000)),
            st.tuples(st.just("read"), st.integers(0, 2000)),
        ),
        max_size=100,
    )
)
def test_whatever_comes_a_read_gives_its_size_and_the_buffer_is_bounded(steps: list[tuple[str, int]]) -> None:
    buffer = ElasticBuffer(RATE, target_s=0.02, limit_s=0.1)
    for number, (what, samples) in enumerate(steps):
        if what == "write":
            buffer.write(bytes(2 * samples), number * 0.01)
            assert buffer.level_s <= 0.1
        else:
            assert len(buffer.read(2 * samples, number * 0.01)) == 2 * samples


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 2)), max_size=50))
def test_no_level_asks_for_more_than_a_clock_can_be_off(levels: list[tuple[float, float]]) -> None:
    control, now = DriftControl(0.05), 0.0
    for level, passed in levels:
        now += passed
        assert abs(control.update(level, now)) <= MOST_DRIFT


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot keep"):
        ElasticBuffer(RATE, target_s=0.3, limit_s=0.2)


def test_silence_stays_silence() -> None:
    assert audioop.rms(stretched(bytes(320), 161), 2) == 0
