"""What two lite agents must tell each other beyond their first descriptions (RFC 8445 §8.2)."""

from __future__ import annotations

from collections.abc import Sequence

from ice.agent import Agent
from ice.driver import Driver
from ice.lite.choice import Selection
from ice.types import Candidate, TcpType


class BothLite:
    """Reaches the lite side of a session; where one of the agents is full there is nothing to tell.

    Controlling: where `update_due` holds, tell the peer the pairs of `chosen` by an updated description, or
    `selection` as it is; once that is answered call `update_answered`, which ends ICE. Controlled: give what
    the peer tells to `take`.
    """

    def __init__(self, agent: Agent, driver: Driver) -> None:
        self._agent = agent
        self._driver = driver

    @property
    def update_due(self) -> bool:
        """True where the peer must be told which pairs we chose."""
        return self._agent.lite is not None and self._agent.lite.update_due

    @property
    def agreed(self) -> bool:
        """True where both sides know which pairs are used."""
        return self._agent.lite is not None and self._agent.lite.agreed

    @property
    def chosen(self) -> tuple[tuple[Candidate, Candidate], ...]:
        """Our candidate and the peer's of each component, in order; their connection may be still to come."""
        return () if self._agent.lite is None else self._agent.lite.chosen

    @property
    def selection(self) -> tuple[Selection, ...]:
        """The same as the peer has to `take` it, seen from its side."""
        return tuple(
            Selection(
                component=ours.component,
                transport=ours.transport,
                local=theirs.address,
                remote=ours.address,
                we_dial=ours.tcptype is TcpType.PASSIVE and theirs.tcptype is TcpType.ACTIVE,
            )
            for ours, theirs in self.chosen
        )

    def update_answered(self) -> None:
        """The peer has answered the updated description."""
        lite = self._agent.lite
        if lite is not None and lite.update_due:
            self._driver.feed(lite.update_answered)

    def take(self, selection: Sequence[Selection]) -> None:
        """The controlling peer, full or lite, tells a lite agent which pairs it uses (RFC 8839 §4.4.2.2)."""
        lite = self._agent.lite
        if lite is not None:
            self._driver.feed(lambda now: lite.take_selection(selection, now))
