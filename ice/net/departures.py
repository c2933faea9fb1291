"""Packets that leave together: what one turn of the event loop sends goes out at its end, in one go.

A system call costs more than its own time: what runs after it finds caches and predictions of the processor
spoilt. So the packets of many calls that one tick of the clock makes are sent when all of them are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from ice.types import TransportAddress

Send = Callable[[bytes, TransportAddress], bool]
"""Sends one packet to an address now; false where it was refused."""


class Departures:
    """What is to leave at the end of this turn of an event loop, in the order in which it came."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.waiting: list[tuple[Send, bytes, TransportAddress, Callable[[], None]]] = []
        """What sends, the packet, where it goes, and what to call where it is refused. `expect` fills it."""

    @staticmethod
    def running() -> Departures:
        """Those of the running event loop."""
        loop = asyncio.get_running_loop()
        departures = _DEPARTURES.get(loop)
        if departures is None:
            departures = _DEPARTURES[loop] = Departures(loop)
        return departures

    def expect(self) -> None:
        """What is about to be put into the empty `waiting`, and all that follows, leaves with this turn."""
        self._loop.call_soon(self.leave)

    def leave(self) -> None:
        """Send now: where a socket is about to be closed, say."""
        waiting, self.waiting = self.waiting, []
        for send, packet, remote, refused in waiting:
            if not send(packet, remote):
                refused()


_DEPARTURES: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Departures]] = WeakKeyDictionary()
