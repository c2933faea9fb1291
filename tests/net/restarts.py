"""Restarts of two agents on a `PairNetwork`, and media that must not notice them."""

from __future__ import annotations

from ice.messages import Event, PathLost, PathSelected
from ice.types import Credentials, FlowId, Transport, TransportAddress
from tests.net.pair_network import PairNetwork, Side

HOSTS = {"a": "192.0.2.1", "b": "198.51.100.1"}


def renew(side: Side, host: str | None = None, **which: bool) -> None:
    """Begin a restart on one side: new credentials, new sockets."""
    network = side.network
    number = network.random.getrandbits(32)
    credentials = Credentials(ufrag=f"{side.name}{number:08x}", password=f"{side.name}-new-{number:024x}")
    side.agent.restart(credentials, network.now)
    side.gather([host or HOSTS[side.name]], components=network.components, **which)
    network.pump(side)


def offer(side: Side, *, delay_s: float = 0.05, **which: bool) -> None:
    """One exchange: this side offers a restart, the other answers it; signalling takes `delay_s` each way."""
    network, other = side.network, side.other
    renew(side, None, **which)
    ours = side.agent.local_description

    def answer() -> None:
        renew(other)
        theirs = other.agent.local_description
        other.agent.set_remote(ours, network.now)
        network.at(delay_s, lambda: side.agent.set_remote(theirs, network.now), side)

    network.at(delay_s, answer, other)


class Media:
    """Packets on the path of each side, one every 20 ms or `every_s`, and what became of them.

    Attributes:
        sent: packets that found a path.
        unsent: packets that found none.
        refused: packets that arrived where no media was taken from their source.
        delivered: packets that the other side took.
    """

    def __init__(self, network: PairNetwork, every_s: float = 0.02) -> None:
        self._network = network
        self._every_s = every_s
        self._path: dict[str, tuple[FlowId, TransportAddress] | None] = {"a": None, "b": None}
        self._seen = {"a": 0, "b": 0}
        self.sent = {"a": 0, "b": 0}
        self.unsent = {"a": 0, "b": 0}
        self.refused = {"a": 0, "b": 0}
        self.delivered = {"a": 0, "b": 0}
        self._muted: set[str] = set()
        for side in (network.a, network.b):
            self._tick(side)

    def path(self, side: Side) -> tuple[FlowId, TransportAddress] | None:
        """Where a side sends, as its events say."""
        news: list[Event] = side.events[self._seen[side.name] :]
        self._seen[side.name] = len(side.events)
        for event in news:
            match event:
                case PathSelected(component=1):
                    self._path[side.name] = (event.flow, event.remote)
                case PathLost(component=1):
                    self._path[side.name] = None
                case _:
                    pass
        return self._path[side.name]

    def mute(self, side: Side) -> None:
        """This side sends no media any more."""
        self._muted.add(side.name)

    def _tick(self, side: Side) -> None:
        path = self.path(side)
        if side.name in self._muted:
            return
        if path is None:
            self.unsent[side.name] += 1
        else:
            self._send(side, *path)
        self._network.at(self._every_s, lambda: self._tick(side), side)

    def _send(self, side: Side, flow: FlowId, remote: TransportAddress) -> None:
        network, other = self._network, side.other
        self.sent[side.name] += 1
        link = network.links[side.name]
        lost = not link.udp or (link.loss and network.random.random() < link.loss)
        if network.cut or (flow in side.udp and lost):
            return
        if flow in side.udp:
            source = side.udp[flow]

            def arrive() -> None:
                for theirs, bound in other.udp.items():
                    if bound == remote:
                        self._take(side, theirs, source)
                        return
                self.refused[side.name] += 1

            network.at(network.delay_s, arrive, other)
            return
        wire = side.connections.get(flow)
        if wire is None or wire.peer is None:
            self.refused[side.name] += 1
            return
        peer = wire.peer

        def arrive_framed() -> None:
            if peer.flow in other.connections:
                self._take(side, peer.flow, peer.remote)
            else:
                self.refused[side.name] += 1

        network.at(network.delay_s, arrive_framed, other)

    def _take(self, side: Side, flow: FlowId, source: TransportAddress) -> None:
        accepted = side.other.agent.accepts_data(flow, source) == 1
        (self.delivered if accepted else self.refused)[side.name] += 1
        if accepted:
            side.other.agent.heard_media(1, self._network.now)


def transport(side: Side) -> Transport:
    """Of the selected pair."""
    return side.selected().local.transport
