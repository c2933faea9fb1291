"""Which sockets can be read or written: one epoll for all of an event loop, which watches the epoll alone.

A reader of asyncio costs a handle, a context and a turn through the loop's queue for each socket that is
ready; with hundreds of calls that is more than their media. Here the loop wakes once for all of them. Each
socket that is ready has one turn, and those that still are have another: one that is flooded does not keep
the others waiting. Without epoll the loop watches each socket.
"""

from __future__ import annotations

import asyncio
import contextvars
import select
from collections.abc import Callable
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

Turn = Callable[[], None]
"""Reads or writes once what can be had without waiting, and deals with it."""

ROUNDS: Final = 8
"""Turns of each socket per wake-up, so that one that is flooded does not starve timers and all else."""

_MOST_READY: Final = 256


class Poller:
    """Gives the sockets of one event loop their turns.

    A socket is told by its descriptor, and must be let go of before it is closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    @staticmethod
    def running() -> Poller:
        """That of the running event loop."""
        loop = asyncio.get_running_loop()
        poller = _POLLERS.get(loop)
        if poller is None:
            poller = _POLLERS[loop] = _EpollPoller(loop) if hasattr(select, "epoll") else Poller(loop)
        return poller

    def watch(self, descriptor: int, readable: Turn) -> None:
        """Call `readable` whenever there is something to read, or the other end has gone."""
        self._loop.add_reader(descriptor, readable)

    def watch_writing(self, descriptor: int, writable: Turn) -> None:
        """Call `writable` whenever there is room to write, until `stop_writing`."""
        self._loop.add_writer(descriptor, writable)

    def stop_writing(self, descriptor: int) -> None:
        """Room to write is of no interest any more."""
        self._loop.remove_writer(descriptor)

    def unwatch(self, descriptor: int) -> None:
        """Neither reading nor writing; does nothing where neither was watched."""
        self._loop.remove_reader(descriptor)
        self._loop.remove_writer(descriptor)


class _EpollPoller(Poller):
    """The same by an epoll of its own, which is there as long as anything is watched."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._readers: dict[int, Turn] = {}
        self._writers: dict[int, Turn] = {}
        self._epoll: select.epoll | None = None

    def watch(self, descriptor: int, readable: Turn) -> None:
        self._change(self._readers, descriptor, readable)

    def watch_writing(self, descriptor: int, writable: Turn) -> None:
        self._change(self._writers, descriptor, writable)

    def stop_writing(self, descriptor: int) -> None:
        self._change(self._writers, descriptor, None)

    def unwatch(self, descriptor: int) -> None:
        self._change(self._readers, descriptor, None)
        self._change(self._writers, descriptor, None)

    def _change(self, watches: dict[int, Turn], descriptor: int, turn: Turn | None) -> None:
        before = self._events(descriptor)
        if turn is None:
            watches.pop(descriptor, None)
        else:
            # As asyncio does: who watches does so in its own context, not in that of who came first.
            watches[descriptor] = partial(contextvars.copy_context().run, turn)
        events = self._events(descriptor)
        if events == before:
            return
        epoll = self._epoll or self._open()
        if not before:
            epoll.register(descriptor, events)
        elif events:
            epoll.modify(descriptor, events)
        else:
            epoll.unregister(descriptor)
            if not self._readers and not self._writers:
                self._loop.remove_reader(epoll.fileno())
                epoll.close()
                self._epoll = None

    def _events(self, descriptor: int) -> int:
        reading = select.EPOLLIN if descriptor in self._readers else 0
        return reading | (select.EPOLLOUT if descriptor in self._writers else 0)

    def _open(self) -> select.epoll:
        epoll = self._epoll = select.epoll()
        self._loop.add_reader(epoll.fileno(), self._wake)
        return epoll

    def _wake(self) -> None:
        readers, writers, writing = self._readers, self._writers, select.EPOLLOUT
        for _ in range(ROUNDS):
            ready = () if self._epoll is None else self._epoll.poll(0, _MOST_READY)
            if not ready:
                return
            for descriptor, events in ready:
                # A turn before may have let go of it.
                try:
                    if events != writing and (turn := readers.get(descriptor)) is not None:
                        turn()
                    if events & writing and (turn := writers.get(descriptor)) is not None:
                        turn()
                except Exception as error:  # as with asyncio's own: one must not silence the others
                    self._loop.call_exception_handler(
                        {"message": "a socket's turn failed", "exception": error}
                    )


_POLLERS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Poller]] = WeakKeyDictionary()
