"""After every async test: no task, socket, transport or timer of the test is left.

`no_leaks` is an autouse fixture. It is set up before the other async fixtures of a test and torn down after
them, so a fixture may close what it opened. What is closing gets a few turns of the loop, not time.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

_TURNS = 20
"""Turns of the loop in which closing transports and cancelled tasks may end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a loop and this process hold at one moment.

    Attributes:
        tasks: unfinished tasks, without the one that looks.
        timers: handles of `call_later` and `call_at` that are not cancelled.
        transports: transports of the loop that are not closing.
        watched: numbers of the file descriptors that the loop watches.
        sockets: inodes of the open sockets of this process; empty where the system does not tell.
    """

    tasks: frozenset[asyncio.Task[Any]]
    timers: frozenset[asyncio.TimerHandle]
    transports: frozenset[asyncio.BaseTransport]
    watched: frozenset[int]
    sockets: frozenset[str]

    @classmethod
    def now(cls, loop: asyncio.AbstractEventLoop) -> Held:
        """Look at `loop`, which runs, and at this process."""
        inside: Any = loop
        selector = getattr(inside, "_selector", None)
        return cls(
            tasks=frozenset(asyncio.all_tasks(loop) - {asyncio.current_task(loop)}),
            timers=frozenset(timer for timer in getattr(inside, "_scheduled", ()) if not timer.cancelled()),
            transports=frozenset(
                transport
                for transport in tuple(getattr(inside, "_transports", {}).values())
                if not transport.is_closing()
            ),
            watched=frozenset() if selector is None else frozenset(selector.get_map()),
            sockets=frozenset(_socket_inodes()),
        )

    def beyond(self, before: Held) -> Held:
        """What came to be since `before`."""
        return Held(
            tasks=self.tasks - before.tasks,
            timers=self.timers - before.timers,
            transports=self.transports - before.transports,
            watched=self.watched - before.watched,
            sockets=self.sockets - before.sockets,
        )

    def __bool__(self) -> bool:
        return bool(self.tasks or self.timers or self.transports or self.watched or self.sockets)

    def names(self) -> list[str]:
        """One line for each thing held."""
        lines = [f"task {task.get_name()}: {task.get_coro()!r}" for task in self.tasks]
        lines += [f"timer: {timer!r}" for timer in self.timers]
        lines += [f"transport: {transport!r}" for transport in self.transports]
        lines += [f"watched file descriptor: {number}" for number in self.watched]
        objects = _objects(self.sockets)
        lines += [f"socket: {objects.get(inode, inode)!r}" for inode in self.sockets]
        return sorted(lines)


def _socket_inodes() -> list[str]:
    folder = Path("/proc/self/fd")
    inodes: list[str] = []
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:"):
            inodes.append(target)
    return inodes


def _objects(inodes: frozenset[str]) -> dict[str, socket.socket]:
    """The Python objects that hold these sockets, where there are some."""
    found: dict[str, socket.socket] = {}
    for thing in gc.get_objects() if inodes else ():
        if isinstance(thing, socket.socket) and thing.fileno() >= 0:
            try:
                inode = str(Path(f"/proc/self/fd/{thing.fileno()}").readlink())
            except OSError:
                continue
            if inode in inodes:
                found[inode] = thing
    return found


async def left_over(before: Held) -> Held:
    """What the running loop holds beyond `before`, after what is closing had its turns."""
    loop = asyncio.get_running_loop()
    for _ in range(_TURNS):
        if not (left := Held.now(loop).beyond(before)):
            return left
        await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)
    return Held.now(loop).beyond(before)


async def _end(left: Held) -> None:
    """Close what is left, so that only the test that left it fails."""
    for task in left.tasks:
        task.cancel()
    for timer in left.timers:
        timer.cancel()
    for transport in left.transports:
        transport.close()
    loop = asyncio.get_running_loop()
    for number in left.watched:
        loop._remove_reader(number)  # type: ignore[attr-defined]
    await asyncio.gather(*left.tasks, return_exceptions=True)
    for thing in _objects(left.sockets).values():
        thing.close()


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> None:
    """Watch the loop of an async test; see the module."""
    function = getattr(request, "function", None)
    if inspect.iscoroutinefunction(function):
        request.getfixturevalue("_no_leaks_in_loop")


@pytest_asyncio.fixture
async def _no_leaks_in_loop() -> AsyncIterator[None]:
    before = Held.now(asyncio.get_running_loop())
    yield
    left = await left_over(before)
    if left:
        names = left.names()
        await _end(left)
        pytest.fail("the test left behind:\n" + "\n".join(f"  {name}" for name in names), pytrace=False)
