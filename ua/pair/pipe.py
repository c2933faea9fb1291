"""The pipe over a link: our input to the other side's output and back, until both have ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ice.paths.path import SelectedPath
from ua.errors import NoMediaPath, ResultCode, TimedOut, UaError
from ua.pair.files import Input, Output
from ua.pair.identity import Identity
from ua.pair.link import SILENCE_S, Link, LinkEnd
from ua.pair.transfer import MAX_DATA, Transfer

OPEN_S = 20.0
"""Seconds that the two ends of a path have to know each other."""

LINGER_S = 5.0
"""Seconds that a side which needs nothing more waits for the other one's BYE."""

_GAVE_UP, _INTERRUPTED, _NOT_WRITTEN = 1, 2, 3
_TOLD = {
    _GAVE_UP: "the other side gave up",
    _INTERRUPTED: "the other side was interrupted",
    _NOT_WRITTEN: "the other side cannot write out what arrives there",
}


class Pipe:
    """Joins an input and an output over a path. Made inside a running event loop.

    Args:
        path: of ICE.
        identity: our key.
        proof: what the other side's line told of its key.
        dials: True on the side that offered.
        source: our input.
        sink: file descriptor of our output.
        on_open: called once when both ends know each other.

    Attributes:
        transfer: what went each way.

    Raises:
        UsageError: the other side's line holds no certificate.
    """

    def __init__(
        self,
        path: SelectedPath,
        *,
        identity: Identity,
        proof: bytes,
        dials: bool,
        source: Input,
        sink: int,
        on_open: Callable[[], None],
    ) -> None:
        self.transfer = Transfer()
        self._source = source
        self._sink = sink
        self._on_open = on_open
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._room = asyncio.Event()
        self._output: Output | None = None
        self._reading: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._link = Link(
            path,
            identity=identity,
            proof=proof,
            dials=dials,
            on_open=self._opened,
            on_data=self._receive,
            on_closed=self._link_closed,
        )

    async def run(self) -> None:
        """Carry everything, both ways; return once both ends are done.

        Where it is cancelled the other side hears of it.

        Raises:
            UaError: something is missing on one side or the other; the text says why.
        """
        code, reason = _INTERRUPTED, "interrupted"
        if self._output is None:
            late = NoMediaPath(f"a path is there, but the other side showed no key within {OPEN_S:g} s")
            self._deadline = self._loop.call_later(OPEN_S, self.fail, late)
        self._link.start()
        try:
            await self._over
            code, reason = 0, "done"
        except UaError as error:
            code = _NOT_WRITTEN if isinstance(error, OutputFailed) else _GAVE_UP
            reason = "gave up"
            raise
        finally:
            self._link.close(code, reason)
            await self._stop()

    def fail(self, error: UaError) -> None:
        """End the pipe with `error`, unless it has ended."""
        if not self._over.done():
            self._over.set_exception(error)

    async def _stop(self) -> None:
        if self._over.done() and not self._over.cancelled():
            # Who was cancelled does not look at it any more.
            self._over.exception()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._output is not None:
            self._output.write(b"")
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading

    # --- our input ------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while True:
                # Not byte by byte into every gap that opens.
                while self.transfer.may_send < MAX_DATA:
                    self._room.clear()
                    await self._room.wait()
                data = await self._source.read(MAX_DATA)
                if not data:
                    break
                self.transfer.send(data)
                self._flush()
        except OSError as error:
            self.fail(UaError(f"our input cannot be read: {error.strerror}"))
            return
        self.transfer.end()
        self._flush()

    # --- our output -----------------------------------------------------------------------------------------

    def _written(self, count: int) -> None:
        self.transfer.passed_on(count)
        self._flush()

    def _output_failed(self, error: OSError) -> None:
        self.fail(OutputFailed(f"our output cannot be written: {error.strerror}"))

    # --- what the link tells --------------------------------------------------------------------------------

    def _opened(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._output = Output(self._sink, self._written, self._output_failed)
        self._reading = self._loop.create_task(self._read())
        self._deadline = None
        self._on_open()

    def _receive(self, data: bytes) -> None:
        self.transfer.receive(data)
        for chunk in self.transfer.take_incoming():
            if self._output is not None:
                self._output.write(chunk)
        if self.transfer.failure:
            self.fail(PeerLeft(f"what arrives makes no sense: {self.transfer.failure}"))
        if self.transfer.may_send >= MAX_DATA:
            self._room.set()
        self._flush()

    def _link_closed(self, end: LinkEnd) -> None:
        if self.transfer.finished:
            self._finish()
        elif end.code is not None:
            self.fail(PeerLeft(_TOLD.get(end.code, "the other side ended too early"), seen=self._missing()))
        elif end.reason == "Idle timeout":
            self.fail(TimedOut(f"nothing came from the other side for {SILENCE_S:g} s", seen=self._missing()))
        else:
            self.fail(PeerLeft(f"the link broke: {end.reason}", seen=self._missing()))

    def _missing(self) -> str:
        transfer = self.transfer
        theirs = "all" if transfer.received else f"{transfer.received_bytes} bytes"
        ours = "all" if transfer.delivered else "not all"
        return f"{theirs} of what it sent arrived here, {ours} of the {transfer.sent_bytes} bytes sent there"

    def _flush(self) -> None:
        if self._over.done():
            return
        self._link.send(self.transfer.take_outgoing())
        if self.transfer.peer_left:
            self._finish()
        elif self.transfer.finished and self._deadline is None:
            # Both are done, and the other side may not know it yet.
            self._deadline = self._loop.call_later(LINGER_S, self._finish)

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)


class OutputFailed(UaError):
    """Our output takes no more: a full disk, a program that ended."""


class PeerLeft(UaError):
    """The other end of the pipe ended it before everything had gone through."""

    code = ResultCode.REJECTED
