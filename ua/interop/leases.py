"""Accounts of the peer, lent to scenarios: two that register the same one would get each other's calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ua.interop.scenario import Scenario


def wanted(scenario: Scenario) -> int:
    """How many accounts a scenario must have for itself: as many as it may register."""
    if "third_account" in scenario.needs:
        return 3
    if "second_account" in scenario.needs:
        return 2
    return 1 if "registrar" in scenario.needs else 0


class Leases:
    """Lends accounts by their numbers.

    Args:
        count: how many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = set(range(count))
        self._turn = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def lend(self, number: int) -> AsyncIterator[tuple[int, ...]]:
        """So many for oneself, and all others after them, to call with; waits until they are free."""
        number = min(number, self._count)
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._free) >= number)
            mine = tuple(sorted(self._free)[:number])
            self._free -= set(mine)
        try:
            yield mine + self._others(mine)
        finally:
            self._free |= set(mine)
            async with self._changed:
                self._changed.notify_all()

    def _others(self, mine: tuple[int, ...]) -> tuple[int, ...]:
        """The other accounts by turns, so that callers do not all use the first."""
        others = [number for number in range(self._count) if number not in mine]
        if not others:
            return ()
        self._turn = (self._turn + 1) % len(others)
        return tuple(others[self._turn :] + others[: self._turn])
