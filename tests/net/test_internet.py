"""Delay, loss, order, connections and interfaces of the simulated Internet."""

from __future__ import annotations

from ice.types import TransportAddress
from tests.net.clock import Clock, Timer
from tests.net.host import Host
from tests.net.internet import Internet
from tests.net.link import RETRANSMISSION_S, Link
from tests.net.small import DELAY_S, Station, at, behind
from tests.net.stun_server import StunServer, ask
from tests.net.tcp import EXISTS


def _two(link: Link | None = None) -> tuple[Internet, Station, Station]:
    internet = Internet(7)
    one = Station(internet, "192.0.2.1", link=link)
    other = Station(internet, "198.51.100.1")
    for station in (one, other):
        station.bind(1)
        station.listen(1)
    return internet, one, other


def test_a_datagram_takes_the_delay_of_its_lines() -> None:
    _, one, other = _two()
    one.send(1, at("198.51.100.1", 1), b"data")
    assert other.got == [(2 * DELAY_S, at("192.0.2.1", 1), 1, b"data")]


def test_loss() -> None:
    internet, one, other = _two(Link(loss=0.25))
    for _ in range(1000):
        one.host.send_datagram(at("192.0.2.1", 1), at("198.51.100.1", 1), b"?")
    internet.clock.run(1)
    assert 700 < len(other.got) < 800


def test_jitter_reorders_datagrams_and_no_frames() -> None:
    internet, one, other = _two(Link(jitter_s=0.05))
    one.dial(at("198.51.100.1", 1))
    internet.clock.run(1)
    packets = [bytes([number]) for number in range(50)]
    for packet in packets:
        one.host.send_datagram(at("192.0.2.1", 1), at("198.51.100.1", 1), packet)
        one.opened[0].send(packet)
    internet.clock.run(1)
    datagrams = [data for _, _, _, data in other.got]
    assert datagrams != packets
    assert sorted(datagrams) == packets
    assert [frame for _, frame in other.frames] == packets


def test_loss_delays_frames_and_attempts_to_connect() -> None:
    internet, one, other = _two(Link(loss=0.3))
    for _ in range(20):
        one.dial(at("198.51.100.1", 1))
    internet.clock.run(130)
    assert len(one.opened) >= 18
    started = internet.clock.now
    for number in range(100):
        one.opened[0].send(bytes([number]))
    internet.clock.run(10)
    times = [when - (started - 1000) for when, _ in other.frames]
    assert [frame for _, frame in other.frames] == [bytes([number]) for number in range(100)]
    assert max(times) >= RETRANSMISSION_S


def test_connecting_takes_a_round_trip_and_accepting_half_of_one_more() -> None:
    internet, one, other = _two()
    one.dial(at("198.51.100.1", 1))
    internet.clock.run(4 * DELAY_S + 0.001)
    assert len(one.opened) == 1
    assert other.opened == []
    internet.clock.run(2 * DELAY_S)
    assert other.opened[0].remote == one.opened[0].local


def test_nobody_listens() -> None:
    internet, one, _ = _two()
    one.dial(at("198.51.100.1", 2))
    internet.clock.run(1)
    assert one.ended == [(4 * DELAY_S, "connection refused")]


def test_nobody_is_there() -> None:
    internet, one, _ = _two()
    one.dial(at("203.0.113.9", 1))
    internet.clock.run(130)
    assert one.ended == [(127.0, "timed out")]


def test_an_attempt_given_up() -> None:
    internet, one, other = _two()
    dial = one.host.dial(
        "192.0.2.1",
        at("198.51.100.1", 1),
        opened=one.opened.append,
        failed=lambda r: one.ended.append((0, r)),
    )
    dial.abandon()
    internet.clock.run(130)
    assert not one.opened
    assert not one.ended
    assert not other.opened
    assert not other.host.connections, "the half-open connection is gone as well"


def test_closing_lets_what_was_sent_arrive() -> None:
    internet, one, other = _two()
    one.dial(at("198.51.100.1", 1))
    internet.clock.run(1)
    one.opened[0].send(b"last words")
    one.opened[0].close()
    internet.clock.run(1)
    assert [frame for _, frame in other.frames] == [b"last words"]
    assert [reason for _, reason in other.ended] == ["closed by the peer"]
    assert one.ended == []
    other.opened[0].send(b"nobody is there")
    internet.clock.run(1)
    assert one.frames == []


def test_a_reset_is_seen_by_both() -> None:
    internet, one, other = _two()
    one.dial(at("198.51.100.1", 1))
    internet.clock.run(1)
    one.opened[0].reset()
    internet.clock.run(1)
    assert [reason for _, reason in one.ended] == ["reset"]
    assert [reason for _, reason in other.ended] == ["reset by the peer"]


def test_a_listener_that_closes_meanwhile() -> None:
    internet, one, other = _two()
    one.dial(at("198.51.100.1", 1))
    internet.clock.run(3 * DELAY_S)
    other.host.listeners.clear()
    internet.clock.run(1)
    assert other.opened == []
    assert [reason for _, reason in one.ended] == ["reset by the peer"]


def test_an_interface_that_is_down() -> None:
    internet, one, other = _two()
    one.dial(at("198.51.100.1", 1))
    internet.clock.run(1)
    one.host.set_up("192.0.2.1", up=False)
    one.send(1, at("198.51.100.1", 1))
    one.opened[0].send(b"?")
    other.send(1, at("192.0.2.1", 1))
    one.dial(at("198.51.100.1", 1))
    internet.clock.run(1)
    assert one.got == other.got == []
    assert other.frames == []
    assert [reason for _, reason in one.ended] == ["network unreachable"]
    one.host.set_up("192.0.2.1", up=True)
    one.send(1, at("198.51.100.1", 1))
    assert len(other.got) == 1


def test_a_stun_server_sees_the_outside_of_a_nat() -> None:
    internet = Internet(1)
    inside = Station(internet, "192.168.1.10", behind(internet, "192.0.2.1"))
    server = Host(internet)
    server.attach("198.51.100.1", internet.core, Link())
    (address,) = StunServer(server).addresses
    inside.bind(1)
    learned: list[TransportAddress] = []
    ask(inside.host, at("192.168.1.10", 1), address, learned.append)
    internet.clock.run(3)
    assert [mapped.host for mapped in learned] == ["192.0.2.1"]
    stranger = Station(internet, "203.0.113.1")
    stranger.bind(1)
    inside.send(1, at("203.0.113.1", 1))
    assert stranger.sources == learned, "the mapping is that of the socket"
    stranger.send(1, learned[0], b"media")
    assert [data for _, _, _, data in inside.got] == [b"media"]


def test_the_clock_keeps_the_order_of_equal_times() -> None:
    clock = Clock(0.0)
    done: list[int] = []
    for number in range(5):
        clock.after(1.0, lambda number=number: done.append(number))  # type: ignore[misc]
    clock.run(0.5)
    assert (done, clock.now) == ([], 0.5)
    clock.run(10, until=lambda: len(done) == 3)
    assert (done, clock.now) == ([0, 1, 2], 1.0)


def test_a_timer_is_moved_and_stopped() -> None:
    clock = Clock(0.0)
    fired: list[float] = []
    timer = Timer(clock, lambda: fired.append(clock.now))
    timer.set(5.0)
    timer.set(2.0)
    clock.run(3)
    timer.set(6.0)
    timer.set(8.0)
    clock.run(4)
    assert fired == [2.0]
    clock.run(2)
    assert fired == [2.0, 8.0]
    timer.set(10.0)
    timer.set(None)
    clock.run(5)
    assert fired == [2.0, 8.0]


def test_attempts_that_cross_become_one_connection() -> None:
    internet, one, other = _two()
    one.dial(at("198.51.100.1", 1), port=1)
    other.dial(at("192.0.2.1", 1), port=1)
    internet.clock.run(1)
    for station in (one, other):
        assert len(station.opened) == len(station.host.connections) == 1
        station.opened[0].send(station.address.encode())
    internet.clock.run(1)
    assert [frame for _, frame in one.frames] == [b"198.51.100.1"]
    assert [frame for _, frame in other.frames] == [b"192.0.2.1"]
    one.opened[0].close()
    internet.clock.run(1)
    assert not one.host.connections
    assert not other.host.connections


def test_attempts_that_cross_survive_loss() -> None:
    internet, one, other = _two(Link(loss=0.3))
    for port in range(2, 22):
        one.dial(at("198.51.100.1", port), port=port)
        other.dial(at("192.0.2.1", port), port=port)
    internet.clock.run(130)
    both = {c.local.port for c in one.opened} & {c.local.port for c in other.opened}
    assert len(both) >= 18
    assert len(one.opened) + len(other.opened) <= 40


def test_an_attempt_that_comes_first_is_accepted_and_the_second_told_so() -> None:
    """What Linux does with a port that is listened on while it connects."""
    internet, one, other = _two()
    one.dial(at("198.51.100.1", 1), port=1)
    internet.clock.run(2.5 * DELAY_S)
    other.dial(at("192.0.2.1", 1), port=1)
    internet.clock.run(1)
    assert [reason for _, reason in other.ended] == [EXISTS]
    assert len(one.opened) == len(other.opened) == 1
    one.dial(at("198.51.100.1", 1), port=1)
    internet.clock.run(1)
    assert [reason for _, reason in one.ended] == [EXISTS]
