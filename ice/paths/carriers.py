"""Gives the paths of a session what carries their packets, as the core tells."""

from __future__ import annotations

from collections.abc import Mapping

from ice.agent import Agent
from ice.messages import (
    ConsentAnswered,
    Event,
    PairNominated,
    PathLost,
    PathProved,
    PathSelected,
    ProofExpired,
    StateChanged,
)
from ice.net.flows import Flows
from ice.paths.path import SelectedPath
from ice.types import SessionState


class Carriers:
    """Follows the events of one agent.

    Args:
        paths: of the session, by component.
        agent: knows the pairs.
        flows: has the sockets.
    """

    def __init__(self, paths: Mapping[int, SelectedPath], agent: Agent, flows: Flows) -> None:
        self._paths = paths
        self._agent = agent
        self._flows = flows
        self._unselected: set[int] = set()

    def handle(self, event: Event) -> None:
        """Take an event."""
        match event:
            case PathSelected():
                self._unselected.discard(event.component)
                self._use(event)
            case PathProved() if self._paths[event.component].pair is None:
                # After a restart what was selected before counts (RFC 8445 §12.1).
                self._unselected.add(event.component)
                self._use(event)
            case PathLost():
                self._paths[event.component].stop()
            case ProofExpired() | StateChanged(state=SessionState.FAILED):
                self._stop_unselected()
            case ConsentAnswered() | PairNominated():
                self._refresh()
            case _:
                pass

    def _use(self, event: PathSelected | PathProved) -> None:
        self._flows.prove(event.flow)
        path = self._paths[event.component]
        pair = event.pair if isinstance(event, PathSelected) else None
        connection = self._flows.connection(event.flow)
        socket = self._flows.udp(event.flow)
        if connection is not None:
            path.use_tcp(connection, pair)
        elif socket is not None:
            path.use_udp(socket, event.remote, pair)
        else:
            # It ended while the event waited; the core hears of that next.
            path.stop()

    def _stop_unselected(self) -> None:
        """Where one component cannot send none may (RFC 8445 §12.1)."""
        while self._unselected:
            self._paths[self._unselected.pop()].stop()

    def _refresh(self) -> None:
        for component, path in self._paths.items():
            if path.pair is not None:
                path.pair = self._agent.selected(component) or path.pair
