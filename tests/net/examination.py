"""One pair of networks of the survey: brute force tries everything, two agents try, both must agree."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ice.candidates.candidate import base_of
from ice.config import IceConfig
from ice.messages import RestartFailed, StateChanged
from ice.types import CandidateType, Role, SessionState, TcpType, Transport, TransportAddress
from tests.net import upheaval
from tests.net.ice_host import IceHost
from tests.net.random_internet import Scene, Site, build
from tests.net.reachability import Reach, Relayed, ways
from tests.net.turn_host import TurnHost
from tests.net.upheaval import Move

CONFIG = IceConfig()

DEADLINE_S = CONFIG.patience_s + CONFIG.check_timeout_s
"""Patience, and one check that began just before it ended."""

_SETTLING_S = 5.0
_MEDIA = b"\x80 media"
_MEDIA_TRIES = 20
_MEDIA_WAIT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one pair of networks gave.

    Attributes:
        number: builds it again.
        possible: brute force found a path with the candidates that the descriptions tell.
        cut_off: it found one only with candidates for which a description has no room.
        found: both agents completed.
        over_tcp: a component took TCP although all have a path over UDP.
        faults: what went wrong, in words.
        over_floor_ms: nomination after the floor; None where times are not comparable.
        failed_after_s: when the later agent gave up, None where one completed.
        move: of a call whose path was taken away.
        notes: the two networks.
    """

    number: int
    possible: bool
    found: bool
    cut_off: bool = False
    over_tcp: bool = False
    faults: tuple[str, ...] = ()
    over_floor_ms: float | None = None
    failed_after_s: float | None = None
    move: Move | None = None
    notes: tuple[str, str] = ("", "")

    @property
    def missed(self) -> bool:
        """A path was there and the agents did not find it."""
        return self.possible and not self.found

    @property
    def move_missed(self) -> bool:
        """The same of another path, after the first was taken away."""
        return self.move is not None and self.move.possible and not self.move.moved


def reach_of(
    site: Site, turn: TurnHost | None, agent: IceHost, peer: IceHost, component: int, *, told: bool
) -> Reach:
    """What a side has for a component: what its description tells, or all that it gathered."""
    chosen = agent.agent.local_description.candidates if told else agent.gathered
    candidates = [candidate for candidate in chosen if candidate.component == component]
    own = [candidate for candidate in candidates if candidate.type is not CandidateType.RELAY]
    passive = [candidate for candidate in own if candidate.tcptype is TcpType.PASSIVE]
    # It connects from those as well for which its description had no room.
    active = [
        candidate
        for candidate in agent.gathered
        if candidate.component == component
        and candidate.tcptype is TcpType.ACTIVE
        and candidate.type is not CandidateType.RELAY
    ]
    so = [candidate for candidate in own if candidate.tcptype is TcpType.SO]
    return Reach(
        host=site.host,
        udp=list({base_of(c): None for c in own if c.transport is Transport.UDP}),
        listeners=list({base_of(candidate): None for candidate in passive}),
        told_listeners=[candidate.address for candidate in passive],
        dials_from=list({base_of(candidate).host: None for candidate in active}),
        told=[candidate.address for candidate in candidates if candidate.transport is Transport.UDP],
        so=list({base_of(candidate): None for candidate in so}),
        told_so=[candidate.address for candidate in so],
        relays=_relays(turn, agent, peer, component, {candidate.address for candidate in candidates}),
    )


def _relays(
    turn: TurnHost | None, agent: IceHost, peer: IceHost, component: int, told: Collection[TransportAddress]
) -> list[Relayed]:
    if turn is None:
        return []
    gathered = {c.address for c in agent.gathered if c.component == component}
    hosts = frozenset(candidate.address.host for candidate in peer.agent.local_description.candidates)
    return [
        Relayed(
            client=relay.address,
            server=relay.server,
            over=relay.over,
            host=turn.host,
            address=relay.relayed,
            transport=relay.transport,
            told=relay.relayed in told,
            permits=hosts,
        )
        for relay in agent.relays.values()
        if relay.relayed is not None and relay.relayed in gathered
    ]


def _gathered(scene: Scene, config: IceConfig) -> tuple[IceHost, IceHost]:
    """Both agents after gathering; the interfaces that are to be lost are gone."""
    agents = []
    turn = () if scene.turn is None else scene.turn.addresses
    for site, role in ((scene.a, Role.CONTROLLING), (scene.b, Role.CONTROLLED)):
        agent = IceHost(
            site.host,
            role=Role.CONTROLLING if scene.same_role else role,
            config=config,
            components=scene.components,
        )
        agent.gather(site.gathering, scene.servers, turn)
        agents.append(agent)
    scene.internet.clock.run(upheaval.GATHERING_S)
    for agent, site in zip(agents, (scene.a, scene.b), strict=True):
        agent.stop_gathering()
        for address in site.lost:
            site.host.set_up(address, up=False)
    return agents[0], agents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Possible:
    """What brute force found.

    Attributes:
        floor_s: seconds of the quickest nomination that the protocol allows; None where a relay is needed,
            whose own round trips depend on what it was asked before.
        udp: every component has a path over UDP.
    """

    floor_s: float | None
    udp: bool


def search(number: int) -> tuple[Possible | None, bool]:
    """Look for a path by brute force in the pair of networks of this number.

    Gives what it found with the candidates of the descriptions, None where there is no path; and whether it
    found one only with all candidates, as if a description had no limit.
    """
    scene = build(number)
    a, b = _gathered(scene, CONFIG)
    best = _search(scene, a, b)
    return best, best is None and _search(scene, a, b, told=False) is not None


def _search(scene: Scene, a: IceHost, b: IceHost, *, told: bool = True) -> Possible | None:
    """Look for a path between two that have gathered; routers remember what is tried."""
    trips = {Transport.UDP: 2, Transport.TCP: 3}
    slowest: float | None = 0.0
    udp = True
    for component in range(1, scene.components + 1):
        ours = reach_of(scene.a, scene.turn, a, b, component, told=told)
        theirs = reach_of(scene.b, scene.turn, b, a, component, told=told)
        found = ways(scene.internet, ours, theirs)
        if not found:
            return None
        direct = [trips[way.transport] * way.round_trip_s for way in found if not way.relayed]
        slowest = max(slowest, min(direct)) if direct and slowest is not None else None
        udp = udp and any(way.transport is Transport.UDP for way in found)
    return Possible(floor_s=slowest, udp=udp)


def examine(number: int, config: IceConfig = CONFIG) -> Finding:
    """Build a pair of networks, try everything, let two agents of this policy try."""
    best, cut_off = search(number)
    scene = build(number)
    notes = ("; ".join(scene.a.notes), "; ".join(scene.b.notes))
    try:
        return replace(_play(number, scene, config, best, notes), cut_off=cut_off)
    except Exception as error:
        # The survey goes on; a crash stands in its report.
        fault = f"{type(error).__name__}: {error}"
        return Finding(number=number, possible=best is not None, found=False, faults=(fault,), notes=notes)


def _play(
    number: int, scene: Scene, config: IceConfig, best: Possible | None, notes: tuple[str, str]
) -> Finding:
    a, b = _gathered(scene, config)
    started, ended_after_s = _call(scene, a, b)
    states = {a.agent.state, b.agent.state}
    found = states == {SessionState.COMPLETED}
    faults: list[str] = []
    over_floor_ms = None
    over_tcp = False
    move: Move | None = None
    if found:
        if best is None:
            faults.append("found a path that brute force did not")
        elif scene.clean and best.floor_s is not None:
            controlling = a if a.agent.role is Role.CONTROLLING else b
            over_floor_ms = (_completed_at(controlling) - started - best.floor_s) * 1000
        if best is not None and best.udp:
            over_tcp = any(a.selected(n).local.transport is Transport.TCP for n in range(1, a.components + 1))
        faults += _disagreements(a, b)
        if not faults and scene.blow is not None:
            move, faults = _move(number, scene, config, a, b)
    elif states != {SessionState.FAILED}:
        faults.append(f"ended as {a.agent.state} and {b.agent.state}")
    elif not all(_reason(agent) for agent in (a, b)):
        faults.append("a failure without a reason")
    a.close()
    b.close()
    if a.open_flows or b.open_flows:
        faults.append("something is left open")
    return Finding(
        number=number,
        possible=best is not None,
        found=found,
        over_tcp=over_tcp,
        faults=tuple(faults),
        over_floor_ms=over_floor_ms,
        failed_after_s=ended_after_s if states == {SessionState.FAILED} else None,
        move=move,
        notes=notes,
    )


def _call(scene: Scene, a: IceHost, b: IceHost) -> tuple[float, float]:
    """Exchange the descriptions and wait for the end; when it began, and what it took, in seconds."""
    clock = scene.internet.clock
    for_a, for_b = b.agent.local_description, a.agent.local_description
    b.set_remote(for_b)
    if scene.answer_delay_s:
        clock.after(scene.answer_delay_s, lambda: a.set_remote(for_a))
    else:
        a.set_remote(for_a)
    started = clock.now + scene.answer_delay_s
    clock.run(
        DEADLINE_S + scene.answer_delay_s,
        until=lambda: (
            clock.now >= started and all(agent.ended and not agent.agent.restarting for agent in (a, b))
        ),
    )
    return started, clock.now - started


def _move(
    number: int, scene: Scene, config: IceConfig, a: IceHost, b: IceHost
) -> tuple[Move | None, list[str]]:
    """Take the path away; what came of it, and what is wrong."""
    if not upheaval.strike(scene, a, b):
        return None, []
    if not upheaval.noticed(scene, a, b):
        healed = upheaval.healed(a) and upheaval.healed(b)
        faults = _disagreements(a, b) if healed else ["nobody noticed that the path is gone"]
        return Move(possible=True, moved=healed, by_restart=False), faults
    upheaval.gather_again(scene, a, b)
    _, ended_after_s = _call(scene, a, b)
    states = {a.agent.state, b.agent.state}
    moved = states == {SessionState.COMPLETED}
    if moved and a.said(RestartFailed) and b.said(RestartFailed):
        # What was lost came back while new descriptions were exchanged, and they led to nothing better.
        return Move(possible=True, moved=True, by_restart=False), _disagreements(a, b)
    possible = _another_path(number, config)
    faults = []
    if moved:
        faults = _disagreements(a, b)
        if not possible:
            faults.append("moved to a path that brute force did not find")
    elif states != {SessionState.FAILED}:
        faults.append(f"after the path was gone they ended as {a.agent.state} and {b.agent.state}")
    elif ended_after_s > DEADLINE_S or not all(_reason(agent) for agent in (a, b)):
        faults.append("a late failure, or one without a reason")
    return Move(possible=possible, moved=moved, by_restart=True), faults


def _another_path(number: int, config: IceConfig) -> bool:
    """Play all of it again, up to where the new descriptions are exchanged, and look."""
    scene = build(number)
    a, b = _gathered(scene, config)
    _call(scene, a, b)
    _disagreements(a, b)
    upheaval.strike(scene, a, b)
    upheaval.noticed(scene, a, b)
    upheaval.gather_again(scene, a, b)
    return _search(scene, a, b) is not None


def _completed_at(agent: IceHost) -> float:
    return next(e.at for e in agent.said(StateChanged) if e.state is SessionState.COMPLETED)


def _reason(agent: IceHost) -> str:
    return next((e.reason for e in agent.said(StateChanged) if e.state is SessionState.FAILED), "")


def _disagreements(a: IceHost, b: IceHost) -> list[str]:
    """What is wrong some seconds after both have completed."""
    clock = a.host.internet.clock
    clock.run(_SETTLING_S)
    faults = []
    if a.agent.role is b.agent.role:
        faults.append(f"both are {a.agent.role}")
    for agent, name in ((a, "A"), (b, "B")):
        if agent.agent.state is not SessionState.COMPLETED:
            faults.append(f"{name} is {agent.agent.state} after it had completed")
    wires = 0
    for component in range(1, a.components + 1):
        ours, theirs = a.agent.selected(component), b.agent.selected(component)
        if ours is None or theirs is None:
            faults.append(f"component {component} has no path")
            continue
        if (ours.local.address, ours.remote.address, ours.local.transport) != (
            theirs.remote.address,
            theirs.local.address,
            theirs.local.transport,
        ):
            faults.append(
                f"component {component}: A sends {ours.local.address} to {ours.remote.address}, "
                f"B {theirs.local.address} to {theirs.remote.address}"
            )
        wires += ours.local.transport is Transport.TCP
        wanted = (component, _MEDIA)
        for sender, receiver in ((a, b), (b, a)):
            # Some are lost; the first arrives mostly.
            for tries in (1, _MEDIA_TRIES):
                for _ in range(tries):
                    sender.send_media(component, _MEDIA)
                clock.run(_MEDIA_WAIT_S, until=lambda: wanted in receiver.media)  # noqa: B023
                if wanted in receiver.media:
                    break
            else:
                faults.append(f"component {component}: media does not arrive")
            receiver.media.clear()
    if not faults and not len(a.connections) == len(b.connections) == wires:
        faults.append(f"{len(a.connections)} and {len(b.connections)} connections for {wires} paths")
    return faults
