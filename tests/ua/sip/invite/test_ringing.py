"""Provisional responses of a callee under virtual time: numbers, repeats, ends."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ua.sip.bench import make_request
from ua.sip.errors import SipParseError
from ua.sip.invite.rack import RAck, rseq_of
from ua.sip.invite.reliable_reception import Arrival, ReliableReception
from ua.sip.invite.ringing import Ringing, RingingEnd
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import CSeq, Response, make_response
from ua.sip.transaction.timers import Timers

INVITE = make_request(cseq=7)


def ringing(*, chance: int = 41, now: float = 0.0, expires: float | None = None) -> Ringing:
    return Ringing(timers=Timers(), cseq=INVITE.cseq, chance=chance, now=now, expires=expires)


def response(status: int = 180, body: bytes = b"") -> Response:
    rows = Headers.of(("Content-Type", "application/sdp")) if body else Headers()
    return make_response(INVITE, status, to_tag="b", headers=rows, body=body)


def rack(rseq: int, number: int = 7, method: str = "INVITE") -> RAck:
    return RAck(rseq=rseq, cseq=CSeq(number=number, method=method))


def waits(core: Ringing) -> bool:
    """Whether a 2xx has to wait."""
    return core.holds_session


def run(core: Ringing, until: float) -> tuple[list[tuple[float, Response]], RingingEnd | None]:
    """What is sent, and when, and why it ended."""
    sent: list[tuple[float, Response]] = []
    while (at := core.next_timer()) is not None and at <= until:
        end = core.handle_timer(at)
        sent += [(at, each) for each in core.take_responses()]
        if end is not None:
            return sent, end
    return sent, None


@pytest.mark.req("UAS-5")
def test_an_unreliable_response_is_repeated_every_minute() -> None:
    core = ringing()
    core.ring(response(), 0.0)
    assert core.take_responses() == [response()]
    sent, end = run(core, 300.0)
    assert [at for at, _ in sent] == [60.0, 120.0, 180.0, 240.0, 300.0]
    assert {each.to.tag for _, each in sent} == {"b"}
    assert end is None
    core.answered()
    assert core.next_timer() is None
    assert core.handle_timer(1e6) is None
    assert core.take_responses() == []


@pytest.mark.req("UAS-6")
def test_ringing_ends_when_the_invite_expires() -> None:
    core = ringing(now=10.0, expires=90)
    core.ring(response(), 10.0)
    core.take_responses()
    sent, end = run(core, 1000.0)
    assert [at for at, _ in sent] == [70.0]
    assert end is RingingEnd.EXPIRED
    silent = ringing(expires=5)
    assert silent.next_timer() == 5.0


@pytest.mark.req("EXT-1", "UAS-5")
def test_a_reliable_response_is_repeated_doubling_without_a_cap_until_the_prack() -> None:
    core = ringing(chance=41)
    core.ring_reliably(response(183, b"answer"), 0.0, session=True)
    (first,) = core.take_responses()
    assert rseq_of(first) == 42
    assert first.headers.first("require") == "100rel"
    sent, _ = run(core, 20.0)
    assert [at for at, _ in sent] == [0.5, 1.5, 3.5, 7.5, 15.5]
    assert [each for _, each in sent] == [first] * 5
    assert waits(core)
    assert not core.acknowledge(rack(43), 20.0)
    assert not core.acknowledge(rack(42, number=8), 20.0)
    assert not core.acknowledge(rack(42, method="UPDATE"), 20.0)
    assert core.acknowledge(rack(42), 20.0)
    assert not waits(core)
    assert not core.acknowledge(rack(42), 20.0)
    again, end = run(core, 310.0)
    assert [(at, rseq_of(each), each.body) for at, each in again][:1] == [(150.0, 43, b"")]
    assert end is RingingEnd.NOT_ACKNOWLEDGED


@pytest.mark.req("EXT-1")
def test_without_a_prack_it_ends_after_64_t1() -> None:
    core = ringing()
    core.ring_reliably(response(), 0.0, session=False)
    core.take_responses()
    sent, end = run(core, 1000.0)
    assert [at for at, _ in sent] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert end is RingingEnd.NOT_ACKNOWLEDGED


@pytest.mark.req("EXT-1")
def test_one_at_a_time_and_numbers_rise_by_one() -> None:
    core = ringing(chance=2**31 - 3)
    for status in (180, 183, 181):
        core.ring_reliably(response(status), 0.0, session=status == 183)
    (first,) = core.take_responses()
    assert (first.status, rseq_of(first)) == (180, 2**31 - 2)
    assert waits(core)
    core.acknowledge(rack(2**31 - 2), 1.0)
    (second,) = core.take_responses()
    assert (second.status, rseq_of(second)) == (183, 2**31 - 1)
    core.acknowledge(rack(2**31 - 1), 2.0)
    assert not waits(core)
    (third,) = core.take_responses()
    assert (third.status, rseq_of(third)) == (181, 2**31)
    assert [at for at, _ in run(core, 4.0)[0]] == [2.5, 3.5]


@pytest.mark.req("EXT-1")
def test_the_first_number_is_between_1_and_2_to_the_31_less_1() -> None:
    for chance in (0, 1, 2**31 - 2, 2**31 - 1, 2**32 - 1):
        core = ringing(chance=chance)
        core.ring_reliably(response(), 0.0, session=False)
        rseq = rseq_of(core.take_responses()[0])
        assert rseq is not None
        assert 1 <= rseq <= 2**31 - 1


@pytest.mark.req("PRK-2", "EXT-1")
def test_after_the_final_response_nothing_is_repeated_but_pracks_are_known() -> None:
    core = ringing(chance=0)
    core.ring_reliably(response(), 0.0, session=False)
    core.ring_reliably(response(183), 0.0, session=False)
    core.take_responses()
    core.answered()
    assert run(core, 1000.0) == ([], None)
    assert core.knows(rack(1))
    assert core.acknowledge(rack(1), 5.0)
    assert core.take_responses() == []
    assert core.is_idle


def test_a_description_that_waits_goes_out_before_the_answer() -> None:
    core = ringing(chance=0)
    core.ring_reliably(response(), 0.0, session=False)
    core.ring_reliably(response(183, b"answer"), 0.0, session=True)
    core.ring_reliably(response(182), 0.0, session=False)
    core.take_responses()
    core.settle()
    core.acknowledge(rack(1), 1.0)
    assert [each.status for each in core.take_responses()] == [183]
    core.acknowledge(rack(2), 2.0)
    assert core.take_responses() == []
    assert not core.holds_session
    assert core.next_timer() is None


@pytest.mark.req("PRK-2")
def test_a_prack_that_was_refused_for_its_offer_may_come_again() -> None:
    core = ringing(chance=0)
    core.ring_reliably(response(), 0.0, session=False)
    core.acknowledge(rack(1), 1.0)
    assert not core.knows(rack(1))
    core.reopen(rack(1))
    assert core.acknowledge(rack(1), 2.0)
    assert not core.knows(rack(1))


@pytest.mark.req("GLU-1", "SDP-ICE-17")
def test_an_unreliable_answer_is_repeated_until_told_to_stop() -> None:
    core = ringing()
    core.ring(response(183, b"answer"), 0.0, sends=None)
    core.ring(response(180), 1.0)
    core.take_responses()
    sent, _ = run(core, 5.0)
    assert [(at, each.status) for at, each in sent] == [(0.5, 183), (1.5, 183), (3.5, 183)]
    core.stop_repeating()
    sent, end = run(core, 62.0)
    assert [(at, each.status) for at, each in sent] == [(61.0, 180)]
    assert end is None


@pytest.mark.req("SDP-ICE-17")
def test_an_unreliable_answer_ends_with_the_schedule_or_after_so_many() -> None:
    patient = ringing()
    patient.ring(response(183, b"answer"), 0.0, sends=None)
    assert len(patient.take_responses()) == 1
    assert [at for at, _ in run(patient, 59.0)[0]] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    lite = ringing()
    lite.ring(response(183, b"answer"), 0.0, sends=4)
    assert len(lite.take_responses()) == 1
    assert [at for at, _ in run(lite, 59.0)[0]] == [0.5, 1.5, 3.5]


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("reliable"), st.booleans()),
            st.tuples(st.just("unreliable"), st.sampled_from([1, 4, None])),
            st.tuples(st.just("prack"), st.integers(0, 5)),
            st.tuples(st.just("wait"), st.floats(0.0, 40.0)),
            st.tuples(st.just("settle"), st.none()),
            st.tuples(st.just("answered"), st.none()),
            st.tuples(st.just("stop"), st.none()),
        ),
        max_size=30,
    )
)
@settings(max_examples=200, deadline=None)
@pytest.mark.req("EXT-1", "PRK-2")
def test_whatever_happens_one_is_under_way_and_it_comes_to_an_end(
    steps: list[tuple[str, bool | int | float | None]],
) -> None:
    core = ringing(chance=0)
    now, final, seen = 0.0, False, list[int]()
    acknowledged: set[int] = set()

    def hear() -> None:
        for each in core.take_responses():
            rseq = rseq_of(each)
            assert not final
            if rseq is not None and rseq not in seen:
                assert rseq == len(seen) + 1
                assert acknowledged == set(seen)  # none is sent before the one before it is acknowledged
                seen.append(rseq)

    for name, value in steps:
        match name:
            case "reliable" if not final:
                core.ring_reliably(response(), now, session=bool(value))
            case "unreliable" if not final:
                core.ring(response(183), now, sends=None if value is None else int(value))
            case "prack" if isinstance(value, int):
                known = value in seen and value not in acknowledged
                assert core.acknowledge(rack(value), now) is known
                if known:
                    acknowledged.add(value)
            case "wait" if isinstance(value, float):
                end_at = now + value
                while (at := core.next_timer()) is not None and at <= end_at:
                    assert at >= now
                    now = at
                    if core.handle_timer(now) is not None:
                        hear()
                        core.answered()
                        final = True
                    hear()
                now = end_at
            case "settle":
                core.settle()
            case "answered":
                hear()
                core.answered()
                final = True
            case "stop":
                core.stop_repeating()
            case _:
                pass
        hear()
    core.answered()
    assert core.next_timer() is None


@pytest.mark.req("PRK-1")
def test_the_caller_takes_each_once_and_none_after_a_gap() -> None:
    reception = ReliableReception()

    def arrives(rseq: object, status: int = 183, require: str = "100rel") -> tuple[Arrival, RAck | None]:
        rows = Headers.of(("Require", require), ("RSeq", rseq))
        return reception.take(make_response(INVITE, status, to_tag="b", headers=rows))

    assert arrives(5, status=100) == (Arrival.PLAIN, None)
    assert arrives(5, require="timer") == (Arrival.PLAIN, None)
    assert arrives("x") == (Arrival.PLAIN, None)
    assert arrives(0) == (Arrival.PLAIN, None)
    assert arrives(5) == (Arrival.NEXT, rack(5))
    assert arrives(7) == (Arrival.EARLY, None)
    assert arrives(5) == (Arrival.REPEATED, None)
    assert arrives(6) == (Arrival.NEXT, rack(6))
    assert arrives(7) == (Arrival.NEXT, rack(7))
    assert Counter(str(arrives(number)[0]) for number in (3, 6, 7, 9)) == {"repeated": 3, "early": 1}


@given(order=st.lists(st.integers(1, 6), max_size=40))
@pytest.mark.req("PRK-1")
def test_acknowledged_numbers_are_in_order_whatever_the_network_does(order: list[int]) -> None:
    reception = ReliableReception()
    taken = []
    for number in order:
        rows = Headers.of(("Require", "100rel"), ("RSeq", number))
        _, acknowledges = reception.take(make_response(INVITE, 180, to_tag="b", headers=rows))
        if acknowledges is not None:
            taken.append(acknowledges.rseq)
    assert taken == list(range(order[0], order[0] + len(taken))) if order else taken == []


@pytest.mark.parametrize(
    "text", ["", "1", "1 INVITE", "x 1 INVITE", "4294967296 1 INVITE", "1 1", "-1 1 INVITE"]
)
def test_what_is_no_rack(text: str) -> None:
    with pytest.raises(SipParseError):
        RAck.parse(text)


@given(rseq=st.integers(0, 2**32 - 1), number=st.integers(0, 2**32 - 1))
def test_rack_is_read_as_written(rseq: int, number: int) -> None:
    value = rack(rseq, number)
    assert RAck.parse(str(value)) == value
