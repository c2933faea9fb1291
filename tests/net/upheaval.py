"""What takes the path of a call away, and what the two applications do about it.

They exchange new descriptions, by a way that is not part of this, once their agents advise a restart or have
failed. A connection that is only reset comes back without that.
"""

from __future__ import annotations

from dataclasses import dataclass

from ice.candidates.candidate import base_of
from ice.messages import PathLost, PathSelected, RestartAdvised
from ice.types import SessionState
from tests.net.ice_host import IceHost
from tests.net.random_internet import Scene

_NOTICED_S = 90.0
"""Consent runs out after 30 s; who dials a lost connection again may be at it for longer."""

GATHERING_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A call whose path was taken away.

    Attributes:
        possible: brute force found a path afterwards.
        moved: so did the agents.
        by_restart: with new descriptions.
    """

    possible: bool
    moved: bool
    by_restart: bool


def strike(scene: Scene, a: IceHost, b: IceHost) -> bool:
    """Do what is to happen to the call; False where there is nothing that it could happen to."""
    assert scene.blow is not None
    agent = a if scene.blow.to_a else b
    if scene.blow.kind == "reset":
        for connection in tuple(agent.connections.values()):
            connection.reset()
        return any(event for one in (a, b) for event in one.said(PathLost))
    agent.host.set_up(_carries(agent), up=False)
    return True


def _carries(agent: IceHost) -> str:
    """The interface that carries the first component."""
    base = base_of(agent.selected().local)
    return next((one.address for one in agent.relays.values() if one.relayed == base), base.host)


def noticed(scene: Scene, a: IceHost, b: IceHost) -> bool:
    """Wait until the path is there again, or new descriptions are wanted; True of these."""

    def wanted() -> bool:
        return any(one.said(RestartAdvised) or one.agent.state is SessionState.FAILED for one in (a, b))

    scene.internet.clock.run(_NOTICED_S, until=lambda: wanted() or (healed(a) and healed(b)))
    return wanted()


def healed(agent: IceHost) -> bool:
    """It has lost a path and has all of them again."""
    lost: set[int] = set()
    for event in agent.events:
        if isinstance(event, PathLost):
            lost.add(event.component)
        elif isinstance(event, PathSelected):
            lost.discard(event.component)
    return bool(agent.said(PathLost)) and not lost


def gather_again(scene: Scene, a: IceHost, b: IceHost) -> None:
    """Both begin anew, with the interfaces that are left."""
    turn = () if scene.turn is None else scene.turn.addresses
    for agent, site in ((a, scene.a), (b, scene.b)):
        agent.restart(site.gathering, scene.servers, turn)
    scene.internet.clock.run(GATHERING_S)
    for agent in (a, b):
        agent.stop_gathering()
