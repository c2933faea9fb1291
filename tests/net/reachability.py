"""Which hosts can reach each other, found by trying everything; knows nothing of ICE.

Both sides send from every socket to every address that they were told or that something came from, over and
over, until nothing new arrives. Then a UDP path is where a datagram and its answer both arrive, and a TCP
path where a connection attempt and its answer do. Ports that connect and listen at once are tried from both
sides, over and over, before that. A relay lets in the hosts that the other side has told, and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ice.types import Transport, TransportAddress
from tests.net.host import Host
from tests.net.internet import Arrived, Internet
from tests.net.packet import Kind, Packet

_OPENING_ROUNDS = 3
"""Attempts from both sides: one opens the filters, one meets what it opened, one more is for good measure."""

_MAX_GENERATION = 4
"""Answers are sent to where something came from, and so on: two NATs with a mapping per destination never
end with that. Every NAT on the way can make one more step worth while; there are four at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """A relayed address of one side.

    Attributes:
        client: where that side speaks to the server from.
        server: where it finds the server.
        over: how it speaks to it.
        host: the server.
        address: the relayed address.
        transport: what is relayed.
        told: the other side is told of it.
        permits: the hosts that are let in.
    """

    client: str
    server: TransportAddress
    over: Transport
    host: Host
    address: TransportAddress
    transport: Transport
    told: bool
    permits: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What one side has to connect with.

    Attributes:
        host: where it is.
        udp: its bound UDP sockets.
        listeners: its listening TCP sockets.
        told_listeners: those as the other side is told, and what a STUN server sees of them.
        dials_from: addresses that it dials from.
        told: its addresses for UDP as the other side is told, sockets and what a STUN server sees.
        so: its TCP sockets that connect and listen at once.
        told_so: those as the other side is told.
        relays: its relayed addresses.
    """

    host: Host
    udp: Sequence[TransportAddress]
    listeners: Sequence[TransportAddress]
    told_listeners: Sequence[TransportAddress]
    dials_from: Sequence[str]
    told: Sequence[TransportAddress]
    so: Sequence[TransportAddress] = ()
    told_so: Sequence[TransportAddress] = ()
    relays: Sequence[Relayed] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A path that works.

    Attributes:
        transport: UDP or TCP.
        round_trip_s: seconds over its lines, without jitter.
        relayed: one end of it is at a relay.
    """

    transport: Transport
    round_trip_s: float
    relayed: bool = False


def ways(internet: Internet, a: Reach, b: Reach) -> list[Way]:
    """All paths between two sides."""
    return [
        *_udp_ways(internet, a, b),
        *_tcp_ways(internet, a, b),
        *_tcp_ways(internet, b, a),
        *_so_ways(internet, a, b),
    ]


@dataclass(frozen=True, slots=True)
class _Socket:
    """Where one side sends from and receives, on its host or at a relay."""

    side: int
    host: Host
    address: TransportAddress
    to_relay_s: float = 0.0
    permits: frozenset[str] | None = None

    def lets_in(self, host: str) -> bool:
        return self.permits is None or host in self.permits


def _standing(internet: Internet, side: Reach, transport: Transport) -> list[tuple[Relayed, float]]:
    """The relays that a side can speak to, and the seconds that this takes there and back."""
    found = []
    for relay in side.relays:
        if relay.transport is not transport:
            continue
        kind = Kind.DATAGRAM if relay.over is Transport.UDP else Kind.SYN
        answer = Kind.DATAGRAM if relay.over is Transport.UDP else Kind.SYN_ACK
        there = internet.walk(Packet(kind, side.host.fresh(relay.client), relay.server), side.host)
        if not isinstance(there, Arrived) or there.host is not relay.host:
            continue
        back = internet.walk(there.packet.answer(answer), there.host)
        if isinstance(back, Arrived) and back.host is side.host:
            found.append((relay, there.delay_s + back.delay_s))
    return found


def _udp_ways(internet: Internet, a: Reach, b: Reach) -> list[Way]:
    targets: dict[_Socket, dict[TransportAddress, int]] = {}
    for number, (ours, theirs) in enumerate(((a, b), (b, a))):
        sockets = [_Socket(number, ours.host, address) for address in ours.udp]
        for relay, to_relay_s in _standing(internet, ours, Transport.UDP):
            if relay.told:
                sockets.append(_Socket(number, relay.host, relay.address, to_relay_s, relay.permits))
        for socket in sockets:
            family = [t for t in theirs.told if (":" in t.host) is (":" in socket.address.host)]
            targets[socket] = dict.fromkeys(family, 0)
    places = {(socket.host, socket.address): socket for socket in targets}
    arrivals: dict[tuple[_Socket, TransportAddress], tuple[_Socket, TransportAddress, float]] = {}
    quiet_rounds = 0
    # What is sent in a round may open a filter for what was sent before it in the same round.
    while quiet_rounds < 2:
        before = len(arrivals), sum(len(known) for known in targets.values())
        for socket, known in targets.items():
            for target, generation in tuple(known.items()):
                if not socket.lets_in(target.host):
                    continue
                result = internet.walk(Packet(Kind.DATAGRAM, socket.address, target), socket.host)
                if not isinstance(result, Arrived):
                    continue
                there = places.get((result.host, result.packet.destination))
                source = result.packet.source
                if there is None or there.side == socket.side or not there.lets_in(source.host):
                    continue
                arrivals[socket, target] = (there, source, result.delay_s)
                if generation < _MAX_GENERATION:
                    targets[there].setdefault(source, generation + 1)
        after = len(arrivals), sum(len(known) for known in targets.values())
        quiet_rounds = quiet_rounds + 1 if after == before else 0
    found = []
    for (here, target), (there, source, delay_s) in arrivals.items():
        back = arrivals.get((there, source))
        if here.side == 0 and back is not None and back[:2] == (here, target):
            whole_s = delay_s + back[2] + here.to_relay_s + there.to_relay_s
            relayed = here.permits is not None or there.permits is not None
            found.append(Way(transport=Transport.UDP, round_trip_s=whole_s, relayed=relayed))
    return found


def _tcp_ways(internet: Internet, dialler: Reach, listener: Reach) -> list[Way]:
    doors = {
        (relay.host, relay.address): (relay, to_relay_s)
        for relay, to_relay_s in _standing(internet, listener, Transport.TCP)
    }
    told = [*listener.told_listeners, *(relay.address for relay, _ in doors.values() if relay.told)]
    starts: list[tuple[Host, str | TransportAddress, float]] = [
        (dialler.host, address, 0.0) for address in dialler.dials_from
    ]
    starts += [
        (relay.host, relay.address, to_relay_s)
        for relay, to_relay_s in _standing(internet, dialler, Transport.TCP)
    ]
    found = []
    for host, start, to_relay_s in starts:
        for target in told:
            port = host.fresh(start) if isinstance(start, str) else start
            if (":" in target.host) is not (":" in port.host):
                continue
            syn = internet.walk(Packet(Kind.SYN, port, target), host)
            if not isinstance(syn, Arrived):
                continue
            door = doors.get((syn.host, syn.packet.destination))
            if door is not None:
                if syn.packet.source.host not in door[0].permits:
                    continue
            elif syn.host is not listener.host or syn.packet.destination not in listener.listeners:
                continue
            answer = internet.walk(syn.packet.answer(Kind.SYN_ACK), syn.host)
            if not isinstance(answer, Arrived) or answer.host is not host:
                continue
            whole_s = syn.delay_s + answer.delay_s + to_relay_s + (0.0 if door is None else door[1])
            relayed = host is not dialler.host or door is not None
            found.append(Way(transport=Transport.TCP, round_trip_s=whole_s, relayed=relayed))
    return found


def _so_ways(internet: Internet, a: Reach, b: Reach) -> list[Way]:
    """Whoever is first opens the way for the other; who gets in meets the other's attempt or its listener."""
    found: list[Way] = []
    for _ in range(_OPENING_ROUNDS):
        found = [
            way
            for dialler, listener in ((a, b), (b, a))
            for port in dialler.so
            for target in listener.told_so
            for way in _connect(internet, dialler.host, port, target, listener)
        ]
    return found


def _connect(
    internet: Internet, host: Host, port: TransportAddress, target: TransportAddress, listener: Reach
) -> list[Way]:
    """The way from a port to what the other side told, where an attempt and its answer arrive."""
    if (":" in target.host) is not (":" in port.host):
        return []
    syn = internet.walk(Packet(Kind.SYN, port, target), host)
    if not isinstance(syn, Arrived) or syn.host is not listener.host:
        return []
    if syn.packet.destination not in (*listener.listeners, *listener.so):
        return []
    answer = internet.walk(syn.packet.answer(Kind.SYN_ACK), syn.host)
    if not isinstance(answer, Arrived) or answer.host is not host:
        return []
    return [Way(transport=Transport.TCP, round_trip_s=syn.delay_s + answer.delay_s)]
