"""The candidate-pair timeline as values: a row for each pair of each party."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["udp", "tcp", "relay"]
"""Colour of a row."""

MarkKind = Literal[
    "check",
    "again",
    "nominating",
    "answer",
    "received",
    "dial",
    "connected",
    "stopped",
    "failed",
    "nominated",
]
"""What a mark stands for: "again" is a retransmission, "received" a check of the peer."""

STOPPED = "stopped"
"""State in the picture of a pair that was given up without having failed, because another one was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened to a pair at one instant; `text` is for people."""

    at_ms: float
    kind: MarkKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time in which a pair was in `state`, or carried media ("selected")."""

    start_ms: float
    end_ms: float
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One candidate pair of one party.

    Attributes:
        party: who owns it.
        pair_id: its number there.
        component: 1 RTP, 2 RTCP.
        kind: udp, tcp or relay.
        title: "TCP active, host to host".
        local: "host:port".
        remote: "host:port".
        priority: RFC 8445 §6.1.2.3.
        marks: in order of time.
        states: spans of its states in the check list.
        selected: spans in which it carried the media.
        outcome: a few words on how it ended.
    """

    party: str
    pair_id: int
    component: int
    kind: Kind
    title: str
    local: str
    remote: str
    priority: int
    marks: tuple[Mark, ...]
    states: tuple[Span, ...]
    selected: tuple[Span, ...]
    outcome: str

    @property
    def tried(self) -> bool:
        """True where anything but waiting happened."""
        return bool(self.marks or self.selected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """A moment of the whole call, e.g. "200 OK"."""

    at_ms: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything that the picture shows; times are ms after the INVITE.

    Attributes:
        rows: tried pairs, grouped by party, best first.
        untried: how many pairs of each party were never tried.
        milestones: moments of SIP and media.
        end_ms: the last time shown.
    """

    rows: tuple[Row, ...]
    untried: Mapping[str, int]
    milestones: tuple[Milestone, ...]
    end_ms: float

    @property
    def parties(self) -> tuple[str, ...]:
        """Parties with pairs, in order of appearance."""
        return tuple(dict.fromkeys([*(row.party for row in self.rows), *self.untried]))
