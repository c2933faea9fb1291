"""Our calls, and those of other projects in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.calls.media import OURS, MediaCost, Transport, measure
from tests.bench.calls.others.environment import OTHERS
from tests.peers.process import PeerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was measured.

    Attributes:
        ours: our calls.
        others: those of others.
        problems: why those of others could not be measured, by name.
    """

    ours: MediaCost
    others: tuple[MediaCost, ...]
    problems: dict[str, str]

    @property
    def json(self) -> dict[str, Any]:
        """The form for programs; with others each of their figures has its ratio to ours beside it."""
        found = {"schema": 1, **self.ours.json}
        if self.others or self.problems:
            peers: dict[str, Any] = {
                each.name: {
                    **each.json,
                    "ratio": ratio(self.ours.json, each.json),
                    "note": OTHERS[each.name].note,
                }
                for each in self.others
            }
            found["peers"] = peers | {name: {"problem": text} for name, text in self.problems.items()}
        return found


async def compare(
    peers: Sequence[str], *, calls: int, transport: Transport, srtp: bool, seconds: float
) -> Comparison:
    """Measure ours, then each of the others: on few processors they would disturb each other.

    Raises:
        PeerError: ours could not be measured.
    """
    ours = await measure(OURS, calls=calls, transport=transport, srtp=srtp, seconds=seconds)
    others: list[MediaCost] = []
    problems: dict[str, str] = {}
    for name in dict.fromkeys(peers):
        try:
            kind = await OTHERS[name].kind()
            # They have UDP alone, and their own mind about protection.
            others.append(await measure(kind, calls=calls, transport="udp", srtp=False, seconds=seconds))
        except PeerError as error:
            problems[name] = str(error)
    return Comparison(ours=ours, others=tuple(others), problems=problems)


def ratio(ours: Any, theirs: Any) -> Any:
    """Theirs by ours, figure by figure; None where that says nothing."""
    if isinstance(ours, dict):
        names = (
            "cpu_ms_per_call_s",
            "gap_ms",
            "added_delay_ms",
            "rss_kb_per_call",
            "caller",
            "callee",
            "p50",
            "p99",
        )
        return {name: ratio(ours[name], theirs[name]) for name in names if name in ours}
    return round(theirs / ours, 2) if ours else None


def table(found: Comparison) -> str:
    """For people."""
    ours = found.ours
    protected = " with SRTP" if ours.srtp else ""
    columns = (
        f"{'CPU ms/call-s':>22}{'gap p50':>9}{'p99 ms':>8}{'delay p99':>11}{'kB/call':>9}{'packets/s':>11}"
        f"{'CPU ratio':>11}"
    )
    lines = [f"{ours.calls} calls over {ours.transport}{protected}, {ours.seconds:g} s", f"{'':12}{columns}"]
    for each in (ours, *found.others):
        cpu = f"{each.caller_ms:.2f} / {each.callee_ms:.2f}"
        share = (each.caller_ms + each.callee_ms) / (ours.caller_ms + ours.callee_ms)
        lines.append(
            f"{each.name:12}{cpu:>22}{each.gap_p50_ms:9.1f}{each.gap_p99_ms:8.1f}{each.delay_p99_ms:11.1f}"
            f"{each.rss_kb:9.0f}{each.packets:11.1f}{share:11.1f}"
        )
        if each.name in OTHERS:
            lines.append(f"{'':12}({OTHERS[each.name].note})")
    lines += [f"{name:12}not measured: {text}" for name, text in found.problems.items()]
    return "\n".join(lines)
