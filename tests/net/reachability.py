"""Which hosts can reach each other, found by trying everything; knows nothing of ICE.

Both sides send from every socket to every address that they were told or that something came from, over and
over, until nothing new arrives. Then a UDP path is where a datagram and its answer both arrive, and a TCP
path where a connection attempt and its answer do. Ports that connect and listen at once are tried from both
sides, over and over, before that.
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
    """

    host: Host
    udp: Sequence[TransportAddress]
    listeners: Sequence[TransportAddress]
    told_listeners: Sequence[TransportAddress]
    dials_from: Sequence[str]
    told: Sequence[TransportAddress]
    so: Sequence[TransportAddress] = ()
    told_so: Sequence[TransportAddress] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A path that works.

    Attributes:
        transport: UDP or TCP.
        round_trip_s: seconds over its lines, without jitter.
    """

    transport: Transport
    round_trip_s: float


def ways(internet: Internet, a: Reach, b: Reach) -> list[Way]:
    """All paths between two sides."""
    return [
        *_udp_ways(internet, a, b),
        *_tcp_ways(internet, a, b),
        *_tcp_ways(internet, b, a),
        *_so_ways(internet, a, b),
    ]


_Socket = tuple[Host, TransportAddress]


def _udp_ways(internet: Internet, a: Reach, b: Reach) -> list[Way]:
    targets: dict[_Socket, dict[TransportAddress, int]] = {}
    peer_of = {a.host: b.host, b.host: a.host}
    for ours, theirs in ((a, b), (b, a)):
        for socket in ours.udp:
            family = [t for t in theirs.told if (":" in t.host) is (":" in socket.host)]
            targets[ours.host, socket] = dict.fromkeys(family, 0)
    arrivals: dict[tuple[_Socket, TransportAddress], tuple[_Socket, TransportAddress, float]] = {}
    quiet_rounds = 0
    # What is sent in a round may open a filter for what was sent before it in the same round.
    while quiet_rounds < 2:
        before = len(arrivals), sum(len(known) for known in targets.values())
        for (host, socket), known in targets.items():
            for target, generation in tuple(known.items()):
                result = internet.walk(Packet(Kind.DATAGRAM, socket, target), host)
                if not isinstance(result, Arrived) or result.host is not peer_of[host]:
                    continue
                there = (result.host, result.packet.destination)
                if there not in targets:
                    continue
                source = result.packet.source
                arrivals[(host, socket), target] = (there, source, result.delay_s)
                if generation < _MAX_GENERATION:
                    targets[there].setdefault(source, generation + 1)
        after = len(arrivals), sum(len(known) for known in targets.values())
        quiet_rounds = quiet_rounds + 1 if after == before else 0
    found = []
    for (here, target), (there, source, delay_s) in arrivals.items():
        back = arrivals.get((there, source))
        if here[0] is a.host and back is not None and back[:2] == (here, target):
            found.append(Way(transport=Transport.UDP, round_trip_s=delay_s + back[2]))
    return found


def _tcp_ways(internet: Internet, dialler: Reach, listener: Reach) -> list[Way]:
    return [
        way
        for address in dialler.dials_from
        for target in listener.told_listeners
        for way in _connect(internet, dialler.host, dialler.host.fresh(address), target, listener)
    ]


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
