"""Random pairs of networks for the survey: two hosts somewhere in the Internet, and what lies between them.

One seed always builds the same; the survey builds each twice, for the agents and for the brute force.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace
from typing import Literal

from ice.types import Transport, TransportAddress
from tests.net.firewall import ONLY_443, OPEN, FirewallRules
from tests.net.host import Host
from tests.net.ice_host import Gathering
from tests.net.internet import Internet
from tests.net.link import Link
from tests.net.nat import Behaviour, Nat, Translation
from tests.net.router import Network, Router
from tests.net.stun_server import StunServer
from tests.net.turn_host import TurnHost

_MAPPINGS = (Behaviour.ENDPOINT_INDEPENDENT,) * 6 + (
    Behaviour.ADDRESS_DEPENDENT,
    Behaviour.ADDRESS_AND_PORT_DEPENDENT,
    Behaviour.ADDRESS_AND_PORT_DEPENDENT,
)
_FILTERINGS = (*Behaviour, Behaviour.ADDRESS_AND_PORT_DEPENDENT)

_DELAYS_S = (0.0005, 0.002, 0.005, 0.0125, 0.025, 0.05, 0.1)
_LAN = Link(delay_s=0.0002)


@dataclass(slots=True, kw_only=True)
class Site:
    """One side.

    Attributes:
        host: its host.
        gathering: which candidates it gathers.
        lost: addresses whose interface goes down when the descriptions have been exchanged.
        notes: what there is, for people.
    """

    host: Host
    gathering: Gathering
    lost: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """What happens in the middle of a call.

    Attributes:
        kind: an interface goes down, the one that carries the first component; or all connections that carry
            the call are reset.
        to_a: it happens on A's side.
    """

    kind: Literal["interface", "reset"]
    to_a: bool


@dataclass(slots=True, kw_only=True)
class Scene:
    """Two sites and the Internet around them.

    Attributes:
        internet: with its clock.
        a: who describes itself first.
        b: who answers.
        servers: STUN servers, one address per family; empty where there is none.
        turn: the TURN server, None where nobody has one.
        components: 1 or 2.
        same_role: both believe to control.
        answer_delay_s: A learns B's description so much later than B learns A's.
        clean: no loss, no jitter, no delay of the answer: its times are compared with the floor.
        blow: what happens to the call, None where nothing does.
    """

    internet: Internet
    a: Site
    b: Site
    servers: tuple[TransportAddress, ...]
    turn: TurnHost | None
    components: int
    same_role: bool
    answer_delay_s: float
    clean: bool
    blow: Blow | None


class _Builder:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.internet = Internet(seed)
        self.rough = self.chance.random() < 0.4
        self._public4 = (
            f"{net}.{n}" for net in ("192.0.2", "198.51.100", "203.0.113") for n in range(1, 255)
        )
        self._public6 = (f"2001:db8::{n:x}" for n in itertools.count(1))
        self._shared4 = (f"100.64.0.{n}" for n in itertools.count(1))

    def likely(self, share: float) -> bool:
        return self.chance.random() < share

    def link(self) -> Link:
        jitter_s = self.chance.choice((0.0, 0.005, 0.03)) if self.rough else 0.0
        # Eight lines there and back: with more loss, whether seven tries suffice would be a matter of luck.
        loss = self.chance.choice((0.0, 0.01, 0.03)) if self.rough else 0.0
        return Link(delay_s=self.chance.choice(_DELAYS_S), jitter_s=jitter_s, loss=loss)

    def nat(self, outside: Network, notes: list[str], *, udp: Translation | None = None) -> Nat:
        shared = outside is not self.internet.core
        address = next(self._shared4 if shared else self._public4)
        udp = udp or self.translation()
        tcp = self.translation()
        hairpin = self.likely(0.5)
        notes.append(f"NAT {address} udp {udp.mapping}/{udp.filtering}" + (" hairpin" if hairpin else ""))
        return Nat(address=address, udp=udp, tcp=tcp, hairpin=hairpin, chance=self.internet.chance)

    def translation(self) -> Translation:
        return Translation(
            mapping=self.chance.choice(_MAPPINGS),
            filtering=self.chance.choice(_FILTERINGS),
            lifetime_s=self.chance.choice((30.0, 120.0, 300.0)),
        )

    def rules(self, notes: list[str]) -> FirewallRules:
        kind = self.chance.choices(("open", "stateful", "no udp", "only 443"), (40, 35, 15, 10))[0]
        reject = self.likely(0.4)
        if kind == "open":
            return OPEN
        notes.append(f"firewall {kind}" + (" rejecting" if reject else ""))
        inbound = self.likely(0.2)
        if kind == "stateful":
            return FirewallRules(tcp_inbound=inbound, udp_inbound=self.likely(0.2), reject=reject)
        ports = ONLY_443 if kind == "only 443" else None
        return FirewallRules(udp=False, tcp_inbound=inbound, tcp_ports=ports, reject=reject)

    def carrier(self, notes: list[str]) -> Network:
        """A carrier's network, whose customers share outside addresses."""
        nat = self.nat(self.internet.core, notes)
        return Router(outside=self.internet.core, link=self.link(), nat=nat).inside

    def place(self, notes: list[str]) -> Network:
        """A network for a host: the Internet, or behind one or two routers."""
        kind = self.chance.choices(("public", "routed", "home", "carrier"), (20, 15, 50, 15))[0]
        notes.append(kind)
        if kind == "public":
            return self.internet.core
        outside = self.carrier(notes) if kind == "carrier" else self.internet.core
        return self.home(outside, notes, translated=kind != "routed")

    def home(self, outside: Network, notes: list[str], *, translated: bool = True) -> Network:
        rules = self.rules(notes)
        nat = self.nat(outside, notes) if translated else None
        return Router(outside=outside, link=self.link(), nat=nat, rules=rules).inside

    def attach(self, host: Host, network: Network, notes: list[str]) -> None:
        """One or two addresses in a network."""
        router = network.gateway
        link = self.link() if router is None else _LAN
        families = self.chance.choices(((4,), (4, 6), (6,)), (60, 33, 7))[0]
        for family in families:
            if family == 6:
                address = next(self._public6)
            elif router is None or router.nat is None:
                address = next(self._public4)
            else:
                address = self._private(host, network)
            host.attach(address, network, link)
            if router is not None and (family == 6 or router.nat is None):
                router.route(address)
            notes.append(address)

    def _private(self, host: Host, network: Network) -> str:
        """Few of them, so that both sides often have the same; never one that the host has elsewhere."""
        taken = (*network.nodes, *host.interfaces)
        free = [a for n in range(10, 18) if (a := f"192.168.1.{n}") not in taken]
        return self.chance.choice(free)

    def gathering(self, notes: list[str]) -> Gathering:
        which = Gathering(
            udp=self.likely(0.93),
            active=self.likely(0.95),
            passive=self.likely(0.93),
            so=self.likely(0.6),
            reflexive_tcp=self.likely(0.7),
            tcp_port=443 if self.likely(0.15) else None,
        )
        notes.append(f"{which}")
        return which

    def site(self, network: Network | None, notes: list[str]) -> Site:
        host = Host(self.internet)
        self.attach(host, network or self.place(notes), notes)
        if self.likely(0.2):
            self.attach(host, self.place(notes), notes)
        lost: tuple[str, ...] = ()
        if len(host.interfaces) > 1 and self.likely(0.2):
            lost = (self.chance.choice(list(host.interfaces)),)
            notes.append(f"loses {lost[0]}")
        return Site(host=host, gathering=self.gathering(notes), lost=lost, notes=notes)

    def relays(self, site: Site, *, only_443: bool) -> None:
        """Let a site have relays, or not."""
        udp, tcp = self.chance.choices(
            ((False, False), (True, False), (False, True), (True, True)), (30, 15, 15, 40)
        )[0]
        over = Transport.UDP if not only_443 and self.likely(0.3) else Transport.TCP
        site.gathering = replace(site.gathering, relay_udp=udp, relay_tcp=tcp, relay_over=over)
        site.notes.append(f"relays udp={udp} tcp={tcp} over {over}")

    def stranger(self, network: Network) -> None:
        """A host that has one of the usual private addresses and runs nothing."""
        if network.gateway is not None and network.gateway.nat is not None:
            host = Host(self.internet)
            host.attach(self._private(host, network), network, _LAN)


def build(seed: int) -> Scene:
    """The pair of networks of a seed."""
    make = _Builder(seed)
    notes_a: list[str] = []
    notes_b: list[str] = []
    network_a: Network | None = None
    network_b: Network | None = None
    relation = make.chance.choices(("apart", "one network", "one carrier"), (80, 10, 10))[0]
    if relation == "one network":
        network_a = network_b = make.place(notes_a)
        notes_b.append("the network of A")
    elif relation == "one carrier":
        carrier = make.carrier(notes_a)
        network_a, network_b = make.home(carrier, notes_a), make.home(carrier, notes_b)
    a = make.site(network_a, notes_a)
    b = make.site(network_b, notes_b)
    for site in (a, b):
        for interface in tuple(site.host.interfaces.values()):
            if make.likely(0.3):
                make.stranger(interface.network)
    servers: tuple[TransportAddress, ...] = ()
    if make.likely(0.85):
        host = Host(make.internet)
        for address in (next(make._public4), next(make._public6)):
            host.attach(address, make.internet.core, Link(delay_s=0.01))
        servers = StunServer(host).addresses
    late = make.likely(0.3)
    components = 2 if make.likely(0.25) else 1
    same_role = make.likely(0.05)
    answer_delay_s = make.chance.choice((0.02, 0.2, 1.0, 5.0)) if late else 0.0
    turn: TurnHost | None = None
    if make.likely(0.35):
        only_443 = make.likely(0.5)
        host = Host(make.internet)
        for address in (next(make._public4), next(make._public6))[: 2 if make.likely(0.7) else 1]:
            host.attach(address, make.internet.core, make.link())
        turn = TurnHost(host, port=443 if only_443 else 3478, udp=not only_443)
        for site in (a, b):
            make.relays(site, only_443=only_443)
    blow: Blow | None = None
    if make.likely(0.25):
        blow = Blow(kind=make.chance.choice(("interface", "reset")), to_a=make.likely(0.5))
    return Scene(
        internet=make.internet,
        a=a,
        b=b,
        servers=servers,
        turn=turn,
        components=components,
        same_role=same_role,
        answer_delay_s=answer_delay_s,
        clean=not make.rough and not late,
        blow=blow,
    )
