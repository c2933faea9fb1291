"""Candidates that the peer finds after its description: in order, each once, of one generation (RFC 8838 §9).

Messages are numbered from 1 by who sends them and name the ufrag of their generation. What carries them may
repeat or reorder them: `TrickleReceiver` gives their candidates in the order of the numbers. The description
says `trickle` among its options where its sender takes such messages, and `end_of_candidates` false where it
will send some.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ice.types import Candidate, Description

MAX_HELD = 64
"""Messages that wait for one with a smaller number; further ones are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateMessage:
    """Candidates that became known after the description.

    Attributes:
        ufrag: user name fragment of the description that they belong to.
        number: 1 for the first message of that generation, then one more each time.
        candidates: of a foundation lower components first (RFC 8838 §4).
        end_of_candidates: True in the last message: no more will come.
    """

    ufrag: str
    number: int
    candidates: tuple[Candidate, ...] = ()
    end_of_candidates: bool = False


class TrickleReceiver:
    """Puts the messages of the peer in order.

    Attributes:
        refused: how many messages were of no use, by reason: "generation", "duplicate", "ended", "too many".
    """

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._ufrag: str | None = None
        self._next = 1
        self._held: dict[int, CandidateMessage] = {}
        self._ended = False

    def begin(self, description: Description) -> None:
        """A description of the peer is in force; a new ufrag counts messages from 1 again."""
        if description.credentials.ufrag != self._ufrag:
            self._ufrag = description.credentials.ufrag
            self._next = 1
            self._held.clear()
            self._ended = False
        self._ended = self._ended or description.end_of_candidates

    def receive(self, message: CandidateMessage) -> list[CandidateMessage]:
        """Take a message; gives those whose turn it is, oldest first.

        Raises:
            ValueError: there is no description yet.
        """
        if self._ufrag is None:
            raise ValueError("candidates follow the description that they belong to")
        reason = self._useless(message)
        if reason:
            self.refused[reason] += 1
            return []
        self._held[message.number] = message
        due = []
        while not self._ended and (following := self._held.pop(self._next, None)) is not None:
            self._next += 1
            self._ended = following.end_of_candidates
            due.append(following)
        return due

    def _useless(self, message: CandidateMessage) -> str:
        if message.ufrag != self._ufrag:
            return "generation"
        if self._ended:
            return "ended"
        if message.number < self._next or message.number in self._held:
            return "duplicate"
        # The one that the others wait for is always taken.
        full = len(self._held) >= MAX_HELD and message.number != self._next
        return "too many" if full else ""
