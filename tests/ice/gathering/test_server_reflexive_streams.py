"""Asking STUN servers about listening TCP ports, under virtual time."""

from __future__ import annotations

import random

import pytest

from ice.gathering.server_reflexive import (
    GIVE_UP_S,
    CloseStream,
    Mapped,
    NotMapped,
    OpenStream,
    SendStream,
    ServerReflexive,
)
from ice.messages import SendDatagram
from ice.stun.attributes import ErrorCode, XorMappedAddress
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.types import FlowId, TransportAddress

TA_S = 0.02
KEEPALIVE_S = 30.0
START = 1000.0
PORT = FlowId(1)
SERVER = TransportAddress(host="192.0.2.1", port=3478)
PUBLIC = TransportAddress(host="203.0.113.7", port=40000)
OPEN = OpenStream(flow=PORT, server=SERVER)
CLOSE = CloseStream(flow=PORT, server=SERVER)


def core() -> ServerReflexive:
    return ServerReflexive(ta_s=TA_S, keepalive_s=KEEPALIVE_S, random=random.Random(1).randbytes)


def asked(asking: ServerReflexive) -> bytes:
    """Ask, and let the connection be established; the request."""
    asking.ask(PORT, SERVER, START, stream=True)
    assert asking.take_commands() == [OPEN]
    asking.connected(PORT, SERVER)
    return sent(asking)


def sent(asking: ServerReflexive) -> bytes:
    (command,) = asking.take_commands()
    assert isinstance(command, SendStream)
    assert (command.flow, command.server) == (PORT, SERVER)
    return command.data


def answer(request: bytes, address: TransportAddress = PUBLIC) -> bytes:
    message = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.SUCCESS,
        transaction_id=parse(request).transaction_id,
        attributes=(XorMappedAddress(address=address),),
    )
    return serialise(message, integrity_key=None, fingerprint=False)


@pytest.mark.req("ICETCP-4.1-7", "ICETCP-5.2-1")
def test_a_connection_is_opened_at_the_turn_and_the_request_follows_it() -> None:
    asking = core()
    asking.ask(FlowId(2), SERVER, START)
    assert isinstance(asking.take_commands()[0], SendDatagram)
    asking.ask(PORT, SERVER, START, stream=True)
    assert asking.take_commands() == []
    assert asking.next_timer == pytest.approx(START + TA_S)
    asking.handle_timer(START + TA_S)
    assert asking.take_commands() == [OPEN]
    # The request is not paced by itself: it leaves when the connection stands.
    asking.connected(PORT, SERVER)
    request = parse(sent(asking))
    assert (request.method, request.message_class) == (Method.BINDING, MessageClass.REQUEST)


@pytest.mark.req("ICETCP-5.2-1")
def test_the_answer_tells_the_mapped_address() -> None:
    asking = core()
    request = asked(asking)
    assert asking.receive(PORT, SERVER, answer(request), START + 0.1)
    assert asking.take_findings() == [Mapped(flow=PORT, server=SERVER, address=PUBLIC)]
    assert asking.take_commands() == []


def test_nothing_is_sent_again_and_an_answer_is_waited_for_from_the_connection_on() -> None:
    asking = core()
    asking.ask(PORT, SERVER, START, stream=True)
    asking.take_commands()
    asking.connected(PORT, SERVER)
    sent(asking)
    assert asking.next_timer == pytest.approx(START + GIVE_UP_S)
    asking.handle_timer(START + GIVE_UP_S)
    assert asking.take_commands() == [CLOSE]
    assert asking.take_findings() == [NotMapped(flow=PORT, server=SERVER, reason="no answer")]
    assert asking.next_timer is None


@pytest.mark.req("ICETCP-5.2-4")
def test_the_mapping_is_kept_alive_on_its_connection_until_ice_is_over() -> None:
    asking = core()
    asking.receive(PORT, SERVER, answer(asked(asking)), START)
    asking.take_findings()
    requests = []
    while (at := asking.next_timer) is not None and at <= START + 90:
        asking.handle_timer(at)
        data = sent(asking)
        requests.append((at, parse(data).transaction_id))
        asking.receive(PORT, SERVER, answer(data), at)
    assert [at for at, _ in requests] == [START + 30, START + 60, START + 90]
    assert len({number for _, number in requests}) == 3


@pytest.mark.req("ICETCP-4.1-5", "ICETCP-11.2-1")
def test_the_connection_is_closed_when_ice_is_over_and_not_before() -> None:
    asking = core()
    asking.receive(PORT, SERVER, answer(asked(asking)), START)
    for at in (START + 10, START + 29):
        asking.handle_timer(at)
    assert asking.take_commands() == []
    asking.stop()
    assert asking.take_commands() == [CLOSE]
    assert asking.next_timer is None
    asking.stop()
    assert asking.take_commands() == []


@pytest.mark.parametrize("established", [False, True])
def test_a_server_that_is_late_is_let_go(established: bool) -> None:
    asking = core()
    asking.ask(PORT, SERVER, START, stream=True)
    if established:
        asking.connected(PORT, SERVER)
    asking.take_commands()
    asking.give_up()
    assert asking.take_commands() == [CLOSE]
    # What happens to it now is nobody's business.
    asking.connected(PORT, SERVER)
    asking.lost(PORT, SERVER, "reset")
    assert asking.take_commands() == []
    assert asking.take_findings() == []


def test_one_that_waits_for_its_turn_has_no_connection_to_close() -> None:
    asking = core()
    asking.ask(FlowId(2), SERVER, START)
    asking.take_commands()
    asking.ask(PORT, SERVER, START, stream=True)
    asking.give_up()
    assert asking.take_commands() == []


@pytest.mark.parametrize("known", [False, True])
def test_a_connection_that_ends_is_told(known: bool) -> None:
    asking = core()
    request = asked(asking)
    if known:
        asking.receive(PORT, SERVER, answer(request), START)
        asking.take_findings()
    asking.lost(PORT, SERVER, "closed by the server")
    assert asking.take_findings() == [NotMapped(flow=PORT, server=SERVER, reason="closed by the server")]
    assert asking.take_commands() == []
    assert asking.next_timer is None


def test_a_refusal_closes_the_connection() -> None:
    asking = core()
    request = parse(asked(asking))
    error = StunMessage(
        method=Method.BINDING,
        message_class=MessageClass.ERROR,
        transaction_id=request.transaction_id,
        attributes=(ErrorCode(code=500, reason="busy"),),
    )
    asking.receive(PORT, SERVER, serialise(error, integrity_key=None, fingerprint=False), START)
    assert asking.take_findings() == [NotMapped(flow=PORT, server=SERVER, reason="500 busy")]
    assert asking.take_commands() == [CLOSE]


@pytest.mark.req("ICETCP-4.1-9")
def test_no_server_is_dialled_twice_from_one_port() -> None:
    asking = core()
    asking.ask(PORT, SERVER, START, stream=True)
    with pytest.raises(ValueError, match="already"):
        asking.ask(PORT, SERVER, START + 1, stream=True)
    other = TransportAddress(host=SERVER.host, port=3479)
    asking.ask(PORT, other, START + 1, stream=True)
    assert asking.take_commands() == [OPEN, OpenStream(flow=PORT, server=other)]
