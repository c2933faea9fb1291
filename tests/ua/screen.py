"""An output that keeps what a command shows."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from ua.cli.output import Output


class Screen(Output):
    """An output that keeps what it shows."""

    def __init__(self, *, json_results: bool = True, verbose: bool = False, sip_trace: bool = False) -> None:
        super().__init__(json_results=json_results, verbose=verbose, sip_trace=sip_trace)
        self.out, self.err = io.StringIO(), io.StringIO()
        self.stdout = Console(file=self.out, width=120, highlight=False, color_system=None)
        self.stderr = Console(file=self.err, width=120, highlight=False, color_system=None)


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The JSON lines on stdout."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
