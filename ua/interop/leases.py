"""Accounts of the peer, lent to scenarios: two that register the same one would get each other's calls."""

from __future__ import annotations

import asyncio
from typing import Final

from ua.interop.scenario import Scenario

_USERS: Final = (("third_account", 3), ("second_account", 2), ("registrar", 1))


def wanted(scenario: Scenario) -> int:
    """How many accounts a scenario must have for itself: as many as it may register."""
    return next((count for need, count in _USERS if need in scenario.needs), 0)


class Leases:
    """Lends accounts by their numbers: all that a scenario wants or none, so that no two wait for each other.

    Args:
        count: how many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = set(range(count))
        self._turn = 0
        self._returned = asyncio.Event()

    def has(self, number: int) -> bool:
        """True where so many are free."""
        return len(self._free) >= min(number, self._count)

    def take(self, number: int) -> tuple[int, ...]:
        """So many for oneself, and all others after them, to call with; ask `has` before."""
        mine = tuple(sorted(self._free)[:number])
        self._free -= set(mine)
        return mine + self._others(mine)

    def give_back(self, number: int, users: tuple[int, ...]) -> None:
        """End what `take` has begun, with what went in and what came out."""
        self._free |= set(users[: min(number, self._count)])
        self._returned.set()
        self._returned = asyncio.Event()

    async def returned(self) -> None:
        """Wait until somebody gives accounts back."""
        await self._returned.wait()

    def _others(self, mine: tuple[int, ...]) -> tuple[int, ...]:
        """The other accounts by turns, so that callers do not all use the first."""
        others = [number for number in range(self._count) if number not in mine]
        if not others:
            return ()
        self._turn = (self._turn + 1) % len(others)
        return tuple(others[self._turn :] + others[: self._turn])
