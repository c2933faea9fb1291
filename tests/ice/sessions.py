"""Two sessions in one process on real loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ice.config import IceConfig
from ice.description import dump_description, load_description
from ice.messages import Event
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import Network
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Description, Role, TcpType
from tests.ice.loopback import HOST, until

LOOPBACK = next(a.interface for a in HostNetwork().host_addresses() if a.host == HOST)
CONFIG = IceConfig(loopback=True, interfaces=(LOOPBACK,))
NOMINATION_S = 15.0
_AT_ONCE = 3


def rtp(number: int) -> bytes:
    return b"\x80\x00" + number.to_bytes(2, "big") + bytes(160)


class Side:
    """A session with everything that it tells."""

    def __init__(self, role: Role, network: Network, config: IceConfig, components: int) -> None:
        self.session = Session(network=network, config=config, role=role, components=components)
        self.events: list[Event] = []
        self.session.subscribe(self.events.append)
        self.received: dict[int, list[bytes]] = {}
        for component in range(1, components + 1):
            self.listen(component)

    def listen(self, component: int) -> None:
        box = self.received.setdefault(component, [])
        self.session.path(component).set_receiver(lambda packet, _at: box.append(packet))

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def description(self) -> Description:
        """What the other side gets, over its JSON form."""
        return load_description(dump_description(self.session.local_description))


@asynccontextmanager
async def two(
    *,
    udp: bool = True,
    components: int = 1,
    config: IceConfig = CONFIG,
    answerer: IceConfig | None = None,
) -> AsyncIterator[tuple[Side, Side, FirewallPolicy]]:
    """An offerer and an answerer behind one firewall, gathered; closed at the end."""
    policy = FirewallPolicy(udp="open" if udp else "blocked")
    network = FirewallNetwork(HostNetwork(), policy)
    left = Side(Role.CONTROLLING, network, config, components)
    right = Side(Role.CONTROLLED, network, answerer or config, components)
    await left.session.gather()
    await right.session.gather()
    try:
        yield left, right, policy
    finally:
        await left.session.close()
        await right.session.close()


async def connect(left: Side, right: Side, timeout_s: float = NOMINATION_S) -> None:
    right.session.set_remote(left.description)
    left.session.set_remote(right.description)
    async with asyncio.timeout(timeout_s):
        await left.session.completed()
        await right.session.completed()


async def exchange_packets(
    left: Side, right: Side, component: int, count: int = 50, timeout_s: float = 10.0
) -> None:
    """Both ways; no faster than a connection takes them, for a path drops media that would have to wait."""
    sent = [rtp(number) for number in range(count)]
    heard = left.received[component], right.received[component]
    for number, packet in enumerate(sent, 1):
        assert left.session.path(component).send(packet)
        assert right.session.path(component).send(packet)
        if number % _AT_ONCE == 0 or number == count:
            await until(lambda: len(heard[0]) == len(heard[1]) == number, timeout_s)  # noqa: B023
    assert left.received[component] == right.received[component] == sent


def only(description: Description, tcptype: TcpType) -> Description:
    """The description with the TCP candidates of one direction alone."""
    candidates = tuple(c for c in description.candidates if c.tcptype is tcptype)
    return replace(description, candidates=candidates)
