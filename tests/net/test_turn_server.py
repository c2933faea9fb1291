"""The TURN server of the tests behaves like a real one (RFC 8656 §7.2, §9 to §12)."""

from __future__ import annotations

import pytest

from ice.stun.attributes import Attribute, ErrorCode, UnknownAttribute, Username
from ice.stun.credential_attributes import Nonce, Realm
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.turn.attributes import (
    ChannelNumber,
    DontFragment,
    Lifetime,
    RequestedAddressFamily,
    RequestedTransport,
    XorPeerAddress,
    XorRelayedAddress,
)
from ice.turn.credentials import long_term_key
from ice.turn.requests import TurnMethod
from ice.types import TransportAddress
from tests.ice.turn.turn_world import CLIENT, PASSWORD, PEER, USER, seeded
from tests.net.turn_server import TurnServer

OTHER = TransportAddress(host="192.0.2.11", port=40000)


class Client:
    """Asks the server by hand."""

    def __init__(self, server: TurnServer, address: TransportAddress = CLIENT, user: str = USER) -> None:
        self.server = server
        self.address = address
        self.user = user
        self.now = 0.0
        self._random = seeded(address.port + len(server.seen))
        challenge = self.ask(TurnMethod.ALLOCATE, signed=False)
        realm, nonce = challenge.get(Realm), challenge.get(Nonce)
        assert realm is not None
        assert nonce is not None
        self._credentials: tuple[Attribute, ...] = (Username(value=user), realm, nonce)

    def ask(self, method: int, *attributes: Attribute, signed: bool = True) -> StunMessage:
        """One request; its answer."""
        message = StunMessage(
            method=method,
            message_class=MessageClass.REQUEST,
            transaction_id=self._random(12),
            attributes=attributes + (self._credentials if signed else ()),
        )
        key = long_term_key(self.user, "example.org", PASSWORD) if signed else None
        data = serialise(message, integrity_key=key, fingerprint=False)
        self.server.receive(self.address, data, self.now)
        ((to, answer),) = self.server.take_output()
        assert to == self.address
        return parse(answer)

    def code(self, method: int, *attributes: Attribute) -> int:
        """The error code of a request; 0 for a success."""
        error = self.ask(method, *attributes).get(ErrorCode)
        return 0 if error is None else error.code


def server(**options: object) -> TurnServer:
    users = {USER: PASSWORD, "bob": PASSWORD}
    return TurnServer(users=users, random=seeded(3), **options)  # type: ignore[arg-type]


@pytest.mark.req("TURN-23", "TURN-1")
def test_an_allocation_is_checked_in_the_order_of_the_rfc() -> None:
    full = server(quota=0, alternate=OTHER)
    client = Client(full)
    allocate = TurnMethod.ALLOCATE
    udp, ipv6 = RequestedTransport(), RequestedAddressFamily(family=2)
    assert client.code(allocate, UnknownAttribute(number=0x7F00, value=b"")) == 420
    assert client.code(allocate, DontFragment(), ipv6) == 400
    assert client.code(allocate, RequestedTransport(protocol=6), DontFragment(), ipv6) == 442
    assert client.code(allocate, udp, DontFragment(), ipv6) == 420
    assert client.code(allocate, udp, ipv6) == 440
    assert client.code(allocate, udp) == 486
    full.quota = 1
    assert client.code(allocate, udp) == 300
    full.alternate = None
    assert client.code(allocate, udp) == 0
    assert client.code(allocate) == 437
    assert Client(full, OTHER).code(allocate, udp) == 486


@pytest.mark.req("TURN-23")
@pytest.mark.parametrize(("asked", "granted"), [(None, 600), (1, 600), (700, 700), (99999, 3600)])
def test_lifetimes_are_granted_within_bounds(asked: int | None, granted: int) -> None:
    client = Client(server(nonce_s=10_000.0))
    more = () if asked is None else (Lifetime(seconds=asked),)
    answer = client.ask(TurnMethod.ALLOCATE, RequestedTransport(), *more)
    assert answer.get(Lifetime) == Lifetime(seconds=granted)
    relayed = answer.get(XorRelayedAddress)
    assert relayed is not None
    assert 49152 <= relayed.address.port <= 65535
    client.now = granted - 1
    assert client.code(TurnMethod.REFRESH) == 0
    assert client.code(TurnMethod.REFRESH, Lifetime(seconds=0)) == 0
    assert client.code(TurnMethod.REFRESH) == 437
    assert client.code(TurnMethod.ALLOCATE, RequestedTransport()) == 0
    client.now += 600
    assert client.code(TurnMethod.REFRESH) == 437


@pytest.mark.req("TURN-7")
def test_another_user_is_refused_and_a_stranger_is_challenged() -> None:
    shared = server()
    assert Client(shared).code(TurnMethod.ALLOCATE, RequestedTransport()) == 0
    assert Client(shared, user="bob").code(TurnMethod.REFRESH) == 441
    assert Client(shared, user="eve").code(TurnMethod.REFRESH) == 401


@pytest.mark.req("TURN-4", "TURN-35")
def test_channels_keep_their_partners() -> None:
    client = Client(server())
    bind = TurnMethod.CHANNEL_BIND
    client.ask(TurnMethod.ALLOCATE, RequestedTransport())
    peer, other = XorPeerAddress(address=PEER), XorPeerAddress(address=OTHER)
    assert client.code(bind, ChannelNumber(number=0x3FFF), peer) == 400
    assert client.code(bind, ChannelNumber(number=0x5000), peer) == 400
    assert client.code(bind, peer) == 400
    assert client.code(bind, ChannelNumber(number=0x4000), peer) == 0
    assert client.code(bind, ChannelNumber(number=0x4000), peer) == 0
    assert client.code(bind, ChannelNumber(number=0x4000), other) == 400
    assert client.code(bind, ChannelNumber(number=0x4001), peer) == 400
    ipv6 = XorPeerAddress(address=TransportAddress(host="2001:db8::1", port=1))
    assert client.code(bind, ChannelNumber(number=0x4001), ipv6) == 443
    client.now = 599
    assert client.code(TurnMethod.REFRESH, Lifetime(seconds=3600)) == 0
    client.now = 899
    assert client.code(bind, ChannelNumber(number=0x4000), other) == 400
    client.now = 900
    assert client.code(bind, ChannelNumber(number=0x4000), other) == 0


@pytest.mark.req("STUN-46")
def test_anybody_is_told_their_address() -> None:
    client = Client(server())
    answer = client.ask(Method.BINDING, signed=False)
    assert answer.message_class is MessageClass.SUCCESS
    client.server.receive(CLIENT, b"\x00", 0.0)
    assert client.server.counters["malformed"] == 1
