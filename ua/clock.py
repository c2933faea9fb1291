"""The one place of this package that reads a clock."""

from __future__ import annotations

import asyncio
import time


def now() -> float:
    """Monotonic seconds of the running event loop."""
    return asyncio.get_running_loop().time()


def unix() -> float:
    """Seconds since 1970, as certificates know the time."""
    return time.time()


def worked() -> float:
    """Processor seconds that this thread has used."""
    return time.thread_time()
