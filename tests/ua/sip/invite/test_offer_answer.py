"""Where offers and answers may travel: the six ways, collisions, and two sides that must agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ua.sip.errors import SipStateError
from ua.sip.invite.offer_answer import Carrier, Fault, Meaning, OfferAnswer, Side

Step = tuple[Side, Carrier, bool]

US, THEM = Side.LOCAL, Side.REMOTE
INVITE, SUCCESS, ACK = Carrier.INVITE, Carrier.SUCCESS, Carrier.ACK
RELIABLE, UNRELIABLE, PRACK = Carrier.RELIABLE, Carrier.UNRELIABLE, Carrier.PRACK
UPDATE, UPDATED = Carrier.UPDATE, Carrier.UPDATE_SUCCESS


def after(*steps: Step) -> OfferAnswer:
    """A machine that has seen these messages, all of them legal."""
    machine = OfferAnswer()
    for side, carrier, session in steps:
        if side is US:
            machine.sent(carrier, session=session)
        else:
            assert machine.received(carrier, session=session).fault is None
    return machine


def meanings(*steps: Step) -> list[Meaning]:
    machine = OfferAnswer()
    return [
        machine.sent(carrier, session=session)
        if side is US
        else machine.received(carrier, session=session).meaning
        for side, carrier, session in steps
    ]


def flip(steps: Sequence[Step]) -> list[Step]:
    """The same as the other side sees it."""
    return [(side.other, carrier, session) for side, carrier, session in steps]


CALL: list[Step] = [(US, INVITE, True), (THEM, SUCCESS, True), (US, ACK, False)]

WAYS: dict[str, list[Step]] = {
    "INVITE, 2xx": CALL,
    "2xx, ACK": [(US, INVITE, False), (THEM, SUCCESS, True), (US, ACK, True)],
    "INVITE, reliable 1xx": [
        (US, INVITE, True),
        (THEM, RELIABLE, True),
        (US, PRACK, False),
        (THEM, Carrier.PRACK_SUCCESS, False),
        (THEM, SUCCESS, False),
        (US, ACK, False),
    ],
    "reliable 1xx, PRACK": [
        (US, INVITE, False),
        (THEM, RELIABLE, True),
        (US, PRACK, True),
        (THEM, Carrier.PRACK_SUCCESS, False),
        (THEM, SUCCESS, False),
        (US, ACK, False),
    ],
    "PRACK, 2xx to it": [
        (US, INVITE, True),
        (THEM, RELIABLE, True),
        (US, PRACK, True),
        (THEM, Carrier.PRACK_SUCCESS, True),
        (THEM, SUCCESS, False),
        (US, ACK, False),
    ],
    "UPDATE, 2xx to it": [*CALL, (US, UPDATE, True), (THEM, UPDATED, True)],
    "UPDATE before the call is answered": [
        (US, INVITE, True),
        (THEM, RELIABLE, True),
        (US, PRACK, False),
        (THEM, Carrier.PRACK_SUCCESS, False),
        (THEM, UPDATE, True),
        (US, UPDATED, True),
        (US, UPDATE, True),
        (THEM, UPDATED, True),
        (THEM, SUCCESS, False),
        (US, ACK, False),
    ],
}


@pytest.mark.req("OA-1", "sdp.md:OA-7", "UAS-7")
@pytest.mark.parametrize("name", WAYS)
def test_the_six_ways(name: str) -> None:
    for steps in (WAYS[name], flip(WAYS[name])):
        machine = after(*steps)
        assert machine.open is None
        assert machine.established
        assert machine.inviting is None
        found = [meaning for meaning in meanings(*steps) if meaning is not Meaning.NOTHING]
        assert found == [Meaning.OFFER, Meaning.ANSWER] * (len(found) // 2)


RINGING: list[Step] = [(THEM, INVITE, True)]
ASKED: list[Step] = [(THEM, INVITE, False)]
EARLY: list[Step] = [(THEM, INVITE, True), (US, RELIABLE, True)]

FORBIDDEN: dict[str, tuple[list[Step], Carrier, bool]] = {
    "UPDATE opens no session": (ASKED, UPDATE, True),
    "UPDATE while we owe the answer": (RINGING, UPDATE, True),
    "callee's UPDATE before the PRACK": (EARLY, UPDATE, True),
    "an offer in an unreliable response": (ASKED, UNRELIABLE, True),
    "the first reliable response without the offer": (ASKED, RELIABLE, False),
    "a 2xx without the offer": (ASKED, SUCCESS, False),
    "a 2xx without the answer": (RINGING, SUCCESS, False),
    "a second answer": ([*EARLY, (THEM, PRACK, False)], SUCCESS, True),
    "a second answer in a reliable response": ([*EARLY, (THEM, PRACK, False)], RELIABLE, True),
    "PRACK opens no session": ([(US, INVITE, True)], PRACK, True),
    "a PRACK without the answer": ([(US, INVITE, False), (THEM, RELIABLE, True)], PRACK, False),
    "an ACK with an offer": ([(US, INVITE, True), (THEM, SUCCESS, True)], ACK, True),
    "a second INVITE": ([(US, INVITE, True)], INVITE, True),
    "a re-INVITE while their INVITE is pending": ([*CALL, (THEM, INVITE, True)], INVITE, True),
    "a re-INVITE while our UPDATE is open": ([*CALL, (US, UPDATE, True)], INVITE, True),
    "a re-INVITE without offer while our UPDATE is open": ([*CALL, (US, UPDATE, True)], INVITE, False),
    "a re-INVITE while their UPDATE is open": ([*CALL, (THEM, UPDATE, True)], INVITE, True),
    "two UPDATEs": ([*CALL, (US, UPDATE, False)], UPDATE, False),
    "UPDATE while our re-INVITE is open": ([*CALL, (US, INVITE, True)], UPDATE, True),
    "a 2xx to UPDATE without the answer": ([*CALL, (THEM, UPDATE, True)], UPDATED, False),
    "an answer that nobody asked for": ([*CALL, (THEM, UPDATE, False)], UPDATED, True),
    "a response without an INVITE": (CALL, RELIABLE, True),
}


@pytest.mark.req("OA-1", "OA-3", "sdp.md:OA-7", "EXT-2", "UAS-7", "OA-7")
@pytest.mark.parametrize("name", FORBIDDEN)
def test_other_places_are_refused_here(name: str) -> None:
    steps, carrier, session = FORBIDDEN[name]
    machine = after(*steps)
    before = (machine.open, machine.established, machine.inviting)
    with pytest.raises(SipStateError):
        machine.sent(carrier, session=session)
    assert (machine.open, machine.established, machine.inviting) == before


COLLISIONS: dict[str, tuple[list[Step], Carrier, bool, Fault]] = {
    "re-INVITE, ours pending": ([*CALL, (US, INVITE, True)], INVITE, True, Fault.GLARE),
    "re-INVITE, ours without offer pending": ([*CALL, (US, INVITE, False)], INVITE, True, Fault.GLARE),
    "re-INVITE, theirs pending": ([*CALL, (THEM, INVITE, True)], INVITE, True, Fault.BUSY),
    "re-INVITE, our UPDATE open": ([*CALL, (US, UPDATE, True)], INVITE, True, Fault.GLARE),
    "re-INVITE, their UPDATE open": ([*CALL, (THEM, UPDATE, True)], INVITE, True, Fault.BUSY),
    "re-INVITE without offer, their UPDATE open": ([*CALL, (THEM, UPDATE, True)], INVITE, False, Fault.BUSY),
    "UPDATE, our re-INVITE open": ([*CALL, (US, INVITE, True)], UPDATE, True, Fault.GLARE),
    "UPDATE, their re-INVITE open": ([*CALL, (THEM, INVITE, True)], UPDATE, True, Fault.BUSY),
    "UPDATE, our UPDATE open": ([*CALL, (US, UPDATE, True)], UPDATE, True, Fault.GLARE),
    "UPDATE, their UPDATE open": ([*CALL, (THEM, UPDATE, True)], UPDATE, True, Fault.BUSY),
    "UPDATE without offer, their UPDATE open": ([*CALL, (THEM, UPDATE, True)], UPDATE, False, Fault.BUSY),
    "UPDATE, the INVITE has no answer": (RINGING, UPDATE, True, Fault.BUSY),
    "UPDATE, the INVITE has no offer": (ASKED, UPDATE, True, Fault.BUSY),
    "UPDATE, our offer in a 1xx open": ([*ASKED, (US, RELIABLE, True)], UPDATE, True, Fault.GLARE),
    "UPDATE that overtook the 2xx": ([(US, INVITE, True)], UPDATE, True, Fault.GLARE),
}


@pytest.mark.req("OA-3", "OA-7", "sdp.md:OA-6", "DLG-3", "EXT-2")
@pytest.mark.parametrize("name", COLLISIONS)
def test_what_crosses_an_open_exchange_changes_nothing(name: str) -> None:
    steps, carrier, session, fault = COLLISIONS[name]
    machine = after(*steps)
    before = (machine.open, machine.established, machine.inviting)
    reading = machine.received(carrier, session=session)
    assert (reading.fault, reading.meaning) == (fault, Meaning.NOTHING)
    assert (machine.open, machine.established, machine.inviting) == before


@pytest.mark.req("OA-2")
def test_a_description_after_the_answer_says_nothing() -> None:
    steps: list[Step] = [(US, INVITE, True), (THEM, RELIABLE, True), (US, PRACK, False)]
    machine = after(*steps)
    assert machine.received(RELIABLE, session=True).meaning is Meaning.NOTHING
    assert machine.received(SUCCESS, session=True).meaning is Meaning.NOTHING
    assert machine.received(UNRELIABLE, session=True).meaning is Meaning.NOTHING
    assert machine.open is None


@pytest.mark.req("OA-2")
def test_an_unreliable_answer_leaves_the_offer_open() -> None:
    machine = after((US, INVITE, True), (THEM, UNRELIABLE, True))
    assert machine.open is not None
    assert machine.received(SUCCESS, session=True).meaning is Meaning.ANSWER


@pytest.mark.req("DLG-11", "EXT-2")
@pytest.mark.parametrize(
    ("request_", "failure"), [(INVITE, Carrier.FAILURE), (UPDATE, Carrier.UPDATE_FAILURE)]
)
def test_a_refused_offer_leaves_all_as_it_was(request_: Carrier, failure: Carrier) -> None:
    for offering in (US, THEM):
        machine = after(*CALL, (offering, request_, True), (offering.other, failure, False))
        assert (machine.open, machine.established, machine.inviting) == (None, True, None)
        assert machine.check(UPDATE, session=True) == ""
        assert machine.check(INVITE, session=True) == ""


@pytest.mark.req("PRK-2")
def test_missing_answers_and_offers_are_told() -> None:
    asked = after((THEM, INVITE, False), (US, RELIABLE, True))
    assert asked.received(PRACK, session=False).fault is Fault.NO_ANSWER
    assert asked.open is None
    assert after((US, INVITE, True)).received(SUCCESS, session=False).fault is Fault.NO_ANSWER
    assert after((US, INVITE, False)).received(SUCCESS, session=False).fault is Fault.NO_OFFER
    assert after((US, INVITE, False)).received(RELIABLE, session=False).fault is Fault.NO_OFFER
    offered = after((THEM, INVITE, False), (US, SUCCESS, True))
    assert offered.received(ACK, session=False).fault is Fault.NO_ANSWER
    assert offered.open is None
    updated = after(*CALL, (US, UPDATE, True))
    assert updated.received(UPDATED, session=False).fault is Fault.NO_ANSWER
    assert updated.open is None


@pytest.mark.req("OA-1", "sdp.md:OA-7")
def test_without_a_session_there_is_nothing_to_update() -> None:
    machine = after((US, INVITE, True))
    assert machine.received(SUCCESS, session=False).fault is Fault.NO_ANSWER
    assert machine.check(UPDATE, session=True) != ""
    assert machine.check(UPDATE, session=False) == ""
    assert machine.check(INVITE, session=True) == ""


@pytest.mark.req("OA-8", "sdp.md:OA-32")
def test_each_fork_has_its_own_exchange() -> None:
    forks = [after((US, INVITE, True)) for _ in range(3)]
    assert forks[0].received(RELIABLE, session=True).meaning is Meaning.ANSWER
    assert [fork.established for fork in forks] == [True, False, False]
    forks[0].sent(PRACK, session=False)
    assert forks[0].check(UPDATE, session=True) == ""
    assert forks[1].check(UPDATE, session=True) != ""
    assert forks[1].received(SUCCESS, session=True).meaning is Meaning.ANSWER
    assert [fork.inviting for fork in forks] == [US, None, US]


# --- two sides and a network --------------------------------------------------------------------------


@dataclass
class Party:
    """One side: its machine, what it owes, and what it believes was agreed."""

    machine: OfferAnswer = field(default_factory=OfferAnswer)
    owed: list[tuple[Carrier, ...]] = field(default_factory=list)
    rung: bool = False
    session_unproved: bool = False
    invited: bool = False
    agreed: int = 0

    def choices(self) -> list[tuple[int, Carrier, bool]]:
        """What may be sent: index of the duty that it fulfils or -1, message, with a description."""
        found = [(-1, carrier) for carrier in (INVITE, UPDATE)]
        for index, duty in enumerate(self.owed):
            found += [(index, carrier) for carrier in duty]
        if self.invited and not self.rung:
            found.append((-1, RELIABLE))
        if self.invited and not self.session_unproved and not self.rung:
            found += [(-1, SUCCESS), (-1, Carrier.FAILURE)]
        return [
            (index, carrier, session)
            for index, carrier in found
            for session in (False, True)
            if not (session and carrier.name.endswith("FAILURE"))
            if not self.machine.check(carrier, session=session)
        ]

    def send(self, index: int, carrier: Carrier, session: bool) -> None:
        if index >= 0:
            del self.owed[index]
        if self.machine.sent(carrier, session=session) is Meaning.ANSWER:
            self.agreed += 1
        if carrier in (SUCCESS, Carrier.FAILURE):
            self.invited = False
        if carrier is RELIABLE:
            self.rung = True
            self.session_unproved = session

    def receive(self, carrier: Carrier, session: bool) -> Carrier | None:
        """Take a message; gives the refusal of one that collides."""
        reading = self.machine.received(carrier, session=session)
        if reading.fault in (Fault.GLARE, Fault.BUSY):
            return REFUSALS[carrier]
        assert reading.fault is None, (carrier, session, reading)
        if reading.meaning is Meaning.ANSWER:
            self.agreed += 1
        match carrier:
            case Carrier.INVITE:
                self.invited = True
            case Carrier.RELIABLE:
                self.owed.append((PRACK,))
            case Carrier.PRACK:
                self.rung = self.session_unproved = False
                self.owed.append((Carrier.PRACK_SUCCESS, Carrier.PRACK_FAILURE) if session else (PRACKED,))
            case Carrier.UPDATE:
                self.owed.append((UPDATED, Carrier.UPDATE_FAILURE))
            case Carrier.SUCCESS:
                # an answer to the offer of a 2xx may not be left out
                self.owed.append((ACK,))
            case _:
                pass
        return None


PRACKED = Carrier.PRACK_SUCCESS
REFUSALS = {INVITE: Carrier.FAILURE, UPDATE: Carrier.UPDATE_FAILURE, PRACK: Carrier.PRACK_FAILURE}


@given(choices=st.lists(st.integers(0, 2**16), max_size=60))
@settings(max_examples=400, deadline=None)
@pytest.mark.req("OA-1", "OA-3", "sdp.md:OA-6", "sdp.md:OA-7")
def test_two_sides_that_keep_to_it_agree(choices: list[int]) -> None:
    parties = (Party(), Party())
    wires: tuple[list[tuple[Carrier, bool]], ...] = ([], [])

    def deliver(to: int) -> None:
        carrier, session = wires[to].pop(0)
        refusal = parties[to].receive(carrier, session)
        if refusal is not None:
            # the machine has not opened it: its refusal is nothing to the one who refuses
            wires[1 - to].append((refusal, False))

    def act(who: int, choice: int, *, new: bool) -> bool:
        options = parties[who].choices()
        if not new:
            options = [
                (index, carrier, s)
                for index, carrier, s in options
                if carrier not in (INVITE, UPDATE, RELIABLE)
            ]
        # a description that is owed is not left out in an ACK
        options = [
            each
            for each in options
            if not (each[1] is ACK and not each[2] and (each[0], ACK, True) in options)
        ]
        if not options:
            return False
        option = options[choice % len(options)]
        parties[who].send(*option)
        wires[1 - who].append((option[1], option[2]))
        return True

    for number in choices:
        who, number = number % 2, number // 2
        if number % 3 and wires[who]:
            deliver(who)
        else:
            act(who, number // 3, new=True)
    for _ in range(200):
        for who in (0, 1):
            if wires[who]:
                deliver(who)
            else:
                act(who, 0, new=False)
    assert not any(wires)
    for party in parties:
        assert party.machine.open is None
        assert party.machine.inviting is None
        assert party.owed == []
    assert parties[0].agreed == parties[1].agreed
    assert parties[0].machine.established is parties[1].machine.established
