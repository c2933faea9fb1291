"""Standard input and output as streams that never block the event loop: one thread each.

The threads are daemons: one that waits in a read, for somebody at a terminal say, must not keep the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

READ_SIZE = 65536


class Input:
    """Reads a file descriptor when asked to, so that what nobody has room for stays where it is.

    Args:
        descriptor: of anything that can be read, also where that blocks. It is not closed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._wanted: SimpleQueue[tuple[int, asyncio.Future[bytes]]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._head = b""
        self._pending: asyncio.Future[bytes] | None = None

    def push_back(self, data: bytes) -> None:
        """Give `data` again with the next `read`."""
        self._head = data + self._head

    async def read(self, most: int = READ_SIZE) -> bytes:
        """1 to `most` bytes, b"" at the end; raises OSError. A read that was cancelled is not lost."""
        if not self._head:
            if self._pending is None:
                self._pending = self._ask(most)
            data = await asyncio.shield(self._pending)
            self._pending = None
            self._head = data
        data, self._head = self._head[:most], self._head[most:]
        return data

    def _ask(self, most: int) -> asyncio.Future[bytes]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="input", daemon=True)
            self._thread.start()
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._wanted.put((most, future))
        return future

    def _serve(self) -> None:
        while True:
            most, future = self._wanted.get()
            try:
                data = os.read(self._descriptor, most)
            except OSError as error:
                self._tell(_fail, future, error)
            else:
                self._tell(_fulfil, future, data)
                if not data:
                    return

    def _tell(self, tell: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(tell, *values)


def _fulfil(future: asyncio.Future[bytes], data: bytes) -> None:
    if not future.done():
        future.set_result(data)


def _fail(future: asyncio.Future[bytes], error: OSError) -> None:
    if not future.done():
        future.set_exception(error)


class Output:
    """Writes to a file descriptor, in order, all of it.

    Args:
        descriptor: of anything that can be written to, also where that blocks. It is not closed.
        on_written: called in the event loop with the number of bytes that the system took.
        on_failed: called in the event loop, once, with the error after which nothing more is written.
    """

    def __init__(
        self, descriptor: int, on_written: Callable[[int], None], on_failed: Callable[[OSError], None]
    ) -> None:
        self._descriptor = descriptor
        self._on_written = on_written
        self._on_failed = on_failed
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        threading.Thread(target=self._serve, name="output", daemon=True).start()

    def write(self, data: bytes) -> None:
        """Write `data` after what was given before; b"" ends the thread."""
        self._queue.put(data)

    def _serve(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            while data := self._queue.get():
                try:
                    left = memoryview(data)
                    while left:
                        left = left[os.write(self._descriptor, left) :]
                except OSError as error:
                    self._loop.call_soon_threadsafe(self._on_failed, error)
                    return
                self._loop.call_soon_threadsafe(self._on_written, len(data))
