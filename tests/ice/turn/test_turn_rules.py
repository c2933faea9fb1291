"""Rules of TURN and TLS for every request: what is combined, what is understood, what is offered."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ice.errors import TurnError
from ice.gathering.servers import TurnServer
from ice.net.sockets import HostNetwork
from ice.stun.attributes import Attribute
from ice.stun.message import parse
from ice.turn.attributes import (
    IPV4,
    IPV6,
    AdditionalAddressFamily,
    AddressErrorCode,
    EvenPort,
    RequestedAddressFamily,
    RequestedTransport,
    ReservationToken,
)
from ice.turn.client import allocate
from ice.turn.control import tls_context
from ice.turn.events import Allocated, AllocationLost
from ice.turn.requests import TurnMethod
from ice.types import TransportAddress
from tests.ice.loopback import HOST, ignore_datagram
from tests.ice.turn.turn_service import NAME, turn_service
from tests.ice.turn.turn_tcp_world import TcpWorld
from tests.ice.turn.turn_world import CHECK, TurnWorld, seeded
from tests.net.test_turn_server import Client, server
from tests.peers.coturn import write_certificate

_NEVER = (EvenPort, ReservationToken, AdditionalAddressFamily)


@pytest.mark.req("TURN-12")
@pytest.mark.parametrize(
    "world", [TurnWorld(), TurnWorld(ipv6=True), TurnWorld(host6="2001:db8::1", ipv6=True)]
)
def test_no_allocate_combines_what_excludes_each_other(world: TurnWorld) -> None:
    world.start()
    asked = [parse(data) for _, data in world.sent]
    allocates = [message for message in asked if message.method == TurnMethod.ALLOCATE]
    assert allocates
    for message in allocates:
        families = [item for item in message.attributes if isinstance(item, RequestedAddressFamily)]
        assert len(families) <= 1
        # Whatever is asked for, none of these is among it: nothing is left to combine.
        assert not any(isinstance(item, _NEVER) for item in message.attributes)


@pytest.mark.req("TURN-12")
@pytest.mark.parametrize(
    "wrong",
    [
        (RequestedAddressFamily(family=IPV4), AdditionalAddressFamily(family=IPV6)),
        (RequestedAddressFamily(family=IPV4), ReservationToken(token=bytes(8))),
        (AdditionalAddressFamily(family=IPV6), ReservationToken(token=bytes(8))),
        (ReservationToken(token=bytes(8)), EvenPort(reserve=False)),
        (AdditionalAddressFamily(family=IPV6), EvenPort(reserve=True)),
    ],
    ids=["families", "family-token", "more-token", "token-even", "more-even"],
)
def test_the_server_of_these_tests_refuses_such_combinations(wrong: tuple[Attribute, ...]) -> None:
    client = Client(server())
    assert client.code(TurnMethod.ALLOCATE, RequestedTransport(), *wrong) == 400
    assert client.code(TurnMethod.ALLOCATE, RequestedTransport()) == 0


@pytest.mark.req("TURN-14")
@pytest.mark.parametrize("code", [440, 508])
def test_an_address_that_could_not_be_had_leaves_the_other(code: int) -> None:
    world = TurnWorld()
    world.server.beside = (AddressErrorCode(family=IPV6, code=code, reason="no"),)
    world.start()
    (told,) = world.told(Allocated)
    assert ":" not in told.relayed.host
    assert world.send(CHECK)
    world.run(900)
    # Nobody asks again, and nothing is lost by it.
    assert len(world.server.requests(TurnMethod.ALLOCATE)) == 2
    assert not world.told(AllocationLost)


@pytest.mark.req("STUN-22", "STUN-21")
def test_requests_overtake_each_other_on_one_connection_and_end_with_it() -> None:
    world = TcpWorld().start()
    world.hold = True
    hosts = ["198.51.100.1", "198.51.100.2", "198.51.100.3"]
    for host in hosts:
        world.permit(host)
    # All are out before the first answer.
    assert len(world.server.requests(TurnMethod.CREATE_PERMISSION)) == 3
    world.hold = False
    for message in reversed(world.late):
        world.allocation.receive(message, world.now)
    for host in hosts:
        assert world.peer_dials(TransportAddress(host=host, port=5000)) is not None
    assert [told.peer.host for told in world.connected] == hosts
    world.reachable = None
    world.connect(TransportAddress(host=hosts[0], port=1))
    world.connect(TransportAddress(host=hosts[0], port=2))
    world.allocation.connection_lost("reset", world.now)
    world.settle()
    assert len(world.told(AllocationLost)) == 1
    assert world.allocation.next_timer() is None


@pytest.mark.req("STUN-43")
def test_what_tls_offers() -> None:
    context = tls_context(TurnServer(host="turn.example.org", transport="tls"))
    names = [str(cipher["name"]) for cipher in context.get_ciphers()]
    assert {"ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"} <= set(names)
    # Forward secrecy alone; TLS 1.3 has nothing else.
    assert all(name.startswith(("TLS_", "ECDHE-", "DHE-")) for name in names)
    assert not any("RC4" in name or "DES" in name or "NULL" in name for name in names)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.req("STUN-43")
async def test_a_server_without_forward_secrecy_is_left(tmp_path: Path) -> None:
    async with turn_service("tls", certificate=write_certificate(tmp_path, NAME)) as service:
        assert service.context is not None
        service.context.maximum_version = ssl.TLSVersion.TLSv1_2
        service.context.set_ciphers("AES128-SHA:@SECLEVEL=0")
        with pytest.raises(TurnError, match="no TLS there"):
            await allocate(
                service.account(),
                network=HostNetwork(),
                local_host=HOST,
                on_datagram=ignore_datagram,
                random=seeded(3),
            )
        assert service.received == 0
