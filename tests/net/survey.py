"""Surveys random pairs of networks: do two agents find a path wherever there is one?

    python -m tests.net.survey --networks 5000 --seed 1 [--json] [--jobs 1]

A path is possible where brute force finds one (`tests.net.reachability`), for every component. Prints what
was found and missed, every fault with the number that builds its network again (`--only`), and how long
after the floor of the protocol the controlling agent had its path: two round trips over UDP (check,
nomination), three over TCP (connect, check, nomination). In a quarter of the calls the path is taken away
then: an interface goes down, or connections are reset. The agents find it again, or begin anew with new
descriptions; that too is compared with brute force. Exit code 1 where anything is missed or faulty.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field

from tests.net.examination import Finding, examine


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All findings of a survey."""

    networks: int
    found: int
    possible: int
    impossible: int
    missed: int
    moves: int
    moves_possible: int
    moved: int
    moves_missed: int
    cut_off: int
    over_tcp: int
    faults: int
    over_floor_ms: dict[str, float] = field(default_factory=dict)
    failed_after_s: dict[str, float] = field(default_factory=dict)


# --- the report -------------------------------------------------------------------------------------------


def summarise(findings: Iterable[Finding]) -> Summary:
    """Count."""
    findings = tuple(findings)
    return Summary(
        networks=len(findings),
        found=sum(finding.found for finding in findings),
        possible=sum(finding.possible for finding in findings),
        impossible=sum(not finding.possible for finding in findings),
        missed=sum(finding.missed for finding in findings),
        moves=sum(finding.move is not None for finding in findings),
        moves_possible=sum(finding.move is not None and finding.move.possible for finding in findings),
        moved=sum(finding.move is not None and finding.move.moved for finding in findings),
        moves_missed=sum(finding.move_missed for finding in findings),
        cut_off=sum(finding.cut_off for finding in findings),
        over_tcp=sum(finding.over_tcp for finding in findings),
        faults=sum(bool(finding.faults) for finding in findings),
        over_floor_ms=_distribution([f.over_floor_ms for f in findings if f.over_floor_ms is not None]),
        failed_after_s=_distribution([f.failed_after_s for f in findings if f.failed_after_s is not None]),
    )


def _distribution(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    values.sort()
    shares = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: round(values[round(share * (len(values) - 1))], 3) for name, share in shares.items()}


def _print(summary: Summary, wrong: Sequence[Finding], elapsed_s: float) -> None:
    for finding in wrong:
        missed = ["missed"] * finding.missed + ["move missed"] * finding.move_missed
        what = "; ".join((*missed, *finding.faults))
        print(f"network {finding.number}: {what}")
        print(f"    A: {finding.notes[0]}\n    B: {finding.notes[1]}")
    for name in ("networks", "possible", "impossible", "found", "missed", "faults"):
        print(f"{name}: {getattr(summary, name)}")

    hopeless = summary.moves - summary.moves_possible
    print(f"moved: {summary.moved} of {summary.moves_possible} (no path was left in {hopeless} others)")
    print(f"moves missed: {summary.moves_missed}")

    def line(values: dict[str, float]) -> str:
        return ", ".join(f"{name} {value:.0f}" for name, value in values.items()) or "none"

    print(f"possible only with candidates beyond the limit of a description: {summary.cut_off}")
    print(f"found over TCP where UDP was possible: {summary.over_tcp}")
    print(f"nominated after the floor, ms: {line(summary.over_floor_ms)}")
    print(f"failed after, s: {line(summary.failed_after_s)}")
    processor_s = sum(os.times()[:4])
    rates = (summary.networks / seconds * 60 for seconds in (elapsed_s, processor_s))
    print("{:.0f} networks a minute, {:.0f} for each minute of a processor".format(*rates))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.net.survey", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--networks", type=int, default=1000, help="how many pairs of networks")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other networks")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one network of an earlier survey")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one per CPU)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    numbers = numbers_of(options.seed, options.networks) if options.only is None else [options.only]
    started = time.monotonic()
    if min(options.jobs, len(numbers)) > 1:
        with ProcessPoolExecutor(options.jobs) as pool:
            findings = list(pool.map(examine, numbers, chunksize=20))
    else:
        findings = [examine(number) for number in numbers]
    summary = summarise(findings)
    wrong = [finding for finding in findings if finding.missed or finding.move_missed or finding.faults]
    if options.json:
        print(json.dumps({**asdict(summary), "wrong": [asdict(finding) for finding in wrong]}))
    else:
        _print(summary, wrong, time.monotonic() - started)
    return 1 if wrong else 0


def numbers_of(seed: int, networks: int) -> list[int]:
    """The numbers of the networks of a seed."""
    return [seed * 1_000_000 + n for n in range(networks)]


if __name__ == "__main__":
    sys.exit(main())
