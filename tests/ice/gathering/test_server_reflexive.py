"""Asking STUN servers about our sockets, under virtual time."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.gathering.server_reflexive import GIVE_UP_S, Mapped, NotMapped, ServerReflexive
from ice.messages import SendDatagram
from ice.stun.attributes import (
    AlternateServer,
    Attribute,
    ErrorCode,
    MappedAddress,
    UnknownAttribute,
    XorMappedAddress,
)
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.types import FlowId, TransportAddress

TA_S = 0.02
KEEPALIVE_S = 15.0
START = 1000.0
FLOW, OTHER_FLOW = FlowId(1), FlowId(2)
SERVER = TransportAddress(host="192.0.2.1", port=3478)
OTHER_SERVER = TransportAddress(host="192.0.2.2", port=3478)
PUBLIC = TransportAddress(host="203.0.113.7", port=40000)


def core() -> ServerReflexive:
    return ServerReflexive(ta_s=TA_S, keepalive_s=KEEPALIVE_S, random=random.Random(1).randbytes)


def answer(
    request: bytes,
    *attributes: Attribute,
    kind: MessageClass = MessageClass.SUCCESS,
    fingerprint: bool = True,
) -> bytes:
    message = StunMessage(
        method=Method.BINDING,
        message_class=kind,
        transaction_id=parse(request).transaction_id,
        attributes=attributes,
    )
    return serialise(message, integrity_key=None, fingerprint=fingerprint)


def mapped(request: bytes, address: TransportAddress = PUBLIC) -> bytes:
    return answer(request, XorMappedAddress(address=address))


def datagrams(asking: ServerReflexive) -> list[SendDatagram]:
    """What is to be sent."""
    commands = asking.take_commands()
    sent = [command for command in commands if isinstance(command, SendDatagram)]
    assert sent == commands
    return sent


def asked(asking: ServerReflexive, now: float = START) -> bytes:
    """Ask the server; the request."""
    asking.ask(FLOW, SERVER, now)
    return datagrams(asking)[0].data


def sent_until(asking: ServerReflexive, end: float) -> list[tuple[float, SendDatagram]]:
    """Let time pass; what was sent when."""
    sent: list[tuple[float, SendDatagram]] = []
    for _ in range(10_000):
        at = asking.next_timer
        if at is None or at > end:
            return sent
        asking.handle_timer(at)
        sent += [(at, command) for command in datagrams(asking)]
    raise AssertionError("it does not come to rest")


@pytest.mark.req("ICE-5.1.1.2-1", "STUN-24")
def test_a_server_tells_the_mapped_address() -> None:
    asking = core()
    request = parse(asked(asking))
    # Unauthenticated, and nothing in it that an old server could stumble over.
    assert (request.method, request.message_class, request.attributes) == (
        Method.BINDING,
        MessageClass.REQUEST,
        (),
    )
    assert request.integrity == ()
    asking = core()
    assert asking.receive(FLOW, SERVER, mapped(asked(asking)), START + 0.05)
    assert asking.take_findings() == [Mapped(flow=FLOW, server=SERVER, address=PUBLIC)]


@pytest.mark.req("ICE-5.1.1.2-4", "STUN-24")
def test_an_old_server_tells_it_in_clear_and_sends_what_is_forgotten_now() -> None:
    asking = core()
    other = TransportAddress(host="192.0.2.99", port=3479)
    old = (
        MappedAddress(address=PUBLIC),
        UnknownAttribute(number=0x0004, value=MappedAddress(address=SERVER).encode(b"")),
        UnknownAttribute(number=0x0005, value=MappedAddress(address=other).encode(b"")),
    )
    assert asking.receive(FLOW, SERVER, answer(asked(asking), *old, fingerprint=False), START)
    assert asking.take_findings() == [Mapped(flow=FLOW, server=SERVER, address=PUBLIC)]


def test_the_masked_address_goes_before_the_one_in_clear() -> None:
    asking = core()
    rewritten = MappedAddress(address=TransportAddress(host="10.0.0.1", port=1))
    asking.receive(FLOW, SERVER, answer(asked(asking), rewritten, XorMappedAddress(address=PUBLIC)), START)
    assert asking.take_findings() == [Mapped(flow=FLOW, server=SERVER, address=PUBLIC)]


@pytest.mark.parametrize(
    ("attributes", "kind", "reason"),
    [
        ((), MessageClass.SUCCESS, "its answer holds no mapped address"),
        (
            (XorMappedAddress(address=PUBLIC), UnknownAttribute(number=0x7F00, value=b"")),
            MessageClass.SUCCESS,
            "its answer holds 0x7f00",
        ),
        ((ErrorCode(code=500, reason="busy"),), MessageClass.ERROR, "500 busy"),
        ((ErrorCode(code=699),), MessageClass.ERROR, "699"),
        ((), MessageClass.ERROR, "an error without a code"),
        (
            (ErrorCode(code=300, reason="Try Alternate"), AlternateServer(address=OTHER_SERVER)),
            MessageClass.ERROR,
            "300 Try Alternate",
        ),
    ],
)
@pytest.mark.req("ICE-5.1.1.2-1", "STUN-24", "STUN-25", "STUN-6")
def test_answers_that_give_no_mapping(
    attributes: tuple[Attribute, ...], kind: MessageClass, reason: str
) -> None:
    asking = core()
    assert asking.receive(FLOW, SERVER, answer(asked(asking), *attributes, kind=kind), START)
    assert asking.take_findings() == [NotMapped(flow=FLOW, server=SERVER, reason=reason)]
    # Nobody else is asked instead, and it is not tried again.
    assert sent_until(asking, START + 1000) == []
    assert asking.next_timer is None


@pytest.mark.parametrize(
    "nonsense",
    [
        TransportAddress(host="0.0.0.0", port=4000),
        TransportAddress(host="203.0.113.7", port=0),
        TransportAddress(host="224.0.0.1", port=4000),
        TransportAddress(host="2001:db8::1", port=4000),
    ],
)
def test_an_address_that_is_none_becomes_no_candidate(nonsense: TransportAddress) -> None:
    asking = core()
    asking.receive(FLOW, SERVER, mapped(asked(asking), nonsense), START)
    (finding,) = asking.take_findings()
    assert finding == NotMapped(
        flow=FLOW, server=SERVER, reason=f"it tells {nonsense}, where nobody can send to"
    )


def test_what_is_no_answer_of_the_server_is_left_to_others() -> None:
    asking = core()
    request = asked(asking)
    right = mapped(request)
    broken = right[:-1] + bytes((right[-1] ^ 1,))
    other_id = mapped(
        serialise(
            StunMessage(method=1, message_class=MessageClass.REQUEST, transaction_id=bytes(12)),
            integrity_key=None,
            fingerprint=False,
        )
    )
    for flow, remote, data in (
        (OTHER_FLOW, SERVER, right),
        (FLOW, OTHER_SERVER, right),
        (FLOW, SERVER, request),
        (FLOW, SERVER, broken),
        (FLOW, SERVER, other_id),
        (FLOW, SERVER, b""),
        (FLOW, SERVER, right[:19]),
    ):
        assert not asking.receive(flow, remote, data, START)
    assert asking.take_findings() == []
    assert asking.receive(FLOW, SERVER, right, START)


def test_copies_of_an_answer_are_taken_and_change_nothing() -> None:
    asking = core()
    right = mapped(asked(asking))
    assert asking.receive(FLOW, SERVER, right, START)
    asking.take_findings()
    timer = asking.next_timer
    assert asking.receive(FLOW, SERVER, right, START + 0.5)
    assert asking.take_findings() == []
    assert asking.next_timer == timer


@pytest.mark.req("STUN-7")
def test_a_silent_server_is_asked_seven_times_and_then_told() -> None:
    asking = core()
    asking.ask(FLOW, SERVER, START)
    sent = [(START, datagrams(asking)[0]), *sent_until(asking, START + 100)]
    assert [at - START for at, _ in sent] == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert len({command.data for _, command in sent}) == 1
    assert asking.take_findings() == [NotMapped(flow=FLOW, server=SERVER, reason="no answer")]
    assert asking.next_timer is None


@pytest.mark.req("ICE-5.1.1.2-6", "USE-8")
def test_one_new_request_leaves_per_ta() -> None:
    asking = core()
    for flow in (FLOW, OTHER_FLOW):
        for number in range(3):
            asking.ask(flow, TransportAddress(host=f"192.0.2.{number + 1}", port=3478), START)
    sent = [(START, command) for command in datagrams(asking)]
    sent += sent_until(asking, START + 0.4)
    assert len(sent) == 6
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(sent)]
    assert min(gaps) >= TA_S * 0.999
    assert max(gaps) < TA_S * 1.001


def test_a_late_timer_makes_no_burst() -> None:
    asking = core()
    for number in range(5):
        asking.ask(FlowId(number + 1), SERVER, START)
    datagrams(asking)
    asking.handle_timer(START + 0.3)
    assert len(datagrams(asking)) == 1


@pytest.mark.req("ICE-5.1.1.4-1")
def test_a_mapping_is_kept_alive_until_ice_is_over() -> None:
    asking = core()
    asking.receive(FLOW, SERVER, mapped(asked(asking)), START)
    asking.take_findings()
    now = START
    for number in range(1, 45):
        at = asking.next_timer
        assert at is not None
        assert at - now == pytest.approx(KEEPALIVE_S)
        now = at
        asking.handle_timer(now)
        (command,) = datagrams(asking)
        assert (command.flow, command.remote) == (FLOW, SERVER)
        # A changed mapping is told; whoever listens may compare.
        address = PUBLIC if number < 44 else TransportAddress(host="203.0.113.8", port=1)
        asking.receive(FLOW, SERVER, mapped(command.data, address), now)
        assert asking.take_findings() == [Mapped(flow=FLOW, server=SERVER, address=address)]
    assert now >= START + 660
    asking.stop()
    assert asking.next_timer is None
    assert sent_until(asking, now + 1000) == []


def test_a_server_that_falls_silent_later_is_asked_on_and_not_told() -> None:
    asking = core()
    asking.receive(FLOW, SERVER, mapped(asked(asking)), START)
    asking.take_findings()
    sent = sent_until(asking, START + 2 * (KEEPALIVE_S + GIVE_UP_S))
    assert len({command.data for _, command in sent}) == 2
    assert asking.take_findings() == []


def test_who_has_not_answered_is_waited_for_no_longer() -> None:
    asking = core()
    first = asked(asking)
    asking.ask(OTHER_FLOW, SERVER, START)
    asking.receive(FLOW, SERVER, mapped(first), START + 0.01)
    asking.take_findings()
    asking.handle_timer(START + TA_S)
    (second,) = datagrams(asking)
    asking.give_up()
    # The late answer is nobody else's business.
    assert asking.receive(OTHER_FLOW, SERVER, mapped(second.data), START + 0.6)
    assert asking.take_findings() == []
    assert {command.flow for _, command in sent_until(asking, START + 20)} == {FLOW}


def test_a_socket_that_is_gone_is_not_asked_about() -> None:
    asking = core()
    asking.receive(FLOW, SERVER, mapped(asked(asking)), START)
    asking.take_findings()
    asking.forget(FLOW)
    assert asking.next_timer is None
    asking.forget(FLOW)


def test_misuse() -> None:
    asking = core()
    asking.ask(FLOW, SERVER, START)
    with pytest.raises(ValueError, match="already"):
        asking.ask(FLOW, SERVER, START)
    with pytest.raises(ValueError, match="does not appear"):
        asking.ask(FLOW, TransportAddress(host="stun.example.com", port=3478), START)


@given(st.binary(max_size=200), st.binary(max_size=60), st.booleans())
def test_no_packet_raises(data: bytes, tail: bytes, ours: bool) -> None:
    asking = core()
    request = asked(asking)
    packet = b"\x01\x01" + len(tail).to_bytes(2, "big") + request[4:20] + tail if ours else data
    asking.receive(FLOW, SERVER, packet, START)
    for finding in asking.take_findings():
        assert finding.flow == FLOW


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.booleans()), max_size=12, unique_by=lambda x: x[:2]
    ),
    st.integers(0, 2**32),
)
def test_every_question_gets_one_finding_and_no_two_requests_begin_within_ta(
    questions: list[tuple[int, int, bool]], seed: int
) -> None:
    asking = ServerReflexive(ta_s=TA_S, keepalive_s=KEEPALIVE_S, random=random.Random(seed).randbytes)
    answers = {}
    for flow, number, replies in questions:
        server = TransportAddress(host=f"192.0.2.{number}", port=3478)
        asking.ask(FlowId(flow), server, START)
        answers[FlowId(flow), server] = replies
    begun: dict[bytes, float] = {}
    found: dict[tuple[FlowId, TransportAddress], bool] = {}
    now = START
    for _ in range(10_000):
        for command in datagrams(asking):
            begun.setdefault(command.data, now)
            if answers[command.flow, command.remote]:
                assert asking.receive(command.flow, command.remote, mapped(command.data), now)
        for finding in asking.take_findings():
            found[finding.flow, finding.server] = isinstance(finding, Mapped)
        if len(found) == len(questions):
            break
        at = asking.next_timer
        assert at is not None
        now = max(now, at)
        asking.handle_timer(now)
    assert found == answers
    times = sorted(begun.values())
    assert all(later - earlier > TA_S * 0.999 for earlier, later in itertools.pairwise(times))
