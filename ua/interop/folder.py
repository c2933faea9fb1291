"""What lies in the folder of a scenario, and how its event log is read back."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ua.events import LogEntry
from ua.interop.event_lines import read_entries

EVENTS: Final = "events.jsonl"
"""The event log: a line of JSON for each entry."""

TRACE: Final = "sip.txt"
"""Every SIP message, for people."""

PACKETS: Final = "packets.pcap"
"""What the sockets of the scenario sent and received, and the SIP messages."""

TRACEBACK: Final = "traceback.txt"
"""Where in icephone a mistake of ours was made; not there where none was."""

INCOMPLETE: Final = "incomplete.txt"
"""Which of these is not whole, and why; not there where all are."""

MAX_EVENT_BYTES: Final = 24 << 20
"""No event log of ours is longer."""


def read_events(folder: Path, *, most: int = MAX_EVENT_BYTES) -> tuple[tuple[LogEntry, ...], bool]:
    """The event log that is kept in a folder, and whether it is longer than what was read.

    It is empty where there is none. Lines that are no entries are left out: the last one of a process that
    was killed may be half.
    """
    try:
        with (folder / EVENTS).open("rb") as file:
            data = file.read(most + 1)
    except OSError:
        return (), False
    # Not by `splitlines`, which takes more than line feeds for the ends of lines.
    lines = data[:most].decode("utf-8", "replace").split("\n")
    return read_entries(line for line in lines if line), len(data) > most
