from __future__ import annotations

import itertools
import math
import random
import struct
from array import array
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.samples import melody
from media.codecs import PCMA, PCMU, Codec
from media.codecs.g711 import G711
from media.config import JitterConfig
from media.playout.delay import PlayoutDelay
from media.playout.figures import PlayoutFigures
from media.playout.jitter import JitterBuffer, Put
from media.quality import G711 as G711_IMPAIRMENT

CONFIG = JitterConfig()
FRAME = 160


def jitter_buffer(*, reliable: bool = False, round_trip: float | None = None) -> JitterBuffer:
    return JitterBuffer(
        clock_rate=8000,
        sample_rate=8000,
        frame_samples=FRAME,
        capacity=CONFIG.capacity,
        delay=PlayoutDelay(CONFIG, reliable=reliable, round_trip=round_trip),
        figures=PlayoutFigures(),
    )


class NumberedCodec:
    """Payloads of a number and a length in samples; remembers which were decoded."""

    name = "numbered"
    sample_rate = clock_rate = 8000
    packet_ms = range(1, 201)
    maximum_payload = 6
    impairment = G711_IMPAIRMENT

    def encoder(self, _rate: int | None = None, /) -> NumberedCodec:
        return self

    def decoder(self, _rate: int | None = None, /) -> NumberedCodec:
        return self

    def conceal(self, samples: int, /) -> None:
        return None

    def recover(self, payload: bytes, samples: int, /) -> None:
        return None

    def __init__(self) -> None:
        self.decoded: list[int] = []

    def encode(self, pcm: bytes, /) -> bytes:
        raise NotImplementedError

    def decode(self, payload: bytes, /) -> bytes:
        number, samples = struct.unpack("!LH", payload)
        self.decoded.append(number)
        return array("h", [1000] * samples).tobytes()

    def duration(self, payload: bytes, /) -> int:
        return int(struct.unpack("!LH", payload)[1])


def payload(number: int, samples: int = FRAME) -> bytes:
    return struct.pack("!LH", number, samples)


Arrivals = list[tuple[float, int, int, bytes]]
"""Arrival time, sequence number, timestamp, payload."""


def steady(count: int, *, delay: float = 0.01, first: int = 0) -> Arrivals:
    return [(0.02 * i + delay, i, FRAME * i, payload(i)) for i in range(first, first + count)]


class Player:
    """Feeds a buffer and plays it, tick by tick in virtual time."""

    def __init__(self, buffer: JitterBuffer, arrivals: Arrivals, codec: Codec | None = None) -> None:
        self.numbered = NumberedCodec()
        self._codec = codec or self.numbered
        self._buffer = buffer
        self._waiting = deque(sorted(arrivals, key=lambda arrival: arrival[0]))
        self._tick = 0
        self.frames: list[bytes] = []
        self.at: dict[int, int] = {}
        """Frame in which a packet was decoded, by its number."""

    @property
    def numbers(self) -> list[int]:
        return self.numbered.decoded

    def run(self, until: float) -> Player:
        while self._tick * 0.02 <= until:
            now = self._tick * 0.02
            while self._waiting and self._waiting[0][0] <= now:
                at, sequence, timestamp, data = self._waiting.popleft()
                self._buffer.put(sequence, timestamp, data, self._codec, at)
            before = len(self.numbers)
            self.frames.append(self._buffer.frame(now))
            self.at.update((number, self._tick) for number in self.numbers[before:])
            self._tick += 1
        return self


def moved(arrivals: Arrivals, later: Callable[[int, float], float]) -> Arrivals:
    """The same packets, each `later(number, time)` seconds later."""
    return [(at + later(number, at), number, timestamp, data) for at, number, timestamp, data in arrivals]


@pytest.mark.req("RTP-31")
def test_even_arrivals_play_in_order_after_the_first_delay() -> None:
    player = Player(jitter_buffer(), steady(45)).run(1.2)
    assert all(len(frame) == 2 * FRAME for frame in player.frames)
    assert player.numbers == list(range(45))
    assert [player.at[number] - player.at[0] for number in range(45)] == list(range(45))
    assert 0.03 <= 0.02 * player.at[0] - 0.01 <= 0.05


@pytest.mark.req("RTP-31")
def test_a_reliable_path_starts_with_more_delay() -> None:
    player = Player(jitter_buffer(reliable=True), steady(45)).run(1.2)
    assert 0.07 <= 0.02 * player.at[0] - 0.01 <= 0.09


@pytest.mark.req("RTP-31")
def test_reordered_packets_play_in_order() -> None:
    buffer = jitter_buffer()
    player = Player(buffer, moved(steady(45), lambda n, _: 0.025 if n % 5 == 4 else 0)).run(1.2)
    assert player.numbers == list(range(45))
    assert buffer.figures.late == 0


@pytest.mark.req("RTP-13")
def test_duplicates_play_once() -> None:
    buffer = jitter_buffer()
    player = Player(buffer, steady(40) + moved(steady(40), lambda *_: 0.005)).run(1.2)
    assert player.numbers == list(range(40))
    assert buffer.figures.duplicates == 40


@pytest.mark.req("RTP-31")
def test_a_late_packet_is_counted_apart_and_not_played() -> None:
    buffer = jitter_buffer()
    player = Player(buffer, moved(steady(40), lambda n, _: 0.15 if n == 20 else 0)).run(1.2)
    assert player.numbers == [n for n in range(40) if n != 20]
    assert buffer.figures.late == 1
    assert buffer.figures.concealed == FRAME


def test_put_tells_what_became_of_a_packet() -> None:
    buffer = jitter_buffer()
    assert buffer.put(5, 800, bytes(160), PCMU, 0.0) is Put.KEPT
    assert buffer.put(5, 800, bytes(160), PCMU, 0.0) is Put.DUPLICATE
    assert buffer.put(4, 640, bytes(160), PCMU, 0.0) is Put.KEPT
    for tick in range(5):
        buffer.frame(tick * 0.02)
    assert buffer.put(5, 800, bytes(160), PCMU, 0.1) is Put.LATE


@pytest.mark.req("RTP-31")
@pytest.mark.parametrize("run", [1, 2, 5])
def test_lost_packets_are_concealed_and_time_is_kept(run: int) -> None:
    buffer = jitter_buffer()
    player = Player(buffer, [arrival for arrival in steady(45) if not 20 <= arrival[1] < 20 + run]).run(1.2)
    assert player.at[20 + run] - player.at[19] == 1 + run
    assert buffer.figures.concealed == run * FRAME
    assert buffer.figures.waits == 0


@pytest.mark.req("RTP-30")
def test_silence_of_the_peer_is_no_loss() -> None:
    """Timestamps jump while the numbering goes on: nothing was lost, the pause keeps its length."""
    buffer = jitter_buffer()
    after = [(at + 3.0, number, ts + 24_000, data) for at, number, ts, data in steady(20, first=20)]
    player = Player(buffer, steady(20) + after).run(4.2)
    assert player.numbers == list(range(40))
    assert player.at[20] - player.at[19] == pytest.approx(151, abs=1)
    assert buffer.figures.concealed == buffer.figures.waits == buffer.figures.stretched == 0


@pytest.mark.req("RTP-29")
@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60, 100, 150, 200])
@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda codec: codec.name)
def test_packets_of_any_length_play_whole(ptime_ms: int, codec: G711) -> None:
    samples = 8 * ptime_ms
    coded = codec.encode(melody())
    buffer = jitter_buffer()
    arrivals = [
        (i * samples / 8000 + 0.01, i, i * samples, coded[i * samples : (i + 1) * samples])
        for i in range(len(coded) // samples)
    ]
    heard = b"".join(Player(buffer, arrivals, codec).run(4.5).frames)
    assert codec.decode(coded[: len(arrivals) * samples]) in heard
    assert buffer.figures.concealed == 0


@pytest.mark.req("RTP-31")
@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.1])
def test_delay_adapts_to_jitter_and_stays_bounded(jitter: float) -> None:
    rng = random.Random(7)
    buffer = jitter_buffer()
    Player(buffer, moved(steady(3000), lambda *_: rng.random() * jitter)).run(60)
    assert max(0.02, jitter * 0.9) <= buffer.delay.delay <= max(0.03, jitter * 1.1)
    assert buffer.figures.late + buffer.figures.skipped <= 3000 * 0.04
    assert buffer.figures.played >= 3000 * 0.95


@pytest.mark.req("RTP-31")
def test_a_step_of_the_path_is_followed_both_ways() -> None:
    """The path becomes 100 ms longer and shorter again, as when a call moves to TCP and back."""
    buffer = jitter_buffer()
    Player(buffer, moved(steady(3500), lambda _, at: 0.1 if 20 <= at < 40 else 0)).run(69.9)
    assert buffer.figures.played > 3400
    held = [slot for slot, count in enumerate(buffer.figures.delays) for _ in range(count)]
    assert sorted(held)[len(held) // 2] <= 60
    assert buffer.delay.delay <= 0.03


@pytest.mark.req("RTP-31")
@pytest.mark.parametrize("ppm", [-300, -100, 100, 300])
def test_clocks_that_run_apart_do_not_move_the_depth(ppm: int) -> None:
    buffer = jitter_buffer()
    seconds = 600
    scale = 1 + ppm / 1e6
    arrivals = [(0.02 * i * scale + 0.01, i, FRAME * i, payload(i)) for i in range(seconds * 50)]
    Player(buffer, arrivals).run(seconds * min(1.0, scale) - 1)
    figures = buffer.figures
    assert max(slot for slot, count in enumerate(figures.delays) if count) <= 75
    assert figures.late == figures.skipped == figures.concealed == 0
    assert 1 <= figures.stretched <= 150


@pytest.mark.req("RTP-31")
def test_a_burst_after_a_stall_does_not_stay_in_the_delay() -> None:
    """TCP stops for 1.5 s and then delivers everything: old audio is skipped, the delay comes back."""
    buffer = jitter_buffer(reliable=True, round_trip=0.05)
    player = Player(buffer, moved(steady(1000), lambda _, at: 6.51 - at if 5 <= at < 6.5 else 0)).run(6.6)
    assert buffer.figures.skipped >= 60
    before = array("L", buffer.figures.delays)
    player.run(19.9)
    later = [slot for slot, count in enumerate(buffer.figures.delays) if count > before[slot]]
    assert max(later) <= 160
    assert buffer.figures.waits == 1


@pytest.mark.req("RTP-31")
def test_lost_tcp_segments_do_not_interrupt_once_the_round_trip_is_known() -> None:
    rng = random.Random(3)
    buffer = jitter_buffer(reliable=True, round_trip=0.05)
    free = 0.0
    arrivals: Arrivals = []
    for at, number, timestamp, data in steady(3000):
        free = max(free, at + (0.07 if rng.random() < 0.02 else 0.0))
        arrivals.append((free, number, timestamp, data))
    Player(buffer, arrivals).run(60)
    assert buffer.figures.waits + buffer.figures.late + buffer.figures.skipped == 0
    assert buffer.delay.delay == pytest.approx(0.11)


@pytest.mark.req("RTP-31")
def test_a_late_burst_makes_the_delay_grow_at_once_and_for_a_while() -> None:
    buffer = jitter_buffer()
    player = Player(buffer, moved(steady(1500), lambda _, at: max(0, 2.1 - at) if at >= 2 else 0))
    player.run(2.2)
    assert buffer.figures.waits == 1
    assert buffer.delay.delay >= 0.09
    player.run(3.5)
    assert buffer.delay.delay >= 0.09
    player.run(29)
    assert buffer.delay.delay <= 0.03
    assert buffer.figures.late == buffer.figures.skipped == 0


@pytest.mark.req("RTP-31")
def test_a_path_that_becomes_much_longer_is_no_burst() -> None:
    """400 ms more than before, beyond all bounds of the delay: after half a second that is the new path."""
    buffer = jitter_buffer()
    player = Player(buffer, moved(steady(1000), lambda _, at: 0.4 if at >= 5 else 0)).run(6.5)
    assert buffer.delay.base == pytest.approx(0.41)
    assert buffer.delay.delay <= 0.06
    skipped = buffer.figures.skipped
    assert skipped <= 30
    player.run(19)
    assert buffer.figures.skipped == skipped
    assert buffer.figures.waits <= 3


def test_audio_after_a_gap_is_blended_in() -> None:
    """A tone with packets missing has no step where it comes back."""
    tone = array("h", (round(9000 * math.sin(2 * math.pi * 213 * i / 8000)) for i in range(FRAME * 45)))
    coded = PCMU.encode(tone.tobytes())
    arrivals = [
        (0.02 * i + 0.01, i, FRAME * i, coded[FRAME * i : FRAME * (i + 1)])
        for i in range(45)
        if i not in (20, 30)
    ]
    heard = array("h", b"".join(Player(jitter_buffer(), arrivals, PCMU).run(0.8).frames))
    assert max(abs(b - a) for a, b in itertools.pairwise(heard)) <= 1.4 * 9000 * 2 * math.pi * 213 / 8000


@pytest.mark.req("RTP-31")
def test_capacity_is_bounded() -> None:
    buffer = jitter_buffer()
    for i in range(1000):
        buffer.put(i, FRAME * i, payload(i), PCMU, 0.0)
    assert len(buffer) == CONFIG.capacity
    assert buffer.figures.skipped == 1000 - CONFIG.capacity


def test_restart_takes_a_new_time_base() -> None:
    buffer = jitter_buffer()
    Player(buffer, steady(30)).run(0.6)
    buffer.restart()
    player = Player(buffer, [(at, 9000 + n, 10**6 + ts, data) for at, n, ts, data in steady(30)]).run(1)
    assert player.numbers == list(range(30))


trace = st.lists(
    st.tuples(
        st.floats(0, 0.4),  # how much later than even
        st.booleans(),  # lost
        st.sampled_from((80, 160, 480)),
    ),
    max_size=120,
)


@given(trace, st.booleans())
def test_any_arrivals_give_whole_frames_and_consistent_counts(
    packets: list[tuple[float, bool, int]], reliable: bool
) -> None:
    buffer = jitter_buffer(reliable=reliable)
    arrivals: Arrivals = []
    timestamp = 0
    for i, (late, lost, samples) in enumerate(packets):
        if not lost:
            arrivals.append((timestamp / 8000 + late, i, timestamp, payload(i, samples)))
        timestamp += samples
    player = Player(buffer, arrivals).run(timestamp / 8000 + 2.5)
    assert all(len(frame) == 2 * FRAME for frame in player.frames)
    assert player.numbers == sorted(set(player.numbers))
    figures = buffer.figures
    assert figures.played + figures.late + figures.skipped == len(arrivals)
    assert len(buffer) == 0
    assert sum(figures.delays) == figures.played == len(player.numbers)
