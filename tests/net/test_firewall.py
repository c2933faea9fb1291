"""The simulated firewalls let through what their rules say, drop or reject the rest."""

from __future__ import annotations

import pytest

from tests.net.firewall import ONLY_443, OPEN, FirewallRules
from tests.net.internet import Internet
from tests.net.small import Station, at, behind, guarded


def _pair(rules: FirewallRules, *, nat: bool = False) -> tuple[Internet, Station, Station]:
    internet = Internet(1)
    router = behind(internet, "192.0.2.1", rules=rules) if nat else guarded(internet, rules)
    inside = Station(internet, "192.168.1.10" if nat else "192.0.2.10", router)
    outside = Station(internet, "198.51.100.1")
    for station in (inside, outside):
        station.bind(1)
        station.listen(1)
    return internet, inside, outside


def test_open() -> None:
    internet, inside, outside = _pair(OPEN)
    outside.send(1, at("192.0.2.10", 1))
    outside.dial(at("192.0.2.10", 1))
    internet.clock.run(1)
    assert len(inside.got) == len(inside.opened) == len(outside.opened) == 1


@pytest.mark.parametrize("nat", [True, False])
def test_udp_blocked(nat: bool) -> None:
    internet, inside, outside = _pair(FirewallRules(udp=False, udp_inbound=True), nat=nat)
    inside.send(1, at("198.51.100.1", 1))
    outside.send(1, at("192.0.2.10", 1))
    assert inside.got == outside.got == []
    inside.dial(at("198.51.100.1", 1))
    internet.clock.run(1)
    assert len(inside.opened) == 1


@pytest.mark.parametrize("udp_inbound", [True, False])
def test_datagrams_come_in_from_where_something_was_sent_to(udp_inbound: bool) -> None:
    _, inside, outside = _pair(FirewallRules(udp_inbound=udp_inbound))
    outside.bind(2)
    outside.send(1, at("192.0.2.10", 1), b"early")
    inside.send(1, at("198.51.100.1", 1))
    outside.send(1, at("192.0.2.10", 1), b"answer")
    outside.send(2, at("192.0.2.10", 1), b"other port")
    got = [data for _, _, _, data in inside.got]
    assert got == ([b"early", b"answer", b"other port"] if udp_inbound else [b"answer"])


@pytest.mark.parametrize("nat", [True, False])
@pytest.mark.parametrize(
    ("reject", "after_s", "reason"), [(False, 127, "timed out"), (True, 0.06, "connection refused")]
)
def test_only_port_443_out(nat: bool, reject: bool, after_s: float, reason: str) -> None:
    internet, inside, outside = _pair(FirewallRules(tcp_ports=ONLY_443, reject=reject), nat=nat)
    outside.listen(443)
    inside.dial(at("198.51.100.1", 443))
    inside.dial(at("198.51.100.1", 1))
    internet.clock.run(200)
    assert [connection.remote.port for connection in inside.opened] == [443]
    ((when, why),) = inside.ended
    assert why == reason
    assert when <= after_s
    assert len(outside.opened) == 1


@pytest.mark.parametrize(
    ("reject", "after_s", "reason"), [(False, 127, "timed out"), (True, 0.04, "connection refused")]
)
def test_inbound_tcp_blocked(reject: bool, after_s: float, reason: str) -> None:
    internet, inside, outside = _pair(FirewallRules(reject=reject))
    outside.dial(at("192.0.2.10", 1))
    inside.dial(at("198.51.100.1", 1))
    internet.clock.run(200)
    assert outside.ended == [(after_s, reason)]
    assert len(inside.opened) == len(outside.opened) == 1
    outside.opened[0].send(b"answers of a connection from inside come in")
    internet.clock.run(1)
    assert len(inside.frames) == 1


def test_rejected_datagrams_are_dropped_without_a_word() -> None:
    _, inside, outside = _pair(FirewallRules(udp=False, reject=True))
    outside.send(1, at("192.0.2.10", 1))
    inside.send(1, at("198.51.100.1", 1))
    assert inside.got == outside.got == []


def test_a_restart_forgets_sessions() -> None:
    internet = Internet(1)
    router = guarded(internet, FirewallRules())
    inside, outside = Station(internet, "192.0.2.10", router), Station(internet, "198.51.100.1")
    inside.bind(1)
    outside.bind(1)
    inside.send(1, at("198.51.100.1", 1))
    router.restart()
    outside.send(1, at("192.0.2.10", 1))
    assert inside.got == []


def test_an_attempt_that_meets_one_from_inside_is_let_in() -> None:
    internet = Internet(1)
    inside = Station(internet, "192.0.2.10", guarded(internet, FirewallRules()))
    outside = Station(internet, "198.51.100.1")
    inside.dial(at("198.51.100.1", 1), port=1)
    outside.dial(at("192.0.2.10", 1), port=1)
    internet.clock.run(1)
    assert len(inside.opened) == len(outside.opened) == 1
    assert inside.ended == outside.ended == []
