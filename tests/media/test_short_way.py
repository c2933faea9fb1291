"""A packet that follows the one before it takes a short way: it ends where the long way ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from media.codecs.opus import Opus
from media.rtp import packet as rtp
from media.rtp.stream import ReceivedStream
from media.statistics import MediaStatistics
from tests.media.bench import PEER, Bench


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One packet of the peer: how it differs from the one that follows the packet before it."""

    after_ms: int = 20
    skipped: int = 0
    jump: int = 0
    frames: int = 1
    payload_type: int = 0
    marker: bool = False
    ssrc: int = PEER
    repeated: bool = False
    extension: bool = False


PLAIN = Sent()
STEPS = st.one_of(
    st.just(PLAIN),
    st.builds(
        Sent,
        after_ms=st.sampled_from((0, 1, 20, 20, 20, 39, 300, 6000)),
        skipped=st.sampled_from((0, 0, 0, 1, 5, 4000)),
        jump=st.sampled_from((0, 0, 0, 160, 80_000, -160)),
        frames=st.sampled_from((1, 1, 0, 2, 20)),
        payload_type=st.sampled_from((0, 0, 8, 8, 77)),
        marker=st.booleans(),
        ssrc=st.sampled_from((PEER, PEER, PEER, PEER + 1)),
        repeated=st.booleans(),
        extension=st.booleans(),
    ),
)


def play(steps: list[Sent]) -> tuple[MediaStatistics, bytes, list[object], int]:
    """What a session makes of these packets, and how many took the short way."""
    bench = Bench(seed=3)
    sequence, timestamp, short = 65_500, (1 << 32) - 16_000, 0
    for number, step in enumerate(steps):
        bench.run(step.after_ms / 1000)
        sequence = (sequence + 1 + step.skipped) & 0xFFFF
        timestamp = (timestamp + 160 * step.skipped + step.jump) & 0xFFFFFFFF
        packet = rtp.build(
            payload_type=step.payload_type,
            marker=step.marker,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=step.ssrc,
            payload=bytes((number * 37 % 256,)) * (160 * step.frames),
        )
        if step.extension:
            packet = bytes((packet[0] | 0x10,)) + packet[1:12] + b"\xbe\xde\0\0" + packet[12:]
        timestamp = (timestamp + 160 * step.frames) & 0xFFFFFFFF
        stream = bench.session._receiver.active
        short += stream is not None and packet[:12] == stream.next_header
        for _ in range(1 + step.repeated):
            bench.rtp.deliver(packet, bench.now)
    bench.run(0.5)
    sent = [rtp.parse(each) for each in bench.rtp.sent if not rtp.is_rtcp(each)]
    events: list[object] = [*bench.events, *bench.counters, len(sent)]
    return bench.session.statistics, bench.heard, events, short


@contextmanager
def long_way() -> Iterator[None]:
    """No packet takes the short way."""
    follow = ReceivedStream.follow
    try:
        ReceivedStream.follow = lambda *_: False  # type: ignore[method-assign]
        yield
    finally:
        ReceivedStream.follow = follow  # type: ignore[method-assign]


@given(st.lists(STEPS, min_size=5, max_size=60))
def test_the_short_way_ends_where_the_long_way_ends(steps: list[Sent]) -> None:
    steps = [PLAIN] * 4 + steps
    figures, heard, events, short = play(steps)
    assert short > 0
    with long_way():
        assert play(steps)[:3] == (figures, heard, events)


# Opus frames of 20, 20, 10, 60 ms, and two that are malformed: three frames in no room, none at all.
TOCS = st.sampled_from((b"\x08", b"\x08", b"\x00", b"\x18", b"\x0b\xff", b"\x0b\x00"))


def play_opus(tocs: list[bytes]) -> tuple[MediaStatistics, bytes]:
    """Packets of one size that begin so, each 20 ms after the one before it."""
    bench = Bench(receive={111: Opus()})
    for number, toc in enumerate([b"\x08"] * 4 + tocs):
        bench.run(0.02)
        packet = rtp.build(
            payload_type=111,
            marker=False,
            sequence=number,
            timestamp=960 * number,
            ssrc=PEER,
            payload=toc.ljust(40, b"\x55"),
        )
        bench.rtp.deliver(packet, bench.now)
    bench.run(0.5)
    return bench.session.statistics, bench.heard


@given(st.lists(TOCS, max_size=20))
def test_packets_of_one_size_may_differ_in_length(tocs: list[bytes]) -> None:
    played = play_opus(tocs)
    with long_way():
        assert play_opus(tocs) == played
