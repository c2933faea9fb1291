"""The sockets of this host on real loopback: UDP and addresses."""

from __future__ import annotations

import asyncio

import pytest

from ice.net.poller import ROUNDS
from ice.net.sockets import HostNetwork
from ice.net.udp_socket import READ_SIZE, HostUdpSocket
from ice.types import TransportAddress
from tests.ice.loopback import HOST, ignore_connection, ignore_datagram, until

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


# --- UDP ---


@HOSTS
async def test_datagrams_both_ways(host: str) -> None:
    network = HostNetwork()
    left: list[tuple[bytes, TransportAddress]] = []
    right: list[tuple[bytes, TransportAddress]] = []
    one = await network.bind_udp(host, 0, lambda data, remote: left.append((data, remote)))
    two = await network.bind_udp(host, 0, lambda data, remote: right.append((data, remote)))
    assert one.local.port != two.local.port
    assert one.send(b"ping", two.local)
    assert two.send(b"pong", one.local)
    await until(lambda: bool(left and right))
    assert left == [(b"pong", two.local)]
    assert right == [(b"ping", one.local)]
    one.close()
    two.close()
    one.close()
    assert not one.send(b"late", two.local)


async def test_a_burst_is_drained_in_order_and_shared_with_others() -> None:
    received: list[bytes] = []
    sock = HostUdpSocket.bind(HOST, 0, lambda data, _remote: received.append(data))
    other = HostUdpSocket.bind(HOST, 0, ignore_datagram)
    sent = [number.to_bytes(2, "big") for number in range(ROUNDS + 10)]
    for data in sent:
        assert other.send(data, sock.local)
    while not received:  # noqa: ASYNC110  the turn of the loop that reads is what counts
        await asyncio.sleep(0)
    assert len(received) == ROUNDS
    await until(lambda: len(received) == len(sent))
    assert received == sent
    sock.close()
    other.close()


async def test_a_closed_port_does_not_harm_the_socket() -> None:
    received: list[bytes] = []
    gone = HostUdpSocket.bind(HOST, 0, ignore_datagram)
    dead = gone.local
    gone.close()
    sock = HostUdpSocket.bind(HOST, 0, lambda data, _remote: received.append(data))
    for _ in range(5):
        sock.send(b"into the void", dead)
        await asyncio.sleep(0.001)
    other = HostUdpSocket.bind(HOST, 0, ignore_datagram)
    assert other.send(b"alive", sock.local)
    await until(lambda: received == [b"alive"])
    sock.close()
    other.close()


@pytest.mark.parametrize(
    "remote",
    [
        TransportAddress(host="255.255.255.255", port=9),
        TransportAddress(host="::1", port=9),
        TransportAddress(host="192.0.2.1", port=0),
        TransportAddress(host="192.0.2.1", port=70000),
        TransportAddress(host="a\udc00b", port=9),
        TransportAddress(host="localhost", port=9),
    ],
)
async def test_what_the_system_refuses_to_send_is_counted(remote: TransportAddress) -> None:
    sock = HostUdpSocket.bind(HOST, 0, ignore_datagram)
    assert not sock.send(b"x", remote)
    assert sock.send_errors == 1
    sock.close()


async def test_a_datagram_that_is_too_long_is_dropped_whole_and_counted() -> None:
    received: list[bytes] = []
    sock = HostUdpSocket.bind(HOST, 0, lambda data, _remote: received.append(data))
    other = HostUdpSocket.bind(HOST, 0, ignore_datagram)
    other.send(bytes(READ_SIZE + 1), sock.local)
    other.send(bytes(READ_SIZE), sock.local)
    await until(lambda: bool(received))
    assert received == [bytes(READ_SIZE)]
    assert sock.oversized == 1
    sock.close()
    other.close()


async def test_a_receiver_may_close_its_socket() -> None:
    received: list[bytes] = []

    def receive(data: bytes, _remote: TransportAddress) -> None:
        received.append(data)
        sock.close()

    sock = HostUdpSocket.bind(HOST, 0, receive)
    other = HostUdpSocket.bind(HOST, 0, ignore_datagram)
    other.send(b"1", sock.local)
    other.send(b"2", sock.local)
    await until(lambda: bool(received))
    await asyncio.sleep(0.01)
    assert received == [b"1"]
    assert sock.receive_errors == 0
    other.close()


@pytest.mark.parametrize("host", ["localhost", "example.com", "", "127.0.0.1%lo", "\x00"])
async def test_names_are_never_looked_up(host: str) -> None:
    network = HostNetwork()
    with pytest.raises(OSError, match="not an IP address"):
        await network.bind_udp(host, 0, ignore_datagram)
    with pytest.raises(OSError, match="not an IP address"):
        await network.listen_tcp(host, 0, ignore_connection)
    with pytest.raises(OSError, match="not an IP address"):
        await network.connect_tcp(HOST, TransportAddress(host=host, port=9))


async def test_a_link_local_address_is_reached_by_its_zone() -> None:
    received: list[bytes] = []
    sock = HostUdpSocket.bind("::1", 0, lambda data, _: received.append(data))
    other = HostUdpSocket.bind("::1", 0, ignore_datagram)
    assert other.send(b"1", TransportAddress(host="::1%lo", port=sock.local.port))
    await until(lambda: bool(received))
    for host in ("::1%nowhere", "localhost%lo", "127.0.0.1%lo", "::1%"):
        assert not other.send(b"2", TransportAddress(host=host, port=sock.local.port))
    assert other.send_errors == 4
    sock.close()
    other.close()


async def test_a_group_has_room_for_all_who_listen() -> None:
    first = HostUdpSocket.bind("224.0.0.1", 0, ignore_datagram)
    second = HostUdpSocket.bind("224.0.0.1", first.local.port, ignore_datagram)
    assert first.local == second.local
    first.close()
    second.close()


# --- addresses ---


async def test_host_addresses_hold_loopback() -> None:
    found = HostNetwork().host_addresses()
    loopback = [address for address in found if address.host == HOST]
    assert len(loopback) == 1
    assert loopback[0].loopback
    assert loopback[0].interface
    assert all("%" not in address.host for address in found)
    assert len({(a.host, a.interface) for a in found}) == len(found)
