"""`python -m tests.interop.matrix [PEER]...`: run the matrix, as root, and write docs/interop.md.

With names only those are run; the columns of the others stay as they are.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.interop.matrix.run import run_alone
from tests.interop.matrix.table import CELLS, Column, read, write
from tests.interop.matrix.worlds import WORLDS, described
from tests.peers.registry import PEERS
from ua.interop.catalog import all_scenarios
from ua.interop.outcome import Verdict
from ua.interop.results import RunResults

FILE = Path(__file__).parents[3] / "docs" / "interop.md"


def main(names: list[str]) -> int:
    """Exit code: 0, or 1 where something did not end as expected, 2 where it cannot be run."""
    unknown = [name for name in names if name not in WORLDS]
    if unknown:
        print(f"there are {', '.join(WORLDS)}, not {', '.join(unknown)}", file=sys.stderr)
        return 2
    chosen = names or list(WORLDS)
    lacking = {each for name in chosen for each in WORLDS[name].programs if not PEERS[each].present()}
    if lacking or os.geteuid() != 0:
        print(f"it needs root, and {', '.join(sorted(lacking)) or 'nothing else'}", file=sys.stderr)
        return 2
    known = read(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    columns: list[Column] = []
    unexpected = 0
    for name in WORLDS:
        if name not in chosen:
            columns.append(_as_it_was(name, known))
            continue
        results = run_alone(name, [])
        unexpected += _tell(results)
        if not unexpected:
            columns.append(Column.of(described(name), results.outcomes))
    if unexpected:
        return 1
    FILE.write_text(write(columns, all_scenarios()), encoding="utf-8")
    return 0


def _as_it_was(name: str, known: dict[str, dict[str, str]]) -> Column:
    verdicts = {cell: verdict for verdict, cell in CELLS.items()}
    cells = {each.id: known.get(each.id, {}).get(name, "-") for each in all_scenarios()}
    return Column(peer=described(name), verdicts={key: verdicts[cell] for key, cell in cells.items()})


def _tell(results: RunResults) -> int:
    """Print what a run came to; how much of it was not expected."""
    unexpected = [each for each in results.outcomes if each.verdict.unexpected]
    passed = sum(each.verdict is Verdict.PASSED for each in results.outcomes)
    print(f"{results.peer}: {passed} pass, {results.duration_s:.0f} s")
    for each in unexpected:
        seen = "" if each.failure is None else f"{each.failure.expected} | {each.failure.seen}"
        print(f"  {each.scenario}: {each.verdict} {each.reason}{seen}")
    for each in (each for each in results.outcomes if each.flaky):
        print(f"  {each.scenario}: passed at attempt {each.attempts}")
    return len(unexpected)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
