"""Two `icephone ice pair` in processes of their own, joined by files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.peers.icephone import ROOT, command
from tests.peers.process import PeerError, Program, Programs

_FROM_FILE = 'exec "$@" <"$0"'
"""A shell that gives a file as standard input: $0 is the file."""


class PairSide:
    """One running `icephone ice pair --json`.

    Attributes:
        program: its process.
    """

    def __init__(self, program: Program) -> None:
        self.program = program

    @property
    def output(self) -> bytes:
        """What it has written to standard output so far."""
        return self.program.output.read_bytes()

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects on standard error so far."""
        lines = self.program.text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    async def result(self, timeout_s: float = 100.0, *, exit_code: int = 0) -> dict[str, Any]:
        """Wait until it ends with `exit_code`; its result."""
        code = await self.program.ended(timeout_s)
        results = [each for each in self.objects if "result" in each]
        if code != exit_code or len(results) != 1:
            raise PeerError(f"it ended with {code} and {len(results)} results: {self.program.text()[-2000:]}")
        return results[0]


async def pair_side(
    programs: Programs,
    *arguments: str | Path,
    given: Path | None = None,
    ice: str = "",
    prefix: Sequence[str] = (),
) -> PairSide:
    """Start `icephone ice pair`.

    Args:
        programs: of the test.
        arguments: its options.
        given: file that is its standard input; None leaves it open, to be written to.
        ice: what its configuration says in [ice].
        prefix: command that runs it elsewhere, e.g. in a network namespace.
    """
    config = programs.folder / f"pair-{len(programs.started)}.toml"
    config.write_text(f"[ice]\n{ice}\n", encoding="utf-8")
    program = await programs.start(
        "icephone-pair",
        [
            *prefix,
            *(() if given is None else ("sh", "-c", _FROM_FILE, given)),
            *command(),
            *("ice", "pair", "--json", *map(str, arguments)),
        ],
        environment={"ICEPHONE_CONFIG": str(config), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        stdin=given is None,
        separate_output=True,
    )
    return PairSide(program)
