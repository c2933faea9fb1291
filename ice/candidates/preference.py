"""Which candidates are preferred: the two modes of RFC 6544 §4.2, or a policy of the application's.

Makers of candidates give each the priority of the recommended formula. Before anybody hears of a candidate
the policy of the session puts its own in that place. Foundations, bases and which candidates are redundant
are no matter of policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from ice.candidates.priority import MAX_PRIORITY, TYPE_PREFERENCE, peer_reflexive_priority
from ice.types import Candidate, CandidateType, Transport

Prefer = Literal["type", "transport"]
"""What counts more where UDP and TCP are both gathered (RFC 6544 §4.2).

- type: a TCP host candidate beats a UDP server-reflexive one. TCP has type preferences lower by one.
- transport: every UDP candidate beats every TCP one, relayed ones aside, which stay behind all others.
"""

Prioritisation = Callable[[Candidate], int]
"""A policy: the priority of a candidate of ours, whose own `priority` is that of the recommended formula.

It is asked twice, the second time with type `prflx`: that number is the PRIORITY of checks from there.
"""

LOWERED_BY = {
    "type": 1,
    # The least by which the best TCP type falls under server-reflexive UDP.
    "transport": TYPE_PREFERENCE[CandidateType.HOST] - TYPE_PREFERENCE[CandidateType.SRFLX] + 1,
}

_TYPE_SHIFT = 24
_LOCAL_UNIT = 256
"""What one step of the local preference is worth in a priority."""


def lowered(prefer: Prefer) -> Prioritisation:
    """The policy of a mode: TCP has lower type preferences than UDP, which keeps its own.

    All TCP types fall alike, so their order stays (RFC 8445 §5.1.2.2); relayed ones are lowest as they are.
    """
    steps = LOWERED_BY[prefer]

    def policy(candidate: Candidate) -> int:
        if candidate.transport is Transport.UDP:
            return candidate.priority
        kind, rest = divmod(candidate.priority, 1 << _TYPE_SHIFT)
        return (max(0, kind - steps) << _TYPE_SHIFT) + rest

    return policy


def as_recommended(candidate: Candidate) -> int:
    """The policy where one transport is gathered alone."""
    return candidate.priority


class Priorities:
    """The priorities of one data stream: all different, all in range (RFC 8445 §5.1.2).

    Args:
        prefer: the mode.
        mixed: UDP and TCP are both gathered; else there is nothing to choose.
        policy: that of the application, in place of the mode.
    """

    def __init__(self, prefer: Prefer, *, mixed: bool, policy: Prioritisation | None = None) -> None:
        self._strict = policy is not None
        self._policy = policy or (lowered(prefer) if mixed else as_recommended)
        self._given: set[int] = set()

    def give(self, candidate: Candidate) -> Candidate:
        """The candidate with its priorities; its own `priority` is that of the recommended formula.

        Raises:
            ValueError: the application's policy gave a priority outside 1 to 2^31-1, or one that another
                candidate has.
        """
        priority = self._policy(candidate)
        as_reflexive = replace(
            candidate, type=CandidateType.PRFLX, priority=peer_reflexive_priority(candidate)
        )
        of_checks = self._policy(as_reflexive)
        for number in (priority, of_checks):
            if not 1 <= number <= MAX_PRIORITY:
                raise ValueError(f"priority {number} of {candidate.address} is outside 1 to 2^31-1")
        if priority in self._given and self._strict:
            raise ValueError(f"priority {priority} of {candidate.address} is that of another candidate")
        while priority in self._given:
            # Two addresses of one server may tell two mappings of one socket.
            priority -= _LOCAL_UNIT
        self._given.add(priority)
        return replace(candidate, priority=priority, check_priority=of_checks)
