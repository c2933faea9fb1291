"""Checks of the peer, and of everybody else: what is answered, what it sets in motion (RFC 8445 §7.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.messages import CandidateAdded, CheckReceived, PacketRefused
from ice.stun.attributes import (
    Attribute,
    ErrorCode,
    IceControlled,
    Priority,
    UnknownAttribute,
    UnknownAttributes,
    Username,
    XorMappedAddress,
)
from ice.stun.message import (
    IntegrityAlgorithm,
    MessageClass,
    Method,
    StunMessage,
    serialise,
    short_term_key,
)
from ice.types import CandidateType, PairState, Role, SessionState, TcpType, Transport, TransportAddress
from tests.ice.single import (
    DIALLER,
    OURS,
    TCP_PEER,
    THEIRS,
    UDP_PEER,
    Single,
    remote_tcp,
    remote_udp,
)

OUR_KEY = short_term_key(OURS.password)
STRANGER = TransportAddress(host="203.0.113.9", port=6000)


def request(*attributes: Attribute, method: int = Method.BINDING) -> StunMessage:
    return StunMessage(
        method=method,
        message_class=MessageClass.REQUEST,
        transaction_id=b"123456789012",
        attributes=attributes,
    )


GOOD = (Username(value="ours:them"), Priority(value=1862270975), IceControlled(tie_breaker=5))


def code_of(one: Single) -> int | None:
    (answer,) = one.answers()
    code = answer.get(ErrorCode)
    return None if code is None else code.code


@pytest.mark.req("ICE-7.3-1", "STUN-29", "STUN-23", "ICE-7.3-3")
@pytest.mark.parametrize("algorithm", list(IntegrityAlgorithm))
def test_a_good_check_gets_its_address(algorithm: IntegrityAlgorithm) -> None:
    one = Single()
    data = serialise(request(*GOOD), integrity_key=OUR_KEY, fingerprint=True, algorithm=algorithm)
    one.feed(one.udp, STRANGER, data)
    (answer,) = one.answers(one.udp)
    assert answer.message_class is MessageClass.SUCCESS
    assert answer.transaction_id == b"123456789012"
    assert answer.attributes == (XorMappedAddress(address=STRANGER),)
    assert answer.verifies(OUR_KEY)
    assert answer.integrity_algorithm is algorithm
    assert answer.fingerprint
    assert one.commands[-1].flow == one.udp


@pytest.mark.req("STUN-28", "ICE-7.3-1", "ICETCP-7.2-6", "STUN-6", "ICE-7.2-1")
@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(
    ("attributes", "key", "code", "authenticated"),
    [
        (GOOD, None, 400, False),
        (GOOD[1:], OUR_KEY, 400, False),
        (GOOD, b"wrong", 401, False),
        ((Username(value="other:them"), *GOOD[1:]), OUR_KEY, 401, False),
        ((Username(value="ours"), *GOOD[1:]), short_term_key(THEIRS.password), 401, False),
        ((*GOOD, UnknownAttribute(number=0x7F00, value=b"")), OUR_KEY, 420, True),
        ((*GOOD, UnknownAttribute(number=0x7F00, value=b"")), b"wrong", 401, False),
        ((GOOD[0], GOOD[2]), OUR_KEY, 400, True),
        ((GOOD[0], Priority(value=0), GOOD[2]), OUR_KEY, 400, True),
        ((GOOD[0], Priority(value=2**31), GOOD[2]), OUR_KEY, 400, True),
    ],
)
def test_refusals(
    attributes: tuple[Attribute, ...], key: bytes | None, code: int, authenticated: bool, tcp: bool
) -> None:
    one = Single()
    flow, remote = (one.accept(), DIALLER) if tcp else (one.udp, STRANGER)
    one.feed(flow, remote, serialise(request(*attributes), integrity_key=key, fingerprint=True))
    (answer,) = one.answers(flow)
    assert code_of(one) == code
    assert answer.verifies(OUR_KEY) is authenticated
    assert (answer.integrity_algorithm is not None) is authenticated
    assert answer.get(Username) is None
    assert one.agent.counters[f"answered_{code}"] == 1
    assert str(code) in one.said(PacketRefused)[-1].reason
    assert one.said(CheckReceived) == []
    assert one.agent.accepts_data(flow, remote) is None
    if code == 420:
        assert answer.get(UnknownAttributes) == UnknownAttributes(types=(0x7F00,))


def test_a_check_without_a_role_is_taken_as_it_is() -> None:
    one = Single()
    one.feed(one.udp, STRANGER, serialise(request(*GOOD[:2]), integrity_key=OUR_KEY, fingerprint=True))
    assert code_of(one) is None
    assert one.agent.role is Role.CONTROLLING


@pytest.mark.req("STUN-6")
def test_unknown_optional_attributes_do_not_matter() -> None:
    one = Single()
    message = request(*GOOD, UnknownAttribute(number=0xC057, value=b"\0\1\0\2"))
    one.feed(one.udp, STRANGER, serialise(message, integrity_key=OUR_KEY, fingerprint=True))
    assert code_of(one) is None


@pytest.mark.req("STUN-14", "ICE-7.3-3")
@pytest.mark.parametrize(
    ("message", "fingerprint", "kind"),
    [
        (request(*GOOD), False, "no_fingerprint"),
        (request(*GOOD, method=3), True, "other_methods"),
    ],
)
def test_what_is_no_check_is_dropped(message: StunMessage, fingerprint: bool, kind: str) -> None:
    one = Single()
    one.feed(one.udp, STRANGER, serialise(message, integrity_key=OUR_KEY, fingerprint=fingerprint))
    assert one.answers() == []
    assert one.agent.counters == {kind: 1}


@pytest.mark.req("ICE-7.3-3")
def test_a_request_without_the_magic_cookie_is_not_answered() -> None:
    one = Single()
    data = bytearray(serialise(request(*GOOD), integrity_key=OUR_KEY, fingerprint=False))
    data[4:8] = b"\0\0\0\0"
    one.feed(one.udp, STRANGER, bytes(data))
    assert one.answers() == []
    assert one.agent.counters == {"not_stun": 1}


@pytest.mark.req("STUN-26")
def test_indications_are_never_answered() -> None:
    one = Single()
    indication = replace(request(), message_class=MessageClass.INDICATION)
    for _ in range(1000):
        one.feed(one.udp, STRANGER, serialise(indication, integrity_key=None, fingerprint=True))
    assert one.commands == []
    assert one.agent.counters["indications"] == 1000


# --- what a check sets in motion -------------------------------------------------------------------------


@pytest.mark.req("ICE-7.3.1.3-1", "ICE-7.3.1.4-1", "ICE-7.2.5.3.2-1")
def test_an_unknown_source_becomes_a_candidate_and_is_checked() -> None:
    one = Single(hosts=("192.0.2.1", "192.0.2.2"), tcp=False)
    one.remote(replace(remote_udp(), foundation="r2"))
    before = len(one.agent.pairs)
    one.check(one.udp, STRANGER, priority=1234567)
    found = one.said(CandidateAdded)[-1]
    assert not found.local
    candidate = found.candidate
    assert (candidate.type, candidate.address, candidate.priority) == (CandidateType.PRFLX, STRANGER, 1234567)
    assert candidate.component == 1
    assert candidate.foundation not in {pair.remote.foundation for pair in one.agent.pairs[:before]}
    assert len(one.agent.pairs) == before + 1, "paired with the address that it asked only"
    one.wait(0.06)
    (check,) = one.requests_to(STRANGER)
    one.answer(check, one.udp, STRANGER)
    pair = one.agent.pairs[-1]
    assert (pair.state, pair.remote) == (PairState.SUCCEEDED, candidate)
    one.check(one.udp, STRANGER, priority=1234567)
    assert len(one.agent.pairs) == before + 1


@pytest.mark.req("ICE-7.3.1.4-1")
def test_a_check_on_a_failed_pair_revives_it() -> None:
    one = Single(tcp=False)
    one.remote(remote_udp())
    one.answer(one.requests()[0], one.udp, UDP_PEER, error=400)
    assert one.pair().state is PairState.FAILED
    one.wait(1)
    one.check(one.udp, UDP_PEER)
    assert one.pair().state is PairState.IN_PROGRESS
    assert len(one.requests()) == 2


@pytest.mark.req("ICE-7.3.1.4-1")
def test_a_check_on_a_proved_pair_changes_nothing() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    one.remote(remote_udp())
    one.answer(one.requests()[0], one.udp, UDP_PEER)
    one.wait(0.1)
    one.check(one.udp, UDP_PEER)
    one.wait(5)
    assert len(one.requests()) == 1
    assert len(one.answers()) == 1
    assert one.pair().state is PairState.SUCCEEDED


@pytest.mark.req("ICE-7.3.1.4-1")
def test_waiting_and_frozen_pairs_are_checked_next() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    same = [replace(remote_udp(5000 + n, priority=1000 - n), foundation="same") for n in range(4)]
    one.remote(*same)
    assert [p.state.value for p in one.agent.pairs] == ["in-progress", "frozen", "frozen", "frozen"]
    one.check(one.udp, same[3].address)
    one.wait(0.02)
    assert [p.state.value for p in one.agent.pairs] == ["in-progress", "frozen", "frozen", "in-progress"]


@pytest.mark.req("ICE-7.3-2", "ICETCP-7.2-5")
def test_checks_before_the_description_are_answered_at_once_and_remembered() -> None:
    one = Single(Role.CONTROLLED)
    flow = one.accept()
    one.check(flow, DIALLER, use_candidate=True)
    one.check(flow, DIALLER)
    one.check(one.udp, STRANGER)
    assert len(one.answers()) == 3
    assert one.requests() == []
    assert one.state() is SessionState.NEW
    one.now += 1
    one.remote()
    one.wait(0.05)
    assert {request.get(Username) for request in one.requests()} == {Username(value="them:ours")}
    assert len(one.requests(flow)) == len(one.requests(one.udp)) == 1
    one.answer(one.requests(flow)[0], flow, DIALLER)
    assert one.agent.selected(1) is not None, "its nomination was not forgotten either"


def test_how_many_early_checks_are_remembered_is_limited() -> None:
    one = Single(Role.CONTROLLED, tcp=False)
    for port in range(1, 80):
        one.check(one.udp, replace(STRANGER, port=port))
    assert len(one.answers()) == 79
    assert one.agent.counters == {"early_checks_over_limit": 15}
    one.remote()
    assert len(one.agent.pairs) == 64


def test_a_full_list_takes_no_further_pair() -> None:
    one = Single(Role.CONTROLLED, tcp=False, config=IceConfig(max_pairs=1))
    one.remote(remote_udp())
    one.check(one.udp, STRANGER)
    assert len(one.answers()) == 1
    assert len(one.agent.pairs) == 1
    assert one.agent.counters == {"pairs_over_limit": 1, "checks_over_limit": 1}


def test_a_check_of_another_fork_is_answered_and_changes_nothing() -> None:
    one = Single()
    one.remote(remote_udp())
    stranger = replace(THEIRS, ufrag="fork")
    one.check(one.udp, STRANGER, sender=stranger)
    assert len(one.answers()) == 1
    assert len(one.agent.pairs) == 1
    assert one.agent.counters["unknown_peers"] == 1


@pytest.mark.req("ICETCP-7.2-3", "ICETCP-7.2-4", "ICETCP-7.1-1", "ICETCP-6.2-9", "ICETCP-P-1")
def test_an_accepted_connection_is_checked_back_over_itself() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_tcp(9, TcpType.ACTIVE))
    flow = one.accept()
    one.check(flow, DIALLER, priority=1855979519)
    assert len(one.answers(flow)) == 1
    (check,) = one.requests(flow)
    assert one.dials() == []
    one.answer(check, flow, DIALLER, mapped=TransportAddress(host="192.0.2.1", port=4011))
    pair = one.pair(Transport.TCP)
    assert pair.state is PairState.SUCCEEDED
    assert (pair.local.type, pair.local.tcptype) == (CandidateType.HOST, TcpType.PASSIVE)
    assert (pair.remote.type, pair.remote.tcptype) == (CandidateType.PRFLX, TcpType.ACTIVE)
    assert (pair.remote.address, pair.remote.priority) == (DIALLER, 1855979519)
    assert pair.component == 1
    assert one.agent.accepts_data(flow, DIALLER) == 1


@pytest.mark.req("ICETCP-P-2")
def test_a_signalled_active_candidate_is_never_taken_for_the_source_of_a_connection() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_tcp(DIALLER.port, TcpType.ACTIVE))
    flow = one.accept()
    one.check(flow, DIALLER)
    assert one.pair(Transport.TCP).remote.type is CandidateType.PRFLX


@pytest.mark.req("ICETCP-P-4")
def test_an_inbound_check_revives_a_passive_pair_on_its_connection() -> None:
    one = Single(Role.CONTROLLED)
    one.remote()
    flow = one.accept()
    one.check(flow, DIALLER)
    one.answer(one.requests(flow)[0], flow, DIALLER, error=500)
    assert one.pair(Transport.TCP).state is PairState.FAILED
    one.check(flow, DIALLER)
    one.wait(0.05)
    assert len(one.requests(flow)) == 2
    one.lost(flow)
    assert one.pair(Transport.TCP).state is PairState.FAILED
    again = one.accept(TransportAddress(host=DIALLER.host, port=51001))
    one.check(again, TransportAddress(host=DIALLER.host, port=51001))
    one.wait(0.05)
    assert len(one.requests(again)) == 1
    assert one.dials() == []


@pytest.mark.req("ICE-11-2", "ICETCP-11.1-8")
@pytest.mark.parametrize("tcp", [False, True])
def test_late_checks_are_answered_and_change_nothing(tcp: bool) -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_udp())
    one.check(one.udp, UDP_PEER, use_candidate=True)
    flow, remote = (one.accept(), DIALLER) if tcp else (one.udp, STRANGER)
    for request_ in one.requests(one.udp):
        one.answer(request_, one.udp, UDP_PEER)
    assert one.state() is SessionState.COMPLETED
    pairs = one.agent.pairs
    sent = len(one.requests())
    one.check(flow, remote, use_candidate=True)
    one.wait(0.5)
    assert one.answers(flow)[-1].message_class is MessageClass.SUCCESS
    assert one.agent.pairs == pairs
    assert len(one.requests()) == sent


@pytest.mark.req("ICE-11-2", "ICETCP-11.1-8")
def test_ten_minutes_into_the_call_a_check_on_the_connection_is_answered() -> None:
    one = Single(Role.CONTROLLED)
    one.remote()
    flow = one.accept()
    one.check(flow, DIALLER, use_candidate=True)
    one.answer(one.requests(flow)[0], flow, DIALLER)
    for _ in range(120):
        one.wait(5)
        for message in one.requests(flow)[-2:]:
            one.answer(message, flow, DIALLER)
    assert one.state() is SessionState.COMPLETED
    before = one.agent.pairs
    one.check(flow, DIALLER)
    assert one.answers(flow)[-1].message_class is MessageClass.SUCCESS
    assert one.agent.pairs == before


def test_after_failure_checks_are_answered_and_nothing_comes_back() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_tcp())
    one.refuse(one.dials()[0].flow)
    one.wait(40)
    assert one.state() is SessionState.FAILED
    one.check(one.udp, UDP_PEER, use_candidate=True)
    one.wait(5)
    assert len(one.answers()) == 1
    assert one.requests() == []
    assert one.state() is SessionState.FAILED
    assert one.agent.selected(1) is None


@pytest.mark.req("ICETCP-7.1-1")
def test_a_check_of_the_peer_over_our_connection_belongs_to_its_pair() -> None:
    one = Single(Role.CONTROLLED)
    one.remote(remote_tcp())
    (dial,) = one.dials()
    one.opened(dial.flow)
    one.check(dial.flow, TCP_PEER)
    assert len(one.agent.pairs) == 1
    assert len(one.dials()) == 1
