"""The clock of the shell: the only place of this package where time is read."""

from __future__ import annotations

import asyncio


class LoopClock:
    """Monotonic seconds of the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        """Monotonic seconds."""
        return self._loop.time()
