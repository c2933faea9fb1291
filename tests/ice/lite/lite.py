"""Lite agents for tests: alone, in pairs, and what they tell each other."""

from __future__ import annotations

from ice.config import IceConfig
from ice.lite.choice import Selection
from ice.lite.generation import LiteGeneration
from ice.types import SessionState
from tests.ice.single import Single
from tests.net.pair_network import PairNetwork, Side

LITE = IceConfig(lite=True)
TRUSTING = IceConfig(lite=True, udp=False, lite_unproved_tcp=True)
V6 = {"a": "2001:db8:1::1", "b": "2001:db8:2::1"}


def core(side: Side | Single) -> LiteGeneration:
    assert side.agent.lite is not None
    return side.agent.lite


def told(side: Side, *, we_dial: bool = False) -> list[Selection]:
    """What the other side reads in our updated description."""
    return [
        Selection(
            component=ours.component,
            transport=ours.transport,
            local=theirs.address,
            remote=ours.address,
            we_dial=we_dial,
        )
        for ours, theirs in core(side).chosen
    ]


def update(network: PairNetwork, *, from_b: bool = False) -> None:
    """One updated offer and its answer."""
    ours, theirs = (network.b, network.a) if from_b else (network.a, network.b)
    chosen = told(ours)
    network.at(0.025, lambda: core(theirs).take_selection(chosen, network.now), theirs)
    network.at(0.05, lambda: core(ours).update_answered(network.now), ours)


def both(config: IceConfig = LITE, *, dual: bool = False, components: int = 1) -> PairNetwork:
    network = PairNetwork(config=config, components=components)
    for side, host in ((network.a, "192.0.2.1"), (network.b, "198.51.100.1")):
        hosts = [V6[side.name], host] if dual else [host]
        side.gather(hosts, components=components, udp=config.udp)
    return network


def states(network: PairNetwork) -> tuple[SessionState, SessionState]:
    return network.a.agent.state, network.b.agent.state


DONE = (SessionState.COMPLETED, SessionState.COMPLETED)
