"""The simulated NAT: inside there are other addresses, and strangers are not heard."""

from __future__ import annotations

import pytest

from ice.net.nat import INSIDE, NatNetwork
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from tests.ice.loopback import HOST, ignore_datagram, until

Packets = list[tuple[bytes, TransportAddress]]


async def test_one_port_outside_for_all_and_no_strangers() -> None:
    nat = NatNetwork(HostNetwork(), HOST)
    heard: Packets = []
    came: Packets = []
    inside = await nat.bind_udp(INSIDE, 0, lambda data, remote: heard.append((data, remote)))
    one = await HostNetwork().bind_udp(HOST, 0, lambda data, remote: came.append((data, remote)))
    two = await HostNetwork().bind_udp(HOST, 0, lambda data, remote: came.append((data, remote)))
    assert inside.local.host == INSIDE
    assert inside.send(b"first", one.local)
    await until(lambda: len(came) == 1)
    mapped = came[0][1]
    assert mapped.host == HOST
    two.send(b"stranger", mapped)
    await until(lambda: nat.dropped == 1)
    one.send(b"answer", mapped)
    await until(lambda: heard == [(b"answer", one.local)])
    inside.send(b"second", two.local)
    await until(lambda: len(came) == 2)
    assert came[1][1] == mapped, "the same port for everybody"
    two.send(b"known now", mapped)
    await until(lambda: len(heard) == 2)
    for socket in (inside, one, two):
        socket.close()


async def test_there_is_one_address_inside() -> None:
    nat = NatNetwork(HostNetwork(), HOST)
    (address,) = nat.host_addresses()
    assert (address.host, address.loopback) == (INSIDE, False)
    assert nat.gateways() == []
    assert not nat.shares_ports
    with pytest.raises(OSError, match="assign"):
        await nat.bind_udp(HOST, 0, ignore_datagram)
    assert NatNetwork(HostNetwork(), "198.51.100.1").host_addresses() == []


async def test_tcp_goes_to_servers_alone() -> None:
    nat = NatNetwork(HostNetwork(), HOST)
    listener = await HostNetwork().listen_tcp(HOST, 0, lambda connection: connection.close())
    with pytest.raises(OSError, match=r"."):
        await nat.connect_tcp(INSIDE, listener.local)
    with pytest.raises(OSError, match=r"."):
        await nat.listen_tcp(INSIDE, 0, lambda connection: connection.close())
    stream = await nat.open_stream(INSIDE, listener.local)
    stream.close()
    listener.close()
