"""`icephone test list` and `icephone test peers`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from ua.errors import ResultCode
from ua.interop.catalog import select
from ua.interop.peer_file import load_settings, shipped
from ua.results import SCHEMA
from ua.view.text import printable

if TYPE_CHECKING:
    from ua.cli.output import Output


def show_scenarios(words: Sequence[str], output: Output) -> ResultCode:
    """The scenarios that `words` mean. Raises UsageError."""
    scenarios = select(words)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("what should happen", overflow="fold")
    table.add_column("rfc", style="dim", overflow="fold")
    table.add_column("needs", style="dim", overflow="fold")
    for each in scenarios:
        name = f"{each.id} *" if each.basic else each.id
        table.add_row(name, Text(each.title), each.rfc, ", ".join(sorted(each.needs)))
    output.text(table)
    output.text(f"{len(scenarios)} scenarios; * belongs to 'basic'")
    output.object({"schema": SCHEMA, "scenarios": [each.to_json() for each in scenarios]})
    return ResultCode.OK


def show_peers(output: Output) -> ResultCode:
    """The peers that come with icephone. Raises ConfigurationError."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    table.add_column("known limits", justify="right")
    table.add_column("file", style="dim", overflow="fold")
    objects = []
    for name, path in shipped().items():
        settings = load_settings(path)
        table.add_row(name, Text(printable(settings.title)), str(len(settings.limits)), str(path))
        objects.append(
            {
                "name": name,
                "title": settings.title,
                "path": str(path),
                "extensions": {str(name): number for name, number in settings.extensions.items()},
                "offers": list(settings.offers),
                "limits": [dataclasses.asdict(each) for each in settings.limits],
            }
        )
    output.text(table)
    output.object({"schema": SCHEMA, "peers": objects})
    return ResultCode.OK
