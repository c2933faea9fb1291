"""The simulated NATs behave as RFC 4787 and RFC 5382 name it."""

from __future__ import annotations

import pytest

from ice.types import TransportAddress
from tests.net.internet import Internet
from tests.net.nat import Behaviour, Translation
from tests.net.router import Router
from tests.net.small import Station, at, behind

EI, AD, APD = Behaviour


class Lab:
    """One host behind a NAT, two outside."""

    def __init__(self, translation: Translation, *, hairpin: bool = False) -> None:
        self.internet = Internet(1)
        self.router = behind(self.internet, "192.0.2.1", udp=translation, tcp=translation, hairpin=hairpin)
        self.inside = Station(self.internet, "192.168.1.10", self.router)
        self.near = Station(self.internet, "198.51.100.1")
        self.far = Station(self.internet, "203.0.113.1")
        self.inside.bind(5000)
        for station in (self.near, self.far):
            station.bind(1)
            station.bind(2)

    def seen_by(self, station: Station, port: int) -> TransportAddress:
        self.inside.send(5000, at(station.address, port))
        return station.sources[-1]


@pytest.mark.parametrize(("mapping", "by_port", "by_host"), [(EI, 1, 1), (AD, 1, 2), (APD, 2, 2)])
def test_mapping(mapping: Behaviour, by_port: int, by_host: int) -> None:
    lab = Lab(Translation(mapping=mapping))
    first = lab.seen_by(lab.near, 1)
    assert first.host == "192.0.2.1"
    assert lab.seen_by(lab.near, 1) == first, "one destination always sees the same port"
    assert len({first, lab.seen_by(lab.near, 2)}) == by_port
    assert len({first, lab.seen_by(lab.far, 1)}) == by_host


@pytest.mark.parametrize(
    ("filtering", "same_host", "other_host"), [(EI, True, True), (AD, True, False), (APD, False, False)]
)
def test_filtering(filtering: Behaviour, same_host: bool, other_host: bool) -> None:
    lab = Lab(Translation(filtering=filtering))
    outside = lab.seen_by(lab.near, 1)
    lab.near.send(1, outside, b"answer")
    lab.near.send(2, outside, b"other port")
    lab.far.send(1, outside, b"other host")
    expected = [b"answer"] + [b"other port"] * same_host + [b"other host"] * other_host
    assert [data for _, _, _, data in lab.inside.got] == expected
    assert lab.inside.sources[0] == at("198.51.100.1", 1), "the source is not translated"


def test_nothing_comes_in_where_nothing_was_sent() -> None:
    lab = Lab(Translation(filtering=EI))
    for port in range(1024, 2048):
        lab.near.host.send_datagram(at(lab.near.address, 1), at("192.0.2.1", port), b"guess")
    lab.near.send(1, at("192.168.1.10", 5000), b"a private address is no destination")
    assert lab.inside.got == []


def test_a_mapping_ends_when_nothing_is_sent_for_its_lifetime() -> None:
    lab = Lab(Translation(filtering=EI, lifetime_s=30))
    outside = lab.seen_by(lab.near, 1)
    lab.internet.clock.run(25)
    lab.near.send(1, outside)
    assert len(lab.inside.got) == 1
    lab.internet.clock.run(10)
    lab.near.send(1, outside)
    assert len(lab.inside.got) == 1, "what comes in does not keep it"
    assert lab.seen_by(lab.near, 1) != outside


def test_sending_keeps_a_mapping() -> None:
    lab = Lab(Translation(lifetime_s=30))
    outside = lab.seen_by(lab.near, 1)
    for _ in range(4):
        lab.internet.clock.run(25)
        assert lab.seen_by(lab.near, 1) == outside


def test_a_restart_forgets() -> None:
    lab = Lab(Translation(filtering=EI))
    outside = lab.seen_by(lab.near, 1)
    lab.router.restart()
    lab.near.send(1, outside)
    assert lab.inside.got == []


@pytest.mark.parametrize("hairpin", [True, False])
def test_hairpin(hairpin: bool) -> None:
    lab = Lab(Translation(filtering=EI), hairpin=hairpin)
    neighbour = Station(lab.internet, "192.168.1.11", lab.router)
    neighbour.bind(6000)
    outside = lab.seen_by(lab.near, 1)
    neighbour.send(6000, outside)
    assert [source.host for source in lab.inside.sources] == ["192.0.2.1"] * hairpin


def test_hairpin_is_filtered_like_what_comes_from_outside() -> None:
    lab = Lab(Translation(filtering=APD), hairpin=True)
    neighbour = Station(lab.internet, "192.168.1.11", lab.router)
    neighbour.bind(6000)
    ours = lab.seen_by(lab.near, 1)
    neighbour.send(6000, at(lab.near.address, 1))
    theirs = lab.near.sources[-1]
    neighbour.send(6000, ours)
    assert lab.inside.got == []
    lab.inside.send(5000, theirs)
    neighbour.send(6000, ours)
    assert lab.inside.sources == [theirs]
    assert neighbour.sources == [ours]


def test_hosts_behind_one_nat_reach_each_other_by_their_private_addresses() -> None:
    lab = Lab(Translation())
    neighbour = Station(lab.internet, "192.168.1.11", lab.router)
    neighbour.bind(6000)
    neighbour.send(6000, at("192.168.1.10", 5000))
    assert lab.inside.sources == [at("192.168.1.11", 6000)]


def test_a_nat_behind_a_nat() -> None:
    internet = Internet(1)
    carrier = behind(internet, "192.0.2.1")
    home = behind(internet, "100.64.0.1", outside=carrier)
    inside = Station(internet, "192.168.1.10", home)
    outside = Station(internet, "198.51.100.1")
    inside.bind(5000)
    outside.bind(1)
    inside.send(5000, at("198.51.100.1", 1))
    assert outside.sources[0].host == "192.0.2.1"
    outside.send(1, outside.sources[0])
    ((when, *_),) = inside.got
    assert len(inside.got) == 1
    assert when == pytest.approx(1.04), "four lines: host, home, carrier, host"


def test_ipv6_is_not_translated() -> None:
    internet = Internet(1)
    router = behind(internet, "192.0.2.1", outside=behind(internet, "192.0.2.2"))
    inside = Station(internet, "2001:db8::1", router)
    outside = Station(internet, "2001:db8::2")
    inside.bind(5000)
    outside.bind(1)
    outside.send(1, at("2001:db8::1", 5000))
    inside.send(5000, at("2001:db8::2", 1))
    assert inside.sources == [at("2001:db8::2", 1)]
    assert outside.sources == [at("2001:db8::1", 5000)]


def _tcp(translation: Translation) -> tuple[Internet, Router, Station, Station, TransportAddress]:
    """A host behind a NAT that has connected from a port to a host outside, and how that sees the port."""
    internet = Internet(1)
    router = behind(internet, "192.0.2.1", tcp=translation)
    inside = Station(internet, "192.168.1.10", router)
    near = Station(internet, "198.51.100.1")
    near.listen(1)
    inside.dial(at("198.51.100.1", 1))
    internet.clock.run(1)
    return internet, router, inside, near, near.opened[0].remote


def test_tcp_goes_out_and_its_frames_both_ways() -> None:
    internet, _, inside, near, seen = _tcp(Translation())
    assert seen.host == "192.0.2.1"
    inside.opened[0].send(b"out")
    near.opened[0].send(b"in")
    internet.clock.run(1)
    assert [frame for _, frame in near.frames] == [b"out"]
    assert [frame for _, frame in inside.frames] == [b"in"]


@pytest.mark.parametrize(
    ("filtering", "same_host", "other_host"), [(EI, True, True), (AD, True, False), (APD, False, False)]
)
def test_tcp_filtering(filtering: Behaviour, same_host: bool, other_host: bool) -> None:
    internet, _, inside, near, seen = _tcp(Translation(filtering=filtering))
    inside.listen(inside.opened[0].local.port)
    far = Station(internet, "203.0.113.1")
    near.dial(seen)
    far.dial(seen)
    internet.clock.run(130)
    assert len(near.opened) == 1 + same_host
    assert len(far.opened) == other_host
    assert [reason for _, reason in near.ended + far.ended] == ["timed out"] * (2 - same_host - other_host)


@pytest.mark.parametrize(("mapping", "ports"), [(EI, 1), (AD, 2), (APD, 2)])
def test_tcp_mapping(mapping: Behaviour, ports: int) -> None:
    from tests.net.packet import Kind, Packet

    internet = Internet(1)
    router = behind(internet, "192.0.2.1", tcp=Translation(mapping=mapping))
    assert router.nat is not None
    seen = set()
    for host in ("198.51.100.1", "203.0.113.1"):
        out = router.nat.outbound(Packet(Kind.SYN, at("192.168.1.10", 5000), at(host, 1)), 0.0)
        assert out is not None
        seen.add(out.source)
    assert len(seen) == ports


def test_a_restart_breaks_connections() -> None:
    internet, router, inside, near, _ = _tcp(Translation())
    router.restart()
    near.opened[0].send(b"lost")
    internet.clock.run(5)
    assert inside.frames == []


@pytest.mark.parametrize(("mapping", "meets"), [(EI, True), (APD, False)])
def test_attempts_from_both_sides_meet_where_the_mapping_is_known(mapping: Behaviour, meets: bool) -> None:
    """Simultaneous open through two NATs that let nobody in unasked (RFC 5382 REQ-2)."""
    internet = Internet(1)
    server = Station(internet, "203.0.113.1")
    server.listen(1)
    stations = []
    for outside in ("192.0.2.1", "198.51.100.1"):
        router = behind(internet, outside, tcp=Translation(mapping=mapping, filtering=APD))
        station = Station(internet, "192.168.1.10", router)
        station.listen(5000)
        station.dial(at("203.0.113.1", 1), port=5000)
        stations.append(station)
    internet.clock.run(1)
    one, other = stations
    seen = {connection.remote.host: connection.remote for connection in server.opened}
    one.dial(seen["198.51.100.1"], port=5000)
    other.dial(seen["192.0.2.1"], port=5000)
    internet.clock.run(60)
    assert len(one.opened) == len(other.opened) == (2 if meets else 1)
