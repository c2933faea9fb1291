"""An event loop whose time jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: where nothing is to be read, the time that it should have waited has passed at once."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if timeout and not ready:
            self.loop.passed += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time starts at 100 s and moves only while nothing is to be done, or by `stall`."""

    def __init__(self) -> None:
        self.passed = 100.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.passed

    def stall(self, seconds: float) -> None:
        """The process stands still."""
        self.passed += seconds


def run_virtually(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main)
