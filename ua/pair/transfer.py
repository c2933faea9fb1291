"""What two ends of a pipe tell each other over a reliable stream: data, room, the end, and that all arrived.

Records of one byte for the kind, four for the length (big-endian) and that many bytes:

    DATA     bytes of the pipe, 1 to 65536
    ROOM     8 bytes: how many bytes the reader has passed on so far; the writer may be `WINDOW` ahead
    END      8 bytes and 32: how many bytes there were in all, and their SHA-256; no DATA follows
    DONE     empty: all up to the END was passed on
    BYE      empty: both have told DONE; who has told it and heard it may leave

So memory is bounded on both sides however slowly the reader reads, and a pipe ends well only when every byte
was passed on: nothing is cut off in silence.
"""

from __future__ import annotations

import enum
import hashlib

WINDOW = 2 * 1024 * 1024
"""Bytes that may be on their way or waiting for the reader: 20 MB/s at a round trip of 100 ms."""

MAX_DATA = 65536
"""Bytes in one DATA record."""

_HEADER = 5


class Record(enum.IntEnum):
    """Kinds of records."""

    DATA = 1
    ROOM = 2
    END = 3
    DONE = 4
    BYE = 5


_LENGTHS = {Record.ROOM: 8, Record.END: 40, Record.DONE: 0, Record.BYE: 0}


class Transfer:
    """Both directions of one pipe, seen from one end.

    Feed it what the stream brings (`receive`), what our input gives (`send`, `end`) and what our output took
    (`passed_on`); send what `take_outgoing` gives and write out what `take_incoming` gives.

    Attributes:
        sent_bytes: bytes of our input so far.
        received_bytes: bytes of the other side's input so far.
        peer_ended: True once all of the other side's input is here.
        peer_left: True once the other side has told BYE: it needs nothing more.
        failure: what the other side did wrong, empty while it did nothing; nothing is read after it.
    """

    def __init__(self, *, window: int = WINDOW) -> None:
        self.sent_bytes = 0
        self.received_bytes = 0
        self.peer_ended = False
        self.peer_left = False
        self.failure = ""
        self._window = window
        self._buffer = bytearray()
        self._outgoing: list[bytes] = []
        self._incoming: list[bytes] = []
        self._sent_hash = hashlib.sha256()
        self._received_hash = hashlib.sha256()
        self._ended = False
        self._peer_passed_on = 0
        self._peer_done = False
        self._passed_on = 0
        self._room_told = 0
        self._done = False

    # --- our input ------------------------------------------------------------------------------------------

    @property
    def may_send(self) -> int:
        """Bytes that the other side has room for."""
        return self._window - (self.sent_bytes - self._peer_passed_on)

    def send(self, data: bytes) -> None:
        """Give bytes of our input; ValueError where there is no room for them, or after `end`."""
        if self._ended or len(data) > self.may_send:
            raise ValueError("no room for this, or after the end")
        self.sent_bytes += len(data)
        self._sent_hash.update(data)
        for start in range(0, len(data), MAX_DATA):
            self._put(Record.DATA, data[start : start + MAX_DATA])

    def end(self) -> None:
        """Our input has ended; may be called once."""
        if self._ended:
            raise ValueError("the input has ended already")
        self._ended = True
        self._put(Record.END, self.sent_bytes.to_bytes(8, "big") + self._sent_hash.digest())

    # --- our output -----------------------------------------------------------------------------------------

    def take_incoming(self) -> list[bytes]:
        """What is to be written out, in order."""
        taken, self._incoming = self._incoming, []
        return taken

    def passed_on(self, count: int) -> None:
        """Our output took `count` more bytes; ValueError where there were not so many."""
        self._passed_on += count
        if self._passed_on > self.received_bytes:
            raise ValueError("more was passed on than came")
        # A quarter of the window at a time: few records, and the writer never waits for the last one.
        if self._passed_on - self._room_told >= self._window // 4:
            self._room_told = self._passed_on
            self._put(Record.ROOM, self._passed_on.to_bytes(8, "big"))
        self._tell_done()

    def _tell_done(self) -> None:
        if self.peer_ended and self._passed_on == self.received_bytes and not self._done:
            self._done = True
            self._put(Record.DONE, b"")
            self._tell_bye()

    def _tell_bye(self) -> None:
        if self.finished:
            self._put(Record.BYE, b"")

    # --- the stream -----------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """True once both ends have ended and both have passed on all that came."""
        return self._done and self._peer_done and not self.failure

    @property
    def delivered(self) -> bool:
        """True once the other side has passed on all of our input."""
        return self._peer_done

    @property
    def received(self) -> bool:
        """True once we have passed on all of the other side's input."""
        return self._done

    def take_outgoing(self) -> bytes:
        """What is to be sent on the stream."""
        taken = b"".join(self._outgoing)
        self._outgoing.clear()
        return taken

    @property
    def sent_sha256(self) -> str:
        """SHA-256 of our input so far, hexadecimal."""
        return self._sent_hash.hexdigest()

    @property
    def received_sha256(self) -> str:
        """SHA-256 of the other side's input so far, hexadecimal."""
        return self._received_hash.hexdigest()

    def receive(self, data: bytes) -> None:
        """Take bytes of the stream, in any pieces; a fault of the other side shows in `failure`."""
        self._buffer += data
        start = 0
        while (end := self._read_one(start)) is not None:
            start = end
        del self._buffer[:start]

    def _read_one(self, start: int) -> int | None:
        """Read the record that begins at `start`; where it ends, None where it is not whole or wrong."""
        if self.failure or len(self._buffer) - start < _HEADER:
            return None
        kind = self._buffer[start]
        length = int.from_bytes(self._buffer[start + 1 : start + _HEADER], "big")
        end = start + _HEADER + length
        if not self._possible(kind, length) or len(self._buffer) < end:
            return None
        self._read(Record(kind), bytes(self._buffer[start + _HEADER : end]))
        return end

    def _possible(self, kind: int, length: int) -> bool:
        if kind == Record.DATA:
            possible = 1 <= length <= MAX_DATA
        else:
            possible = kind in _LENGTHS and length == _LENGTHS[Record(kind)]
        if not possible:
            self.failure = f"a record of kind {kind} with {length} bytes"
        return possible

    def _read(self, record: Record, payload: bytes) -> None:
        match record:
            case Record.DATA:
                self._data(payload)
            case Record.ROOM:
                passed_on = int.from_bytes(payload, "big")
                if not self._peer_passed_on <= passed_on <= self.sent_bytes:
                    self.failure = f"room after {passed_on} bytes, of {self.sent_bytes} that were sent"
                self._peer_passed_on = passed_on
            case Record.END:
                self._end(int.from_bytes(payload[:8], "big"), payload[8:])
            case Record.DONE:
                if not self._ended or self._peer_done:
                    self.failure = "DONE before the end, or twice"
                self._peer_done = True
                self._tell_bye()
            case Record.BYE:
                if not self._peer_done:
                    self.failure = "BYE before DONE"
                self.peer_left = True

    def _data(self, payload: bytes) -> None:
        if self.peer_ended:
            self.failure = "data after the end"
        elif self.received_bytes + len(payload) - self._room_told > self._window:
            self.failure = "more data than there was room for"
        else:
            self.received_bytes += len(payload)
            self._received_hash.update(payload)
            self._incoming.append(payload)

    def _end(self, total: int, digest: bytes) -> None:
        if self.peer_ended:
            self.failure = "END twice"
        elif total != self.received_bytes or digest != self._received_hash.digest():
            self.failure = f"{self.received_bytes} bytes arrived of {total}, or others than were sent"
        else:
            self.peer_ended = True
            self._tell_done()

    def _put(self, record: Record, payload: bytes) -> None:
        self._outgoing.append(bytes((record,)) + len(payload).to_bytes(4, "big") + payload)
