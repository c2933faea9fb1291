"""The simulated firewall: what is blocked vanishes and is counted."""

from __future__ import annotations

import asyncio

import pytest

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import TcpConnection
from ice.net.sockets import HostNetwork
from tests.ice.loopback import HOST, Box, ignore_datagram, until


async def test_open_lets_everything_pass() -> None:
    policy = FirewallPolicy()
    network = FirewallNetwork(HostNetwork(), policy)
    received: list[bytes] = []
    one = await network.bind_udp(HOST, 0, lambda data, _remote: received.append(data))
    two = await network.bind_udp(HOST, 0, ignore_datagram)
    assert two.send(b"through", one.local)
    await until(lambda: received == [b"through"])
    assert policy == FirewallPolicy()
    one.close()
    two.close()


async def test_blocked_udp_vanishes_both_ways_and_is_counted() -> None:
    policy = FirewallPolicy(udp="blocked")
    inside = FirewallNetwork(HostNetwork(), policy)
    received: list[bytes] = []
    behind = await inside.bind_udp(HOST, 0, lambda data, _remote: received.append(data))
    outside = await HostNetwork().bind_udp(HOST, 0, lambda data, _remote: received.append(data))
    # A firewall does not tell: sending seems to work.
    assert behind.send(b"out", outside.local)
    assert policy.udp_dropped_out == 1
    assert outside.send(b"in", behind.local)
    await until(lambda: policy.udp_dropped_in == 1)
    assert policy.udp_dropped == 2
    assert received == []
    behind.close()
    outside.close()


async def test_the_policy_may_change_at_any_time() -> None:
    policy = FirewallPolicy()
    network = FirewallNetwork(HostNetwork(), policy)
    received: list[bytes] = []
    one = await network.bind_udp(HOST, 0, lambda data, _remote: received.append(data))
    two = await network.bind_udp(HOST, 0, ignore_datagram)
    two.send(b"1", one.local)
    await until(lambda: received == [b"1"])
    policy.udp = "blocked"
    two.send(b"2", one.local)
    policy.udp = "open"
    two.send(b"3", one.local)
    await until(lambda: len(received) == 2)
    assert received == [b"1", b"3"]
    one.close()
    two.close()


async def test_tcp_passes_while_udp_is_blocked() -> None:
    network = FirewallNetwork(HostNetwork(), FirewallPolicy(udp="blocked"))
    accepted: list[TcpConnection] = []
    listener = await network.listen_tcp(HOST, 0, accepted.append)
    dialled = await network.connect_tcp(HOST, listener.local)
    await until(lambda: bool(accepted))
    box = Box()
    box.start(accepted[0])
    Box().start(dialled)
    dialled.send(b"over tcp", droppable=False)
    await until(lambda: box.frames == [b"over tcp"])
    for item in (dialled, accepted[0], listener):
        item.close()


async def test_connections_from_outside_are_cut_off_and_counted() -> None:
    policy = FirewallPolicy(tcp_inbound="blocked")
    network = FirewallNetwork(HostNetwork(), policy)
    accepted: list[TcpConnection] = []
    listener = await network.listen_tcp(HOST, 0, accepted.append)
    dialled = await network.connect_tcp(HOST, listener.local)
    box = Box()
    box.start(dialled)
    await until(lambda: bool(box.ended))
    assert policy.tcp_refused == 1
    assert accepted == []
    listener.close()
    await asyncio.sleep(0)


async def test_only_some_ports_can_be_connected_to() -> None:
    listener = await HostNetwork().listen_tcp(HOST, 0, lambda connection: connection.close())
    policy = FirewallPolicy(tcp_ports=frozenset({listener.local.port}))
    network = FirewallNetwork(HostNetwork(), policy)
    (await network.connect_tcp(HOST, listener.local)).close()
    (await network.open_stream(HOST, listener.local)).close()
    assert policy.tcp_dropped == 0
    policy.tcp_ports = frozenset({443})
    for dial in (network.connect_tcp, network.open_stream):
        with pytest.raises(TimeoutError):  # nobody answers: there is no refusal that would end it
            await asyncio.wait_for(dial(HOST, listener.local), 0.2)
    assert policy.tcp_dropped == 2
    listener.close()
    await asyncio.sleep(0)


def test_the_addresses_are_those_of_the_inner_network() -> None:
    inner = HostNetwork()
    network = FirewallNetwork(inner, FirewallPolicy())
    assert list(network.host_addresses()) == list(inner.host_addresses())
