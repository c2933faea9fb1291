"""Waiting for one thing while another may end it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


async def pause(seconds: float | None) -> None:
    """Wait; for ever where `seconds` is None."""
    if seconds is None:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(seconds)


async def first(work: Awaitable[object], *ends: Awaitable[object]) -> bool:
    """Await `work` until one of `ends` is done; True where `work` was first, and raises what it raised.

    What has not ended is cancelled; a future among `ends` is waited for and left as it is.
    """
    task: asyncio.Future[object] = asyncio.ensure_future(work)
    mine = [task]
    watched: list[asyncio.Future[object]] = [task]
    for end in ends:
        future: asyncio.Future[object] = asyncio.ensure_future(end)
        watched.append(future)
        if future is not end:
            mine.append(future)
    try:
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        for future in mine:
            future.cancel()
        await asyncio.gather(*mine, return_exceptions=True)
