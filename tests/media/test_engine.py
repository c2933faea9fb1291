from __future__ import annotations

import asyncio
import itertools
from typing import Any, cast

import pytest

from media.audio.sinks import MemorySink, NullSink
from media.audio.sources import SilenceSource, ToneSource
from media.codecs import PCMU
from media.engine import CALLS_PER_PHASE, MAXIMUM_PHASES, MediaEngine
from media.rtcp.compound import RtcpByePacket, parse
from media.rtp import packet as rtp
from media.session import MediaSession
from tests.media.network import End, Udp, Wire, seeded
from tests.media.virtual_loop import VirtualLoop, run_virtually


class Ticks(MediaSession):
    """A session that notes when it ticked."""

    def __init__(self, *, seed: int = 1, ptime_ms: int = 20, end: End | None = None) -> None:
        self.end = end or End(Wire(), Udp())
        super().__init__(
            rtp=self.end,
            rtcp=self.end,
            codec=PCMU,
            payload_type=0,
            source=SilenceSource(),
            sink=NullSink(),
            random=seeded(seed),
            ptime_ms=ptime_ms,
        )
        self.stands_for: list[float] = []
        self.happened: list[float] = []

    def tick(self, now: float) -> None:
        self.stands_for.append(now)
        self.happened.append(asyncio.get_running_loop().time())
        super().tick(now)


def virtual() -> VirtualLoop:
    return cast(VirtualLoop, asyncio.get_running_loop())


def test_deadlines_do_not_drift_however_long_the_work_takes() -> None:
    async def main() -> None:
        engine = MediaEngine()
        engine.start()
        session = Ticks()
        engine.add(session)
        start = virtual().time()
        for _ in range(3000):
            await asyncio.sleep(0.0193)
            virtual().stall(0.0031)  # work of somebody else
        ticks = session.stands_for
        assert ticks == pytest.approx([start + 0.02 * n for n in range(len(ticks))], abs=1e-9)
        assert len(ticks) == pytest.approx((virtual().time() - start) / 0.02, abs=2)
        assert max(b - a for a, b in zip(ticks, session.happened, strict=True)) <= 0.0032
        assert engine.skipped_frames == 0
        assert engine.latest_ms <= 3.2
        await engine.close()

    run_virtually(main())


def test_the_first_frame_goes_out_at_once() -> None:
    async def main() -> None:
        engine = MediaEngine()
        session = Ticks()
        engine.add(session)
        start = virtual().time()
        await asyncio.sleep(0.001)
        assert session.stands_for == [start]
        await engine.close()

    run_virtually(main())


def test_a_short_stall_is_caught_up_and_a_long_one_skipped() -> None:
    async def main() -> None:
        engine = MediaEngine()
        session = Ticks()
        engine.add(session)
        await asyncio.sleep(1.001)
        virtual().stall(0.07)
        await asyncio.sleep(0.02)
        assert engine.skipped_frames == 0
        assert [
            round(b - a, 6) for a, b in zip(session.stands_for, session.stands_for[1:], strict=False)
        ] == [0.02] * (len(session.stands_for) - 1)
        before = len(session.stands_for)
        virtual().stall(0.5)
        await asyncio.sleep(0.1)
        assert 23 <= engine.skipped_frames <= 25
        assert session.statistics.skipped_frames == engine.skipped_frames
        assert len(session.stands_for) - before <= 8
        steps = [
            round((b - a) / 0.02, 6) for a, b in zip(session.stands_for, session.stands_for[1:], strict=False)
        ]
        assert max(steps) == engine.skipped_frames + 1
        headers = [rtp.parse(packet) for packet in session.end.sent if not rtp.is_rtcp(packet)]
        jumps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(headers)]
        assert sorted(jumps)[-2:] == [160, 160 * (engine.skipped_frames + 1)]
        assert sum(header.marker for header in headers) == 1
        await engine.close()

    run_virtually(main())


def test_while_frames_are_caught_up_what_arrives_is_read() -> None:
    async def main() -> None:
        engine = MediaEngine()
        session = Ticks()
        engine.add(session)
        await asyncio.sleep(0.001)
        virtual().stall(0.07)
        sent = []
        for _ in range(10):
            sent.append(len(session.stands_for))
            await asyncio.sleep(0)
        assert {1, 2, 3, 4} <= set(sent)
        await engine.close()

    run_virtually(main())


def test_many_calls_are_spread_over_phases_and_one_timer() -> None:
    async def main() -> None:
        engine = MediaEngine()
        sessions = [Ticks(seed=seed) for seed in range(CALLS_PER_PHASE * MAXIMUM_PHASES + 10)]
        for session in sessions:
            engine.add(session)
        before = len(asyncio.all_tasks())
        await asyncio.sleep(0.5)
        assert len(asyncio.all_tasks()) == before
        timers = [handle for handle in cast(Any, virtual())._scheduled if not handle.cancelled()]
        assert len(timers) == 1
        phases: dict[float, int] = {}
        for session in sessions:
            phase = round(session.stands_for[-1] % 0.02, 6) % 0.02
            phases[phase] = phases.get(phase, 0) + 1
            assert len(session.stands_for) in (25, 26)
        assert len(phases) == MAXIMUM_PHASES
        assert max(phases.values()) <= CALLS_PER_PHASE + 2
        distances = sorted(phases)
        assert {round(b - a, 6) for a, b in itertools.pairwise(distances)} == {0.02 / MAXIMUM_PHASES}
        await engine.close()

    run_virtually(main())


def test_packet_times_may_differ() -> None:
    async def main() -> None:
        engine = MediaEngine()
        sessions = {ptime: Ticks(ptime_ms=ptime) for ptime in (10, 20, 30, 60)}
        for session in sessions.values():
            engine.add(session)
        await asyncio.sleep(3.001)
        for ptime, session in sessions.items():
            assert len(session.stands_for) == pytest.approx(3000 / ptime + 1, abs=1)
        await engine.close()

    run_virtually(main())


@pytest.mark.req("RTP-21")
def test_removing_says_bye_and_leaves_no_timer() -> None:
    async def main() -> None:
        engine = MediaEngine()
        stays, goes = Ticks(seed=1), Ticks(seed=2)
        engine.add(stays)
        engine.add(goes)
        await asyncio.sleep(0.1)
        engine.remove(goes)
        engine.remove(goes)
        ticks = len(goes.stands_for)
        await asyncio.sleep(0.1)
        assert len(goes.stands_for) == ticks
        assert len(engine) == 1
        assert isinstance(parse(goes.end.sent[-1])[-1], RtcpByePacket)
        assert goes.end.receiver is None
        await engine.close()
        assert not [handle for handle in cast(Any, virtual())._scheduled if not handle.cancelled()]
        with pytest.raises(RuntimeError, match="only once"):
            engine.add(stays)

    run_virtually(main())


def test_a_session_may_be_removed_while_it_ticks() -> None:
    async def main() -> None:
        engine = MediaEngine()

        class Leaves(Ticks):
            def tick(self, now: float) -> None:
                super().tick(now)
                if len(self.stands_for) == 3:
                    engine.remove(self)

        leaves, stays = Leaves(seed=1), Ticks(seed=2)
        engine.add(leaves)
        engine.add(stays)
        await asyncio.sleep(0.2)
        assert len(leaves.stands_for) == 3
        assert len(stays.stands_for) >= 10
        engine.remove(stays)
        await asyncio.sleep(0.1)
        await engine.close()

    run_virtually(main())


def test_a_session_that_fails_does_not_stop_the_others() -> None:
    async def main() -> None:
        engine = MediaEngine()
        problems: list[dict[str, Any]] = []
        virtual().set_exception_handler(lambda _, context: problems.append(context))

        class Broken(Ticks):
            def tick(self, now: float) -> None:
                raise ZeroDivisionError("a broken callback")

        broken, fine = Broken(seed=1), Ticks(seed=2)
        engine.add(broken)
        engine.add(fine)
        await asyncio.sleep(0.2)
        assert len(fine.stands_for) >= 10
        assert len(engine) == 1
        assert [type(problem["exception"]) for problem in problems] == [ZeroDivisionError]
        await engine.close()

    run_virtually(main())


def test_without_a_loop_nothing_starts() -> None:
    with pytest.raises(RuntimeError):
        MediaEngine().start()


async def test_real_time_keeps_20_ms() -> None:
    """On the real clock, in a real loop: the frames of half a second, none early."""
    engine = MediaEngine()
    end, sink = End(Wire(), Udp()), MemorySink()
    session = MediaSession(
        rtp=end,
        rtcp=end,
        codec=PCMU,
        payload_type=0,
        source=ToneSource(440),
        sink=sink,
        random=seeded(1),
    )
    engine.start()
    loop = asyncio.get_running_loop()
    started = loop.time()
    engine.add(session)
    await asyncio.sleep(0.5)
    elapsed = loop.time() - started
    await engine.close()
    frames = sum(not rtp.is_rtcp(packet) for packet in end.sent)
    assert frames + engine.skipped_frames == pytest.approx(elapsed / 0.02 + 1, abs=2)
    assert len(sink.pcm) == 320 * frames
