"""Surveys random pairs of networks: do two agents find a path wherever there is one?

    python -m tests.net.survey --networks 5000 --seed 1 [--json] [--jobs 2]

A path is possible where brute force finds one (`tests.net.reachability`), for every component. Prints what
was found and missed, every fault with the number that builds its network again (`--only`), and how long
after the floor of the protocol the controlling agent had its path: two round trips over UDP (check,
nomination), three over TCP (connect, check, nomination). Exit code 1 where anything is missed or faulty.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field

from ice.candidate import base_of
from ice.config import IceConfig
from ice.messages import StateChanged
from ice.types import Role, SessionState, TcpType, Transport
from tests.net.ice_host import IceHost
from tests.net.random_internet import Scene, Site, build
from tests.net.reachability import Reach, ways

CONFIG = IceConfig()

DEADLINE_S = CONFIG.patience_s + CONFIG.check_timeout_s
"""Patience, and one check that began just before it ended."""

_GATHERING_S = 3.0
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
    notes: tuple[str, str] = ("", "")

    @property
    def missed(self) -> bool:
        """A path was there and the agents did not find it."""
        return self.possible and not self.found


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All findings of a survey."""

    networks: int
    found: int
    possible: int
    impossible: int
    missed: int
    cut_off: int
    over_tcp: int
    faults: int
    over_floor_ms: dict[str, float] = field(default_factory=dict)
    failed_after_s: dict[str, float] = field(default_factory=dict)


def reach_of(site: Site, agent: IceHost, component: int, *, told: bool) -> Reach:
    """What a side has for a component: what its description tells, or all that it gathered."""
    chosen = agent.agent.local_description.candidates if told else agent.gathered
    candidates = [candidate for candidate in chosen if candidate.component == component]
    udp = [candidate for candidate in candidates if candidate.transport is Transport.UDP]
    passive = [candidate for candidate in candidates if candidate.tcptype is TcpType.PASSIVE]
    # It connects from those as well for which its description had no room.
    active = [c for c in agent.gathered if c.component == component and c.tcptype is TcpType.ACTIVE]
    so = [candidate for candidate in candidates if candidate.tcptype is TcpType.SO]
    return Reach(
        host=site.host,
        udp=list({base_of(candidate): None for candidate in udp}),
        listeners=list({base_of(candidate): None for candidate in passive}),
        told_listeners=[candidate.address for candidate in passive],
        dials_from=list({base_of(candidate).host: None for candidate in active}),
        told=[candidate.address for candidate in udp],
        so=list({base_of(candidate): None for candidate in so}),
        told_so=[candidate.address for candidate in so],
    )


def _gathered(scene: Scene, config: IceConfig) -> tuple[IceHost, IceHost]:
    """Both agents after gathering; the interfaces that are to be lost are gone."""
    agents = []
    for site, role in ((scene.a, Role.CONTROLLING), (scene.b, Role.CONTROLLED)):
        agent = IceHost(
            site.host,
            role=Role.CONTROLLING if scene.same_role else role,
            config=config,
            components=scene.components,
        )
        agent.gather(site.gathering, scene.servers)
        agents.append(agent)
    scene.internet.clock.run(_GATHERING_S)
    for site in (scene.a, scene.b):
        for address in site.lost:
            site.host.set_up(address, up=False)
    return agents[0], agents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Possible:
    """What brute force found.

    Attributes:
        floor_s: seconds of the quickest nomination that the protocol allows.
        udp: every component has a path over UDP.
    """

    floor_s: float
    udp: bool


def search(number: int, *, told: bool = True) -> Possible | None:
    """Look for a path by brute force; None: there is none.

    Args:
        number: of the pair of networks.
        told: with the candidates of the descriptions, else with all, as if a description had no limit.
    """
    scene = build(number)
    a, b = _gathered(scene, CONFIG)
    trips = {Transport.UDP: 2, Transport.TCP: 3}
    slowest, udp = 0.0, True
    for component in range(1, scene.components + 1):
        ours = reach_of(scene.a, a, component, told=told)
        theirs = reach_of(scene.b, b, component, told=told)
        found = ways(scene.internet, ours, theirs)
        if not found:
            return None
        slowest = max(slowest, min(trips[way.transport] * way.round_trip_s for way in found))
        udp = udp and any(way.transport is Transport.UDP for way in found)
    return Possible(floor_s=slowest, udp=udp)


def examine(number: int, config: IceConfig = CONFIG) -> Finding:
    """Build a pair of networks, try everything, let two agents of this policy try."""
    best = search(number)
    scene = build(number)
    notes = ("; ".join(scene.a.notes), "; ".join(scene.b.notes))
    try:
        return _play(number, scene, config, best, notes)
    except Exception as error:
        # The survey goes on; a crash stands in its report.
        fault = f"{type(error).__name__}: {error}"
        return Finding(number=number, possible=best is not None, found=False, faults=(fault,), notes=notes)


def _play(
    number: int, scene: Scene, config: IceConfig, best: Possible | None, notes: tuple[str, str]
) -> Finding:
    clock = scene.internet.clock
    a, b = _gathered(scene, config)
    for_a, for_b = b.agent.local_description, a.agent.local_description
    b.set_remote(for_b)
    if scene.answer_delay_s:
        clock.after(scene.answer_delay_s, lambda: a.set_remote(for_a))
    else:
        a.set_remote(for_a)
    started = clock.now + scene.answer_delay_s
    clock.run(DEADLINE_S + scene.answer_delay_s, until=lambda: a.ended and b.ended)
    ended_after_s = clock.now - started
    states = {a.agent.state, b.agent.state}
    found = states == {SessionState.COMPLETED}
    faults: list[str] = []
    over_floor_ms = None
    over_tcp = False
    if found:
        if best is None:
            faults.append("found a path that brute force did not")
        elif scene.clean:
            controlling = a if a.agent.role is Role.CONTROLLING else b
            over_floor_ms = (_completed_at(controlling) - started - best.floor_s) * 1000
        if best is not None and best.udp:
            over_tcp = any(a.selected(n).local.transport is Transport.TCP for n in range(1, a.components + 1))
        faults += _disagreements(a, b)
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
        cut_off=best is None and search(number, told=False) is not None,
        over_tcp=over_tcp,
        faults=tuple(faults),
        over_floor_ms=over_floor_ms,
        failed_after_s=ended_after_s if states == {SessionState.FAILED} else None,
        notes=notes,
    )


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
        for sender, receiver in ((a, b), (b, a)):
            for _ in range(_MEDIA_TRIES):
                sender.send_media(component, _MEDIA)
            clock.run(_MEDIA_WAIT_S)
            if not any(item == (component, _MEDIA) for item in receiver.media):
                faults.append(f"component {component}: media does not arrive")
            receiver.media.clear()
    if not faults and not len(a.connections) == len(b.connections) == wires:
        faults.append(f"{len(a.connections)} and {len(b.connections)} connections for {wires} paths")
    return faults


# --- the report -------------------------------------------------------------------------------------------


def summarise(findings: Iterable[Finding]) -> Summary:
    """Count."""
    findings = tuple(findings)
    return Summary(
        networks=len(findings),
        found=sum(finding.found for finding in findings),
        possible=sum(finding.possible for finding in findings),
        impossible=sum(not finding.possible for finding in findings),
        missed=sum(finding.missed for finding in findings),
        cut_off=sum(finding.cut_off for finding in findings),
        over_tcp=sum(finding.over_tcp for finding in findings),
        faults=sum(bool(finding.faults) for finding in findings),
        over_floor_ms=_distribution([f.over_floor_ms for f in findings if f.over_floor_ms is not None]),
        failed_after_s=_distribution([f.failed_after_s for f in findings if f.failed_after_s is not None]),
    )


def _distribution(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    values.sort()
    shares = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: round(values[round(share * (len(values) - 1))], 3) for name, share in shares.items()}


def _print(summary: Summary, wrong: Sequence[Finding], elapsed_s: float) -> None:
    for finding in wrong:
        what = "; ".join((*(["missed"] if finding.missed else []), *finding.faults))
        print(f"network {finding.number}: {what}")
        print(f"    A: {finding.notes[0]}\n    B: {finding.notes[1]}")
    for name in ("networks", "possible", "impossible", "found", "missed", "faults"):
        print(f"{name}: {getattr(summary, name)}")

    def line(values: dict[str, float]) -> str:
        return ", ".join(f"{name} {value:.0f}" for name, value in values.items()) or "none"

    print(f"possible only with candidates beyond the limit of a description: {summary.cut_off}")
    print(f"found over TCP where UDP was possible: {summary.over_tcp}")
    print(f"nominated after the floor, ms: {line(summary.over_floor_ms)}")
    print(f"failed after, s: {line(summary.failed_after_s)}")
    print(f"{summary.networks / elapsed_s * 60:.0f} networks a minute")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.net.survey", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--networks", type=int, default=1000, help="how many pairs of networks")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other networks")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one network of an earlier survey")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    numbers = numbers_of(options.seed, options.networks) if options.only is None else [options.only]
    started = time.monotonic()
    if options.jobs > 1:
        with ProcessPoolExecutor(options.jobs) as pool:
            findings = list(pool.map(examine, numbers, chunksize=50))
    else:
        findings = [examine(number) for number in numbers]
    summary = summarise(findings)
    wrong = [finding for finding in findings if finding.missed or finding.faults]
    if options.json:
        print(json.dumps({**asdict(summary), "wrong": [asdict(finding) for finding in wrong]}))
    else:
        _print(summary, wrong, time.monotonic() - started)
    return 1 if wrong else 0


def numbers_of(seed: int, networks: int) -> list[int]:
    """The numbers of the networks of a seed."""
    return [seed * 1_000_000 + n for n in range(networks)]


if __name__ == "__main__":
    sys.exit(main())
