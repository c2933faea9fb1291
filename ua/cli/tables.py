"""Results of calls as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from ua.results import CallResult
from ua.view.result_rows import result_rows
from ua.view.text import printable


def result_table(results: Sequence[CallResult]) -> Table:
    """A column per result."""
    table = Table(box=box.SIMPLE_HEAD, show_header=len(results) > 1, pad_edge=False)
    table.add_column("", style="dim", no_wrap=True)
    for result in results:
        table.add_column(printable(result.party) or "this phone", overflow="fold")
    for name, values in result_rows(results):
        table.add_row(name, *(Text(printable(value)) for value in values))
    return table
