"""Small networks for the tests of the simulator: hosts, and what they got."""

from __future__ import annotations

import random

from ice.types import TransportAddress
from tests.net.firewall import OPEN, FirewallRules
from tests.net.host import Host
from tests.net.internet import Internet
from tests.net.link import Link
from tests.net.nat import Nat, Translation
from tests.net.router import Router
from tests.net.tcp import Connection

DELAY_S = 0.01
"""Of every line."""


def at(host: str, port: int) -> TransportAddress:
    """A transport address."""
    return TransportAddress(host=host, port=port)


class Station:
    """A host with one address that writes down what it gets.

    Attributes:
        got: datagrams: when, from where, to which port, what.
        frames: frames of all its connections: when, what.
        opened: connections, dialled and accepted.
        ended: why its connections and attempts ended, and when.
    """

    def __init__(
        self, internet: Internet, address: str, router: Router | None = None, link: Link | None = None
    ) -> None:
        self.host = Host(internet)
        self.address = address
        self.clock = internet.clock
        network = internet.core if router is None else router.inside
        self.host.attach(address, network, link or Link(delay_s=DELAY_S))
        if router is not None and (router.nat is None or ":" in address):
            router.route(address)
        self.got: list[tuple[float, TransportAddress, int, bytes]] = []
        self.frames: list[tuple[float, bytes]] = []
        self.opened: list[Connection] = []
        self.ended: list[tuple[float, str]] = []
        self._started_at = self.clock.now

    @property
    def _elapsed(self) -> float:
        return round(self.clock.now - self._started_at, 6)

    def bind(self, port: int) -> TransportAddress:
        """A UDP socket."""
        address = at(self.address, port)
        self.host.udp[address] = lambda source, data: self.got.append((self._elapsed, source, port, data))
        return address

    def listen(self, port: int) -> TransportAddress:
        """A TCP listener."""
        address = at(self.address, port)
        self.host.listeners[address] = self._take
        return address

    def dial(self, remote: TransportAddress, port: int = 0) -> None:
        """Try to connect, from any port where none is given."""
        self.host.dial(
            self.address,
            remote,
            port=port,
            opened=self._take,
            failed=lambda r: self.ended.append((self._elapsed, r)),
        )

    def _take(self, connection: Connection) -> None:
        connection.on_frame = lambda frame: self.frames.append((self._elapsed, frame))
        connection.on_end = lambda reason: self.ended.append((self._elapsed, reason))
        self.opened.append(connection)

    def send(self, port: int, remote: TransportAddress, data: bytes = b"?") -> None:
        """A datagram from a bound port, and time for it to arrive."""
        self.host.send_datagram(at(self.address, port), remote, data)
        self.clock.run(1)

    @property
    def sources(self) -> list[TransportAddress]:
        """Where its datagrams came from."""
        return [source for _, source, _, _ in self.got]


def behind(
    internet: Internet,
    address: str,
    *,
    udp: Translation | None = None,
    tcp: Translation | None = None,
    hairpin: bool = False,
    rules: FirewallRules = OPEN,
    outside: Router | None = None,
) -> Router:
    """A router with a NAT whose outside address is `address`."""
    nat = Nat(
        address=address,
        udp=udp or Translation(),
        tcp=tcp or Translation(),
        hairpin=hairpin,
        chance=random.Random(1),
    )
    network = internet.core if outside is None else outside.inside
    return Router(outside=network, link=Link(delay_s=DELAY_S), nat=nat, rules=rules)


def guarded(internet: Internet, rules: FirewallRules) -> Router:
    """A router with a firewall and no NAT."""
    return Router(outside=internet.core, link=Link(delay_s=DELAY_S), rules=rules)
