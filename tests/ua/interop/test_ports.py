"""Sockets with ports of one range."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from ice.net.network import TcpConnection
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from tests.peers.process import free_ports
from ua.interop.ports import PortRangeNetwork

HOST = "127.0.0.1"


def nobody(data: bytes, remote: TransportAddress) -> None:
    """Hears nothing."""


async def test_ports_are_of_the_range_and_those_of_others_are_left_alone() -> None:
    first = free_ports(1)[0]
    network = PortRangeNetwork(HostNetwork(), range(first, first + 2))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, first))
        ours = await network.bind_udp(HOST, 0, nobody)
        assert ours.local.port == first + 1
        with pytest.raises(OSError, match="all ports") as caught:
            await network.bind_udp(HOST, 0, nobody)
        assert caught.value.errno == errno.EADDRINUSE
        ours.close()
        again = await network.bind_udp(HOST, 0, nobody)
        assert again.local.port == first + 1
        again.close()


async def test_listeners_too_and_a_port_that_was_asked_for_is_that() -> None:
    first, other = free_ports(2)
    network = PortRangeNetwork(HostNetwork(), range(first, first + 1))
    accepted: asyncio.Queue[TcpConnection] = asyncio.Queue()
    listener = await network.listen_tcp(HOST, 0, accepted.put_nowait)
    assert listener.local.port == first
    asked = await network.bind_udp(HOST, other, nobody)
    assert asked.local.port == other
    connection = await network.connect_tcp(HOST, listener.local)
    assert connection.local.port not in (first, other)
    for each in (connection, await asyncio.wait_for(accepted.get(), 10), asked, listener):
        each.close()


async def test_an_address_that_is_not_ours_is_no_matter_of_ports() -> None:
    network = PortRangeNetwork(HostNetwork(), range(20000, 30000))
    with pytest.raises(OSError) as caught:
        await network.bind_udp("198.51.100.1", 0, nobody)
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_what_the_inner_network_says() -> None:
    inner = HostNetwork()
    network = PortRangeNetwork(inner, range(20000, 20001))
    assert network.host_addresses() == inner.host_addresses()
    assert network.gateways() == inner.gateways()
    assert network.shares_ports == inner.shares_ports
