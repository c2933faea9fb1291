"""What is kept of an outcome, as far as the report shows it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ua.events import LogEntry
from ua.interop.folder import EVENTS, PACKETS, TRACE, read_events

MAX_READ: Final = 8 << 20
"""Bytes of an event log that are looked at: an hour of a call."""

MAX_FILES: Final = 30

_PLAIN = re.compile(r"[A-Za-z0-9_][\w.\[\]-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The folder of an outcome.

    Attributes:
        folder: where it is.
        files: names of what lies there, the event log, the trace and the packets first.
        entries: the event log.
        cut: the log is longer than what was read.
    """

    folder: Path
    files: tuple[str, ...]
    entries: tuple[LogEntry, ...]
    cut: bool = False

    def link(self, name: str, page: Path) -> str | None:
        """The file from the place of the page; None where there is no way from there."""
        try:
            way = os.path.relpath(self.folder.absolute() / name, page.absolute().parent)
        except ValueError:
            return None
        # With a dot in front nothing can pass for the scheme of a URI.
        return "./" + quote(way.replace(os.sep, "/"))


def attempts_of(scenario: str, attempts: int) -> list[str]:
    """Names of the folders of all attempts but the last one; none where the id would name another place."""
    if not _PLAIN.fullmatch(scenario):
        return []
    return [
        scenario if number == 1 else f"{scenario}.{number}" for number in range(1, min(attempts, MAX_FILES))
    ]


def kept_in(folder: Path, *, most: int = MAX_READ) -> Kept | None:
    """What lies in the folder, `most` bytes of its event log; None where there is nothing to read."""
    try:
        names = sorted(each.name for each in folder.iterdir() if each.is_file() and each.name[:1] != ".")
    except OSError:
        return None
    order = {name: number for number, name in enumerate((EVENTS, TRACE, PACKETS))}
    names.sort(key=lambda name: order.get(name, len(order)))
    entries, cut = read_events(folder, most=most)
    return Kept(folder=folder, files=tuple(names[:MAX_FILES]), entries=entries, cut=cut)
