"""The cases on real sockets: two network namespaces, a link with delay, each agent a process of its own."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from ice.config import IceConfig
from ice.description import dump_description, load_description
from ice.types import Description, Role, Transport
from tests.bench.nominate.cases import CASES, DEADLINE_S, ROUND_TRIP_S, Case, Measurement
from tests.bench.nominate.others import Other, installed
from tests.peers.delayed_link import INTERFACE, DelayedLink, delayed_link
from tests.peers.namespace import Namespace
from tests.peers.process import PeerError, Program, Programs, until

_ROOT = Path(__file__).resolve().parents[3]

_SPARE_S = 20.0
"""A run that takes so much longer than its deadline does not end any more."""

_AHEAD_S = 0.1
"""Two processes that are told of a time so far ahead are ready when it comes."""


class Ours:
    """A running process with one of our sessions."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._patience_s = 0.0

    @classmethod
    async def start(
        cls, programs: Programs, namespace: Namespace, role: Role, case: Case, *, components: int
    ) -> Ours:
        """Start it; it has gathered on return."""
        ours = cls(
            await programs.start(
                f"icephone-{role}",
                [
                    *namespace.prefix,
                    sys.executable,
                    *("-m", "tests.bench.nominate.agent", "--role", role.value, "--interface", INTERFACE),
                    *("--components", str(components), "--patience", f"{_patience_s(case):g}"),
                    *(["--no-udp"] * (not case.udp_offered)),
                ],
                cwd=_ROOT,
                stdin=True,
                separate_output=True,
            )
        )
        ours._patience_s = _patience_s(case)
        await ours._line(0, _SPARE_S)
        return ours

    async def description(self) -> Description:
        """What it tells its peer."""
        return load_description(await self._line(0, _SPARE_S))

    def set_remote(self, remote: Description, begin_at: float) -> None:
        """Tell it the peer's description, and when its checks begin: monotonic seconds."""
        self._program.write(f"{dump_description(remote)}\n{begin_at}\n".encode())

    async def outcome(self) -> dict[str, Any]:
        """How its checks ended."""
        found: dict[str, Any] = json.loads(await self._line(1, self._patience_s + _SPARE_S))
        return found

    async def _line(self, number: int, timeout_s: float) -> str:
        def written() -> bool:
            if self._program.exit_code is not None:
                raise PeerError(f"{self._program.name} ended: {self._program.text()[-2000:]}")
            return self._text().count("\n") > number

        await until(written, f"{self._program.name} writes line {number + 1}", timeout_s)
        return self._text().splitlines()[number]

    def _text(self) -> str:
        return self._program.output.read_text(encoding="utf-8")


async def measure(link: DelayedLink, programs: Programs, case: Case, *, components: int = 1) -> Measurement:
    """Run a case with ours on both sides; the controlling side is measured.

    Raises:
        PeerError: an agent ended or did not come to an end.
    """
    await _apply(link, case, controlling=link.left, controlled=link.right)
    left = await Ours.start(programs, link.left, Role.CONTROLLING, case, components=components)
    right = await Ours.start(programs, link.right, Role.CONTROLLED, case, components=components)
    for_left, for_right = await right.description(), await left.description()
    begin_at = time.monotonic() + _AHEAD_S
    left.set_remote(for_left, begin_at)
    right.set_remote(for_right, begin_at)
    outcome = await left.outcome()
    await right.outcome()
    return _measurement(case, outcome, peer="icephone", role=Role.CONTROLLING, components=components)


async def measure_other(
    link: DelayedLink, programs: Programs, case: Case, other: Other, role: Role
) -> Measurement:
    """Run a case against somebody else; ours is measured, in `role`. Raises PeerError as `measure` does."""
    ends = {role: link.left, role.other: link.right}
    await _apply(link, case, controlling=ends[Role.CONTROLLING], controlled=ends[Role.CONTROLLED])
    ours = await Ours.start(programs, link.left, role, case, components=1)
    async with other.start(programs, role.other.value, case.udp_offered, link.right) as peer:
        for_peer = await ours.description()
        ours.set_remote(peer.description, time.monotonic())
        peer.tell(for_peer)
        outcome = await ours.outcome()
    return _measurement(case, outcome, peer=other.name, role=role, components=1)


async def measure_all(
    *, repeat: int, tell: Callable[[str], None]
) -> tuple[list[Measurement], list[Measurement]]:
    """All cases, and those between two of ours with two components.

    Args:
        repeat: runs of each case that has a path; the one with the median time is given.
        tell: gets the progress.

    Raises:
        PeerError: an agent ended or did not come to an end.
    """
    measured: list[Measurement] = []
    information: list[Measurement] = []

    async def often(case: Case, run: Callable[[Programs], Awaitable[Measurement]]) -> Measurement:
        runs = []
        for _ in range(repeat if case.transport else 1):
            async with _programs() as programs:
                runs.append(await run(programs))
        middle = median(runs)
        tell(_progress(middle))
        return middle

    async with installed(tell) as others, delayed_link(ROUND_TRIP_S / 2) as link:
        tell(f"delay: {'netem' if link.kernel else 'TAP devices'}")
        for case in CASES:
            measured.append(await often(case, partial(measure, link, case=case)))
            information.append(await often(case, partial(measure, link, case=case, components=2)))
            for other, role in product(others, Role):
                if other.finds(case, role):
                    run = partial(measure_other, link, case=case, other=other, role=role)
                    measured.append(await often(case, run))
    return measured, information


def median(runs: Sequence[Measurement]) -> Measurement:
    """One that went wrong before all others; else the one in the middle."""
    ordered = sorted(runs, key=lambda one: (one.problem == "", one.nominated_ms or 0.0))
    middle = ordered[0] if ordered[0].problem else ordered[len(ordered) // 2]
    times = sorted(one.nominated_ms for one in runs if one.nominated_ms is not None)
    return replace(middle, runs_ms=tuple(times))


def _progress(one: Measurement) -> str:
    times = (one.nominated_ms, one.failed_ms)
    text = "/".join("-" if time is None else f"{time:.0f} ms" for time in times)
    sides = f"{one.peer}, ours {one.role}, components {one.components}"
    return f"{one.case.name}, {sides}: {text} {one.problem}".rstrip()


@asynccontextmanager
async def _programs() -> AsyncIterator[Programs]:
    with tempfile.TemporaryDirectory(prefix="icephone-bench-") as folder:
        programs = Programs(Path(folder))
        try:
            yield programs
        finally:
            await programs.stop()


async def _apply(link: DelayedLink, case: Case, *, controlling: Namespace, controlled: Namespace) -> None:
    await link.filter(controlling, udp=case.udp_passes, dials=Role.CONTROLLED in case.dials)
    await link.filter(controlled, udp=case.udp_passes, dials=Role.CONTROLLING in case.dials)


def _patience_s(case: Case) -> float:
    return DEADLINE_S if case.transport is None else IceConfig().patience_s


def _measurement(
    case: Case, outcome: dict[str, Any], *, peer: str, role: Role, components: int
) -> Measurement:
    transport = outcome["transport"]
    return Measurement(
        case=case,
        mode="sockets",
        peer=peer,
        role=role,
        components=components,
        transport=None if transport is None else Transport(transport),
        nominated_ms=outcome["nominated_ms"],
        failed_ms=outcome["failed_ms"],
        given_up=outcome["given_up"],
        deadline_ms=_patience_s(case) * 1000,
    )
