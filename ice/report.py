"""What a session tells about itself."""

from __future__ import annotations

from dataclasses import dataclass

from ice.messages import PathLost, PathSelected
from ice.types import PairView, Role, SessionState


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """A session at one moment.

    Attributes:
        state: of the session.
        role: ours now.
        reason: why component 1 has the path it has, or why there is none; a sentence for people.
        nominated_ms: ms from the peer's description to a nominated pair for every component; None before.
        pairs: all pairs of the check list.
        selected: the pair that carries component 1, or carried it last; None before.
        path_changes: what happened to the paths after each component had its first one, oldest first.
        unvalidated_packets: packets dropped because no valid check had come from their source.
        gathering_problems: local addresses that could not be used, with the reason.
    """

    state: SessionState
    role: Role
    reason: str
    nominated_ms: float | None
    pairs: tuple[PairView, ...]
    selected: PairView | None
    path_changes: tuple[PathSelected | PathLost, ...]
    unvalidated_packets: int
    gathering_problems: tuple[str, ...]
