"""What is kept of a scenario, written while it happens: nothing of it is lost where the process is killed.

Every line and every packet goes to the system at once. Secrets are masked before they come here: the log has
none (`ua.sip.log`, `sdp.masking`), and the capture leaves out what a TURN password could be guessed from.
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ice.net.network import Network
from ice.types import TransportAddress
from ua import clock
from ua.errors import UsageError
from ua.events import EventLog, LogEntry
from ua.interop.capture import KEEP_BYTES as KEEP_PACKET_BYTES
from ua.interop.capture import Capture, CapturingNetwork
from ua.interop.event_lines import entry_line, first_line
from ua.interop.folder import EVENTS, INCOMPLETE, MAX_EVENT_BYTES, PACKETS, TRACE
from ua.view.events import is_message, is_sent
from ua.view.trace_lines import format_entry

KEEP_TRACE_BYTES: Final = 8 << 20
"""Bytes of one trace, at most."""

_LENGTH = re.compile(rb"(?im)^(content-length|l)([ \t]*:[ \t]*)\d+")

_SHOWN_PORT: Final = 5060
_HTTP_PORTS: Final = frozenset({80, 3128, 5985, 8080, 8088})
"""Ports at which readers of captures expect HTTP, where we have what went over a WebSocket."""


class EvidenceFile:
    """A file that takes what it is given at once, up to a limit.

    Args:
        path: the file; an existing one is replaced.
        keep_bytes: most bytes of it.
        note: says in the file that it ends there; None where the format has no place for it.

    Attributes:
        written: bytes so far.
        stopped: why nothing more is written; empty while it is.

    Raises:
        UsageError: the file cannot be made.
    """

    def __init__(self, path: Path, *, keep_bytes: int, note: str | None = None) -> None:
        self.path = path
        self.written = 0
        self.stopped = ""
        self._keep_bytes = keep_bytes
        self._note = note
        try:
            self._file = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644
            )
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}", hint="name another folder with --output"
            ) from error

    def write(self, data: bytes, /) -> bool:
        """Append `data` at once; False where nothing more is taken."""
        if self.stopped:
            return False
        if self.written + len(data) > self._keep_bytes:
            self.stopped = f"{self.path.name} ends after {self.written} bytes, at its limit"
            if self._note is not None:
                self._put(self._note.encode())
            return False
        return self._put(data)

    def _put(self, data: bytes) -> bool:
        try:
            while data:
                count = os.write(self._file, data)
                data = data[count:]
                self.written += count
        except OSError as error:
            self.stopped = f"{self.path.name} ends after {self.written} bytes: {error.strerror}"
            return False
        return True

    def close(self) -> None:
        """Close the file; does nothing twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self.stopped = self.stopped or "closed"


class Evidence:
    """Keeps the event log, the SIP trace and the packets of a scenario in its folder. A context manager.

    Args:
        folder: made where it is missing; files of a run before are replaced.
        log: the event log of the scenario; what it holds already is written first.

    Raises:
        UsageError: the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        log: EventLog,
        *,
        keep_event_bytes: int = MAX_EVENT_BYTES,
        keep_trace_bytes: int = KEEP_TRACE_BYTES,
        keep_packet_bytes: int = KEEP_PACKET_BYTES,
    ) -> None:
        self.folder = folder
        self._log = log
        self._limits = (keep_event_bytes, keep_trace_bytes, keep_packet_bytes)
        self._start: float | None = None
        self._files: list[EvidenceFile] = []
        self._leave = _nothing
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{folder} cannot be made: {error.strerror}", hint="name another folder with --output"
            ) from error

    def __enter__(self) -> Self:
        """Begin to write."""
        with contextlib.suppress(OSError):
            (self.folder / INCOMPLETE).unlink(missing_ok=True)
        events, trace, packets = self._limits
        try:
            self._events = self._open(EVENTS, events, '{"schema": 1, "ends": "at its limit of bytes"}\n')
            self._trace = self._open(TRACE, trace, "\nThe trace ends here, at its limit of bytes.\n")
            # The capture counts by itself, so that no packet is cut.
            self._packets = self._open(PACKETS, packets + 1, None)
        except UsageError:
            self._close_files()
            raise
        self._capture = Capture(self._packets, keep_bytes=packets)
        self._events.write(first_line(at=clock.now(), unix_s=clock.unix()).encode())
        for entry in self._log.entries:
            self._take(entry)
        self._leave = self._log.subscribe(self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close the files; what is not whole is told in a file of its own."""
        self._leave()
        self._leave = _nothing
        problems = self.problems
        self._close_files()
        if problems:
            with contextlib.suppress(OSError):  # the disk may be full, which is one of them
                (self.folder / INCOMPLETE).write_text("\n".join(problems) + "\n", encoding="utf-8")

    def network(self, inner: Network) -> CapturingNetwork:
        """`inner` as a network whose packets are written down."""
        return CapturingNetwork(inner, self._capture)

    @property
    def problems(self) -> tuple[str, ...]:
        """Which files are not whole, and why, one sentence each."""
        found = [file.stopped for file in self._files if file.stopped not in ("", "closed")]
        if self._capture.stopped and not self._packets.stopped.startswith(PACKETS):
            found.append(self._capture.stopped)
        return tuple(found)

    def _open(self, name: str, keep_bytes: int, note: str | None) -> EvidenceFile:
        file = EvidenceFile(self.folder / name, keep_bytes=keep_bytes, note=note)
        self._files.append(file)
        return file

    def _close_files(self) -> None:
        for file in self._files:
            file.close()

    def _take(self, entry: LogEntry) -> None:
        if self._start is None:
            self._start = entry.at
            moment = datetime.fromtimestamp(clock.unix() - clock.now() + entry.at, UTC)
            told = moment.isoformat(sep=" ", timespec="milliseconds")
            self._trace.write(f"Times are ms after {told}.\n\n".encode())
        self._events.write(entry_line(entry).encode())
        line = format_entry(entry, self._start, sip=True, rest=False)
        if line is not None:
            self._trace.write(line.encode("utf-8", "backslashreplace") + b"\n")
        if is_message(entry):
            self._capture_message(entry)

    def _capture_message(self, entry: LogEntry) -> None:
        transport = str(entry.data.get("transport", ""))
        local, remote = (address_of(entry.data.get(end)) for end in ("local", "remote"))
        if local is None or remote is None:
            return
        protocol = "udp" if transport == "udp" else "tcp"
        ends = (local, remote) if is_sent(entry) else (remote, local)
        if transport in ("ws", "wss"):
            ends = (_readable(ends[0]), _readable(ends[1]))
        self._capture.message(
            entry.at, protocol, *ends, whole(str(entry.data.get("text", ""))), sent=is_sent(entry)
        )


def _nothing() -> None:
    """Nobody to unsubscribe."""


def _readable(address: TransportAddress) -> TransportAddress:
    return TransportAddress(host=address.host, port=_SHOWN_PORT) if address.port in _HTTP_PORTS else address


def address_of(text: object) -> TransportAddress | None:
    """The address of "host:port", None where it is none."""
    host, _, port = str(text or "").rpartition(":")
    if not host or not port.isdecimal() or int(port) > 0xFFFF:
        return None
    return TransportAddress(host=host.removeprefix("[").removesuffix("]"), port=int(port))


def whole(text: str) -> bytes:
    """A logged message as bytes whose Content-Length is that of its body: masking has changed its length."""
    head, gap, body = text.partition("\r\n\r\n")
    content = body.encode("utf-8", "backslashreplace")
    lines = _LENGTH.sub(rb"\g<1>\g<2>%d" % len(content), head.encode("utf-8", "backslashreplace"), count=1)
    return lines + gap.encode() + content
