"""What the media of many calls costs: two processes, each the side of all calls; ours, or of others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import wave
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from media.audio.samples import melody
from tests.bench.calls.arrivals import percentile_ms
from tests.peers.process import PeerError, Program, Programs, until

Transport = Literal["udp", "tcp"]

_ROOT = Path(__file__).resolve().parents[3]

_RATE = 8000
_NICENESS = -15
_SETTLE_S = 3.0
"""From the last call that is up to the beginning of the measurement."""

_START_S = 30.0
_CALL_S = 0.3
"""The most that a call takes until it is up, on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Whose calls they are.

    Attributes:
        name: "icephone", or of the other project.
        python: interpreter with what is measured.
        module: runs one side (`tests.bench.calls.stage`).
    """

    name: str
    python: str
    module: str


OURS = Kind(name="icephone", python=sys.executable, module="tests.bench.calls.side")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaCost:
    """What was measured.

    Attributes:
        name: whose calls.
        calls: at the same time.
        transport: of their media.
        srtp: whether it was protected.
        seconds: that were measured.
        caller_ms: ms of CPU for each second of each call, of the side that called.
        callee_ms: the same of the other side.
        packets: that came for each call in a second; 50 were sent to it.
        gap_p50_ms: between two packets of a call, both sides together.
        gap_p99_ms: the same, of the worst hundredth.
        delay_p99_ms: how much later than the fastest packet of its call.
        rss_kb: memory of a call, of the side that needs more.
    """

    name: str
    calls: int
    transport: Transport
    srtp: bool
    seconds: float
    caller_ms: float
    callee_ms: float
    packets: float
    gap_p50_ms: float
    gap_p99_ms: float
    delay_p99_ms: float
    rss_kb: float

    @property
    def json(self) -> dict[str, Any]:
        """The form for programs."""
        return {
            "cpu_ms_per_call_s": {"caller": round(self.caller_ms, 3), "callee": round(self.callee_ms, 3)},
            "gap_ms": {"p50": self.gap_p50_ms, "p99": self.gap_p99_ms},
            "added_delay_ms": {"p99": self.delay_p99_ms},
            "rss_kb_per_call": round(self.rss_kb, 1),
            "packets_per_call_s": round(self.packets, 2),
            "calls": self.calls,
            "transport": self.transport,
            "srtp": self.srtp,
            "seconds": self.seconds,
        }


async def measure(kind: Kind, *, calls: int, transport: Transport, srtp: bool, seconds: float) -> MediaCost:
    """Let the two sides talk, and measure.

    Raises:
        PeerError: a side ended, or its calls are not up in time.
    """
    patience_s = _START_S + _CALL_S * calls
    with TemporaryDirectory(prefix="icephone-bench-") as folder:
        wav = Path(folder) / "said.wav"
        write_wav(wav, patience_s + _SETTLE_S + seconds)
        programs = Programs(Path(folder))
        try:
            common = ["--calls", str(calls), "--transport", transport, "--wav", str(wav)]
            common += ["--srtp"] * srtp
            callee = await _Side.start(programs, kind, "callee", common)
            target = (await callee.line(0, _START_S))["target"]
            caller = await _Side.start(programs, kind, "caller", [*common, "--target", target])
            await caller.line(0, patience_s)
            await callee.line(1, patience_s)
            await asyncio.sleep(_SETTLE_S)
            for side in (caller, callee):
                side.measure(seconds)
            await asyncio.sleep(seconds)
            found = [
                await caller.line(1, _START_S),
                await callee.line(2, _START_S),
            ]
        finally:
            await programs.stop()
    gaps, delays = (_together(each[name] for each in found) for name in ("gaps", "delays"))
    return MediaCost(
        name=kind.name,
        calls=calls,
        transport=transport,
        srtp=srtp,
        seconds=seconds,
        caller_ms=found[0]["cpu_ms_per_call_s"],
        callee_ms=found[1]["cpu_ms_per_call_s"],
        packets=sum(each["packets_per_call_s"] for each in found) / 2,
        gap_p50_ms=percentile_ms(gaps, 0.5),
        gap_p99_ms=percentile_ms(gaps, 0.99),
        delay_p99_ms=percentile_ms(delays, 0.99),
        rss_kb=max(each["rss_kb_per_call"] for each in found),
    )


def write_wav(path: Path, seconds: float) -> None:
    """Music that lasts so long."""
    tune = melody(_RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(tune * (int(seconds * _RATE * 2 / len(tune)) + 1))


def _together(slots: Iterable[dict[str, int]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for each in slots:
        found.update({int(slot): count for slot, count in each.items()})
    return found


def _prefer(pid: int) -> None:
    """What else this machine does is not to be measured; without root it is."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)
        # Linux may share the processors among sessions before it does among processes.
        Path(f"/proc/{pid}/autogroup").write_text(str(_NICENESS), encoding="ascii")


class _Side:
    """One running process."""

    def __init__(self, program: Program) -> None:
        self._program = program

    @classmethod
    async def start(cls, programs: Programs, kind: Kind, role: str, arguments: list[str]) -> _Side:
        command = [kind.python, "-m", kind.module, "--role", role, *arguments]
        program = await programs.start(
            f"{kind.name}-{role}", command, cwd=_ROOT, stdin=True, separate_output=True
        )
        _prefer(program.pid)
        return cls(program)

    def measure(self, seconds: float) -> None:
        self._program.write(f"{seconds}\n".encode())

    async def line(self, number: int, timeout_s: float) -> dict[str, Any]:
        """A line of its output, the first one is 0."""

        def written() -> bool:
            if self._program.exit_code is not None:
                raise PeerError(f"{self._program.name} ended: {self._program.text()[-2000:]}")
            return self._text().count("\n") > number

        await until(written, f"{self._program.name} writes line {number + 1}", timeout_s)
        found: dict[str, Any] = json.loads(self._text().splitlines()[number])
        return found

    def _text(self) -> str:
        return self._program.output.read_text(encoding="utf-8")
