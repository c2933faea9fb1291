"""What a session does with trickled candidates of the peer: a `TrickleReceiver` before the agent."""

from __future__ import annotations

from collections.abc import Mapping

from ice.agent import Agent
from ice.candidates.trickle import CandidateMessage, TrickleReceiver
from ice.driver import Driver
from ice.types import Candidate


class RemoteTrickle:
    """Takes messages as they arrive, repeated or in any order; a part of `ice.session.Session`."""

    def __init__(self, agent: Agent, driver: Driver) -> None:
        self._agent = agent
        self._driver = driver
        self._receiver = TrickleReceiver()

    @property
    def refused(self) -> Mapping[str, int]:
        """How many messages were of no use, by reason: "generation", "duplicate", "ended", "too many"."""
        return dict(self._receiver.refused)

    def receive(self, message: CandidateMessage) -> None:
        """Take a message of the peer; of use only where its description said that candidates follow.

        Raises:
            ValueError: the peer's description is not known yet.
        """
        description = self._agent.remote_description
        if description is None:
            raise ValueError("candidates follow the description that they belong to")
        self._receiver.begin(description)
        for due in self._receiver.receive(message):
            for candidate in due.candidates:
                self._add(candidate)
            if due.end_of_candidates:
                self._driver.feed(self._agent.end_of_candidates)

    def _add(self, candidate: Candidate) -> None:
        self._driver.feed(lambda now: self._agent.add_remote_candidate(candidate, now))
