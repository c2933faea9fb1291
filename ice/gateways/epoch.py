"""The clock of a gateway, which begins anew where it forgot its mappings (RFC 6887 §8.5, RFC 6886 §3.6)."""

from __future__ import annotations

PCP_BACKWARDS_S = 1
"""RFC 6887 §8.5: so far back the clock may seem to go where two answers overtook each other."""

QUANTUM_S = 2
"""RFC 6887 §8.5, RFC 6886 §3.6: both clocks count whole seconds."""


class GatewayEpoch:
    """What a gateway said last of its clock, and when."""

    def __init__(self) -> None:
        self._said: int | None = None
        self._heard_at = 0.0

    def forgot_by_pcp(self, said: int, now: float) -> bool:
        """True where a PCP server has lost its mappings since the last time (RFC 6887 §8.5)."""
        before, elapsed = self._take(said, now)
        if before is None:
            return False
        if said < before - PCP_BACKWARDS_S:
            return True
        counted = said - before
        # A sixteenth is for clocks that run badly.
        return elapsed + QUANTUM_S < counted - counted / 16 or counted + QUANTUM_S < elapsed - elapsed / 16

    def forgot_by_nat_pmp(self, said: int, now: float) -> bool:
        """True where a NAT-PMP gateway has lost its mappings since the last time (RFC 6886 §3.6)."""
        before, elapsed = self._take(said, now)
        return before is not None and said < before + elapsed * 7 / 8 - QUANTUM_S

    def _take(self, said: int, now: float) -> tuple[int | None, float]:
        before, elapsed = self._said, now - self._heard_at
        self._said, self._heard_at = said, now
        return before, elapsed
