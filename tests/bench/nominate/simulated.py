"""The cases in virtual time: two agents on the simulated network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ice.config import IceConfig
from ice.messages import StateChanged
from ice.types import Role, SessionState, Transport
from tests.bench.nominate.cases import CASES, DEADLINE_S, ROUND_TRIP_S, Case, Measurement
from tests.net.pair_network import Link, PairNetwork, Side


def simulate(case: Case, config: IceConfig, *, components: int = 1, hosts: int = 1) -> Measurement:
    """Run one case.

    Args:
        case: the network.
        config: of both agents.
        components: 1, or 2 with RTCP beside RTP.
        hosts: addresses on each side, 1 (IPv4) or 2 (IPv6 beside it).
    """
    network = PairNetwork(
        delay_s=ROUND_TRIP_S / 2,
        a_to_b=Link(udp=case.udp_passes, tcp=Role.CONTROLLING in case.dials),
        b_to_a=Link(udp=case.udp_passes, tcp=Role.CONTROLLED in case.dials),
        config=config,
        components=components,
    )
    for side, addresses in (
        (network.a, ["192.0.2.1", "2001:db8::1"]),
        (network.b, ["198.51.100.1", "2001:db8:1::1"]),
    ):
        side.gather(addresses[:hosts], components=components, udp=case.udp_offered)
    started_at = network.now
    network.start()
    network.run_to_end(2 * config.check_timeout_s)
    ours = network.a
    return Measurement(
        case=case,
        mode="simulated",
        peer="icephone",
        role=ours.agent.role,
        components=components,
        transport=_transport(ours),
        nominated_ms=_reached(ours, SessionState.COMPLETED, started_at),
        failed_ms=_reached(ours, SessionState.FAILED, started_at),
        deadline_ms=config.patience_s * 1000,
    )


def simulate_all(*, components: int = 1) -> Iterator[Measurement]:
    """All cases; the one without a path with the default patience and again with a short one."""
    for case in CASES:
        yield simulate(case, IceConfig(), components=components)
        if case.transport is None:
            yield simulate(case, replace(IceConfig(), patience_s=DEADLINE_S), components=components)


def _reached(side: Side, state: SessionState, started_at: float) -> float | None:
    times = [event.at for event in side.said(StateChanged) if event.state is state]
    return (times[0] - started_at) * 1000 if times else None


def _transport(side: Side) -> Transport | None:
    pair = side.agent.selected(1)
    return None if pair is None else pair.local.transport
