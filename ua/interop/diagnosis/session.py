"""Session descriptions as the event log holds them, with their keys masked: what a diagnosis asks of them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from ua.events import LogEntry
from ua.view.events import is_sent, message_text

STATIC: Final = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "18": "G729"}
"""Payload types that mean something without a=rtpmap (RFC 3551 §6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One m= line and what follows it.

    Attributes:
        line: as it stands.
        kind: audio, video ...
        port: 0 where it is refused.
        protocol: e.g. RTP/AVP.
        formats: payload types.
        rows: its other rows.
    """

    line: str
    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    rows: tuple[str, ...]

    def codec(self, payload_type: str) -> str:
        """Name and clock of a payload type, e.g. "PCMU/8000"; the number where nobody knows."""
        for row in self.rows:
            found = re.match(r"a=rtpmap:(\S+)\s+(\S+)", row)
            if found is not None and found[1] == payload_type:
                return found[2]
        return STATIC.get(payload_type, payload_type)

    @property
    def names(self) -> frozenset[str]:
        """The codecs, without clock, in upper case."""
        return frozenset(self.codec(each).partition("/")[0].upper() for each in self.formats)

    @property
    def event_clock(self) -> int | None:
        """Clock of the first telephone-event, None without one."""
        for each in self.formats:
            name, _, clock = self.codec(each).partition("/")
            if name.lower() == "telephone-event":
                return int(clock) if re.fullmatch(r"[1-9][0-9]{2,5}", clock) else 8000
        return None

    @property
    def ptime_ms(self) -> int | None:
        """What it says of the length of packets."""
        for row in self.rows:
            found = re.fullmatch(r"a=ptime:([0-9]{1,4})(\.0*)?", row.strip())
            if found is not None:
                return int(found[1])
        return None

    @property
    def direction(self) -> str:
        """The direction attribute, sendrecv where there is none."""
        for row in self.rows:
            if row.strip() in ("a=sendonly", "a=recvonly", "a=inactive"):
                return row.strip()[2:]
        return "sendrecv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A description.

    Attributes:
        at: monotonic seconds.
        sent: ours.
        rows: before the first m= line.
        streams: its m= lines.
    """

    at: float
    sent: bool
    rows: tuple[str, ...]
    streams: tuple[Stream, ...]

    @classmethod
    def read(cls, entry: LogEntry) -> Session:
        """The description of an entry."""
        blocks: list[list[str]] = [[]]
        for row in message_text(entry).split("\n"):
            if row.startswith("m="):
                blocks.append([])
            blocks[-1].append(row)
        return cls(
            at=entry.at,
            sent=is_sent(entry),
            rows=tuple(blocks[0]),
            streams=tuple(_stream(each) for each in blocks[1:]),
        )

    @property
    def audio(self) -> Stream | None:
        """The first audio stream that is not refused."""
        return next((each for each in self.streams if each.kind == "audio" and each.port), None)

    @property
    def host(self) -> str:
        """Where it wants its audio."""
        rows = (*(() if self.audio is None else self.audio.rows), *self.rows)
        found = next((row for row in rows if row.startswith("c=")), "")
        return found.partition("/")[0].rpartition(" ")[2].strip()

    def has(self, row: str) -> bool:
        """True where this row stands in it, or one that begins with it where it ends with a colon."""
        rows = (*self.rows, *(each for stream in self.streams for each in stream.rows))
        return any(each.strip() == row or (row.endswith(":") and each.startswith(row)) for each in rows)


def _stream(rows: list[str]) -> Stream:
    words = rows[0][2:].split()
    port = words[1].partition("/")[0] if len(words) > 1 else ""
    return Stream(
        line=rows[0],
        kind=words[0] if words else "",
        port=int(port) if re.fullmatch(r"[0-9]{1,5}", port) else 0,
        protocol=words[2] if len(words) > 2 else "",
        formats=tuple(words[3:]),
        rows=tuple(rows[1:]),
    )


def is_private(host: str) -> bool:
    """True for an address that means something in its own network only."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    shared = isinstance(address, ipaddress.IPv4Address) and address in ipaddress.ip_network("100.64.0.0/10")
    return (address.is_private or shared) and not address.is_loopback
