"""STUN on the sockets of SIP, and keep-alives on connections (RFC 5626 §5.4, §8)."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.stun.attributes import ErrorCode, UnknownAttribute, XorMappedAddress
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.types import TransportAddress
from tests.ua.sip.phones import phone
from ua.sip.transport.flows import Flows
from ua.sip.transport.hop import Hop

PEER = Hop(transport="udp", remote=TransportAddress(host="192.0.2.9", port=5060))
STREAM = Hop(transport="tcp", remote=PEER.remote, connection=3)


class Watched:
    """Flows with what they sent and what a watcher heard."""

    def __init__(self) -> None:
        self.sent: list[tuple[Hop, bytes]] = []
        self.pinged: list[Hop] = []
        self.heard: list[str] = []
        self.refused: list[str] = []
        self.counters: Counter[str] = Counter()
        self.flows = Flows(
            send=self._send,
            ping=self.pinged.append,
            drop=lambda _, reason: self.refused.append(reason),
            is_open=lambda _: True,
            on_refused=lambda _, reason: self.refused.append(reason),
            counters=self.counters,
        )

    def _send(self, hop: Hop, data: bytes) -> str:
        self.sent.append((hop, data))
        return ""

    def on_flow_lost(self, reason: str) -> None:
        self.heard.append(reason)

    def on_pong(self) -> None:
        self.heard.append("pong")

    def on_stun(self, message: StunMessage) -> None:
        self.heard.append(message.message_class.name)


def binding(kind: MessageClass = MessageClass.REQUEST, *attributes: UnknownAttribute) -> bytes:
    message = StunMessage(
        method=Method.BINDING, message_class=kind, transaction_id=b"x" * 12, attributes=attributes
    )
    return serialise(message, integrity_key=None, fingerprint=False)


@pytest.mark.req("TRN-11")
def test_a_binding_request_is_answered_with_where_it_came_from() -> None:
    one = Watched()
    assert one.flows.receive(binding(), PEER)
    ((hop, data),) = one.sent
    assert hop == PEER
    answer = parse(data)
    mapped = answer.get(XorMappedAddress)
    assert mapped is not None
    assert (mapped.address, answer.transaction_id) == (PEER.remote, b"x" * 12)


@pytest.mark.req("TRN-11")
def test_what_must_be_understood_and_is_not_gets_420() -> None:
    one = Watched()
    one.flows.receive(binding(MessageClass.REQUEST, UnknownAttribute(number=0x7F01, value=b"")), PEER)
    error = parse(one.sent[0][1]).get(ErrorCode)
    assert error is not None
    assert error.code == 420


@pytest.mark.req("TRN-11")
@given(data=st.binary(max_size=60))
def test_no_bytes_are_taken_for_both(data: bytes) -> None:
    """What begins with a byte that SIP can begin with is never STUN; nothing raises."""
    one = Watched()
    taken = one.flows.receive(data, PEER)
    assert taken is (bool(data) and data[0] in (0, 1) and bool(data.strip(b"\r\n\0")))
    assert not one.flows.receive(data, STREAM)


@pytest.mark.req("TRN-11")
def test_stun_never_goes_on_a_stream_and_pings_never_by_udp() -> None:
    one = Watched()
    assert one.flows.keep_alive(STREAM, binding()) == ""
    assert (one.sent, one.pinged) == ([], [STREAM])
    assert one.flows.keep_alive(PEER, binding()) == ""
    assert (len(one.sent), one.pinged) == (1, [STREAM])


def test_only_who_watches_the_flow_hears_of_it() -> None:
    one = Watched()
    other = Watched()
    end = one.flows.watch(PEER, one)
    one.flows.watch(STREAM, other)
    one.flows.receive(binding(MessageClass.SUCCESS), PEER)
    one.flows.pong(STREAM)
    one.flows.unreachable(PEER.remote, "refused")
    one.flows.lost(STREAM, "closed")
    assert (one.heard, other.heard) == (["SUCCESS", "refused"], ["pong", "closed"])
    end()
    end()
    one.flows.unreachable(PEER.remote, "refused")
    assert len(one.heard) == 2


@pytest.mark.req("TRN-11")
async def test_the_sip_port_of_a_phone_answers_stun() -> None:
    async with phone() as bob:
        address = bob.endpoint.local_addresses["udp"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind(("127.0.0.1", 0))
            asking.setblocking(False)
            asking.sendto(binding(), (address.host, address.port))
            data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(asking, 2048), 10)
            mapped = parse(data).get(XorMappedAddress)
            assert mapped is not None
            assert mapped.address.port == asking.getsockname()[1]


def test_keep_alives_are_counted() -> None:
    watched = Watched()
    watched.flows.keep_alive(STREAM, b"")
    watched.flows.pong(STREAM)
    watched.flows.keep_alive(PEER, binding())
    assert watched.counters == {"keep-alives sent": 2, "keep-alives received": 1}
