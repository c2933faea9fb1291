"""Number 603: the keys that a caller presses are sent back to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from ua.call.call import Call
from ua.call.digits import DigitWay
from ua.errors import UaError
from ua.pbx.errands import Errands

PAUSE_S: Final = 1.0
"""Seconds without a further key after which those so far go back."""

MOST: Final = 200
"""Keys that are sent back in one call: who echoes our tones would be answered for ever."""


class ReadBack:
    """Sends back the keys of one call, each the way it came.

    Args:
        call: one that is answered, or about to be.
        errands: runs what takes time.
        pause_s: seconds without a further key until then.
        most: so many at most, and no further ones.
    """

    def __init__(self, call: Call, errands: Errands, *, pause_s: float = PAUSE_S, most: int = MOST) -> None:
        self._call = call
        self._errands = errands
        self._pause_s = pause_s
        self._heard: list[tuple[str, DigitWay]] = []
        self._left = most
        self._timer: asyncio.TimerHandle | None = None
        call.on_digit = self._take
        call.on_end(lambda _: self._forget())

    def _take(self, key: str, way: DigitWay) -> None:
        if not self._left:
            return
        self._left -= 1
        self._heard.append((key, way))
        self._forget()
        self._timer = asyncio.get_running_loop().call_later(self._pause_s, self._begin)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        heard, self._heard = self._heard, []
        self._errands.run(self._send(heard))

    async def _send(self, heard: Sequence[tuple[str, DigitWay]]) -> None:
        for way, keys in groupby(heard, key=lambda each: each[1]):
            try:
                await self._call.send_dtmf("".join(key for key, _ in keys), by=way)
            except UaError:
                continue  # the log of the call has it, with the reason
