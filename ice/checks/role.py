"""Who controls, and what happens when both sides think they do (RFC 8445 §6.1.1, §7.2.5.1, §7.3.1.1)."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from ice.types import Role


class Verdict(enum.Enum):
    """What a request's role attribute means for us."""

    FINE = enum.auto()
    REFUSE = enum.auto()
    """Answer 487, keep the role."""
    SWITCHED = enum.auto()
    """Our role has changed; answer with success."""


class Judge(Protocol):
    """Says what the role in a request of the peer means for us."""

    def judge(self, theirs: Role, tie_breaker: int, /) -> Verdict:
        """The verdict on a request that claims this role with this tie-breaker."""


class RoleKeeper:
    """The role and tie-breaker of a session.

    Args:
        role: the role of the start: whoever sends the first description controls (RFC 8445 §6.1.1).
        tie_breaker: 64 random bits.
        random: random(n) gives n unpredictable bytes.
    """

    def __init__(self, role: Role, tie_breaker: int, random: Callable[[int], bytes]) -> None:
        if not 0 <= tie_breaker < 2**64:
            raise ValueError("the tie-breaker has 64 bits")
        self.role = role
        self.tie_breaker = tie_breaker
        self._random = random
        self.followers: list[Callable[[float], None]] = []
        """Called with the time where the role has changed: one for each stream of the session."""

    @property
    def controlling(self) -> bool:
        """True while we nominate."""
        return self.role is Role.CONTROLLING

    def judge(self, theirs: Role, tie_breaker: int) -> Verdict:
        """Repair a conflict seen in a request of the peer (§7.3.1.1); the larger tie-breaker controls."""
        if theirs is not self.role:
            return Verdict.FINE
        we_win = self.tie_breaker >= tie_breaker
        if we_win is self.controlling:
            return Verdict.REFUSE
        self.role = self.role.other
        return Verdict.SWITCHED

    def lost(self, claimed: Role) -> bool:
        """A request that claimed `claimed` was answered 487 (§7.2.5.1): true where the role changes now.

        What counts is what the request said: a late 487 to a request from before a switch changes nothing.
        The tie-breaker is a new one afterwards, else two agents could refuse each other for ever.
        """
        self.tie_breaker = int.from_bytes(self._random(8), "big")
        if claimed is not self.role:
            return False
        self.role = self.role.other
        return True
