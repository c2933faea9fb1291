"""A machine that never stands still: what a peer does wrong is then its own, on any machine of ours."""

from __future__ import annotations

from ua.interop.standstill import Standstill


class Awake(Standstill):
    """Counts no standstill."""

    def slept(self, slept_s: float, worked_s: float) -> None:
        """That is common."""
