"""Whole calls on a virtual clock: any message lost, any two, or all out of order; and nothing is left."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from tests.media.virtual_loop import run_virtually
from tests.ua.sip.phones import ALICE, Phone, phone
from tests.ua.sip.stateless_proxy import Fate, StatelessProxy
from ua.sip.errors import SipError, SipTimeout
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.leg import Leg
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.rejection import SipRejected
from ua.sip.syntax.message import Message
from ua.sip.transaction.timers import Timers

REAL = Timers()
FOREVER_S = 400.0
"""No timer of a call lasts longer."""


class Ends:
    """What both sides thought of the call."""

    def __init__(self) -> None:
        self.caller = ""
        self.callee = ""
        self.caller_leg: Leg | None = None
        self.callee_leg: Leg | None = None
        self.talked = False
        self.answering: asyncio.Task[None] | None = None

    def answer(self, callee: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """What the callee does, on its own."""
        self.answering = asyncio.ensure_future(callee)
        return self.answering


Scenario = Callable[[Phone, Phone, OutgoingInvite, Ends], Awaitable[None]]


async def caller_hangs_up(alice: Phone, bob: Phone, invite: OutgoingInvite, ends: Ends) -> None:
    """Ringing, answer, a while, BYE of the caller."""
    callee = ends.answer(_answer(bob, ends))
    await invite.answered()
    await asyncio.sleep(5)
    assert invite.leg is not None
    await invite.leg.bye()
    await callee


async def callee_hangs_up(alice: Phone, bob: Phone, invite: OutgoingInvite, ends: Ends) -> None:
    """The same, with a BYE of the callee right after its answer: it waits for the ACK."""
    callee = ends.answer(_answer(bob, ends, hang_up=True))
    await invite.answered()
    await callee
    assert invite.leg is not None
    await invite.leg.ended


async def held_and_hung_up(alice: Phone, bob: Phone, invite: OutgoingInvite, ends: Ends) -> None:
    """A re-INVITE in between."""

    def take_hold(again: IncomingInvite) -> None:
        again.accept(b"held")

    callee = ends.answer(_answer(bob, ends, on_reinvite=take_hold))
    await invite.answered()
    await asyncio.sleep(5)
    assert invite.leg is not None
    if not invite.leg.is_over:
        await invite.leg.reinvite(b"hold")
    if not invite.leg.is_over:
        await invite.leg.bye()
    await callee


async def caller_gives_up(alice: Phone, bob: Phone, invite: OutgoingInvite, ends: Ends) -> None:
    """CANCEL while it rings."""

    async def ring() -> None:
        incoming = await bob.offered.get()
        ends.callee_leg = incoming.leg
        _ring(incoming)
        try:
            async with asyncio.timeout(60):
                await incoming.cancelled.wait()
            ends.callee = "cancelled"
        except TimeoutError:  # nobody hears of the CANCEL, and nobody answers the phone
            if not incoming.is_answered:
                incoming.reject(480)
            ends.callee = "refused"

    callee = ends.answer(ring())
    try:
        await asyncio.sleep(3)
        invite.cancel()
        await invite.answered()
    finally:
        await asyncio.wait({callee}, timeout=100)


async def callee_refuses(alice: Phone, bob: Phone, invite: OutgoingInvite, ends: Ends) -> None:
    """603 after a while."""

    async def refuse() -> None:
        incoming = await bob.offered.get()
        ends.callee_leg = incoming.leg
        _ring(incoming)
        await asyncio.sleep(2)
        incoming.reject(603)
        ends.callee = "refused"

    ends.answer(refuse())
    await invite.answered()


def _ring(incoming: IncomingInvite) -> None:
    """180, made reliable where the caller can (RFC 3262)."""
    incoming.ring(reliable=incoming.can_ring_reliably or None)


async def _answer(
    bob: Phone,
    ends: Ends,
    *,
    hang_up: bool = False,
    on_reinvite: Callable[[IncomingInvite], object] | None = None,
) -> None:
    incoming = await bob.offered.get()
    _ring(incoming)
    await asyncio.sleep(2)
    leg = ends.callee_leg = incoming.accept(b"answer")
    leg.on_reinvite = on_reinvite
    ends.callee = "answered"
    if hang_up:
        await leg.bye()
        return
    try:
        await incoming.acknowledged()
        ends.talked = True
    except SipTimeout:
        ends.callee = "no ACK"
    await leg.ended


def play(scenario: Scenario, fate: Fate, *features: str) -> tuple[Ends, list[str]]:
    """One call; gives what both thought, and what passed. `features` are option tags besides the timer."""
    ends = Ends()
    passed: list[str] = []

    async def main() -> None:
        proxy = StatelessProxy(fate)
        timed = ("timer", *features)  # a link that dies within the call is noticed by the session timer
        async with (
            phone(timers=REAL, supported=timed, session_expires=90) as bob,
            phone(timers=REAL, supported=timed, session_expires=90, proxy=proxy.uri) as alice,
        ):
            invite = alice.endpoint.invite(bob.uri(), from_=ALICE, body=b"offer")
            try:
                async with asyncio.timeout(FOREVER_S):
                    await scenario(alice, bob, invite, ends)
                ends.caller = "answered"
            except SipRejected as refusal:
                ends.caller = str(refusal.sip_code)
            except SipError as error:
                ends.caller = type(error).__name__
            except TimeoutError:  # it rings and rings: the user gives up
                invite.cancel()
                ends.caller = "gave up"
            ends.caller_leg = invite.leg
            await asyncio.sleep(FOREVER_S)
            if ends.answering is not None and not ends.callee:
                ends.answering.cancel()  # nobody called
            for each in (alice, bob):
                assert not each.endpoint.alive, f"left of {each.log[0].direction}: {each.endpoint.alive}"
            passed.extend(proxy.passed)
            proxy.close()

    run_virtually(main())
    return ends, passed


def check(ends: Ends) -> None:
    """Both agree that the call is over; who answered has heard of the end, too."""
    for leg in (ends.caller_leg, ends.callee_leg):
        assert leg is None or leg.is_over
    if ends.caller == "answered":
        assert ends.callee in ("answered", "no ACK")
    if ends.callee == "refused":
        assert ends.caller in ("603", "SipTimeout")


def losing(*numbers: int) -> Fate:
    """All arrive but these."""

    def fate(number: int, _message: Message) -> float | None:
        return None if number in numbers else 0.01

    return fate


def shuffling(seed: int) -> Fate:
    """All arrive, after up to three T1."""
    chance = random.Random(seed)
    return lambda _number, _message: chance.uniform(0, 1.5)


def thinning(seed: int) -> Fate:
    """Every third is lost."""
    chance = random.Random(seed)
    return lambda _number, _message: None if chance.random() < 0.34 else 0.02


SCENARIOS: tuple[tuple[Scenario, list[str]], ...] = (
    (caller_hangs_up, ["INVITE", "180", "200", "ACK", "BYE", "200"]),
    (callee_hangs_up, ["INVITE", "180", "200", "ACK", "BYE", "200"]),
    (held_and_hung_up, ["INVITE", "180", "200", "ACK", "INVITE", "200", "ACK", "BYE", "200"]),
    (caller_gives_up, ["INVITE", "180", "CANCEL", "200", "487", "ACK"]),
    (callee_refuses, ["INVITE", "180", "603", "ACK"]),
)


@pytest.mark.parametrize(("scenario", "wanted"), SCENARIOS)
def test_nothing_lost(scenario: Scenario, wanted: list[str]) -> None:
    ends, passed = play(scenario, losing())
    check(ends)
    assert passed == wanted


@pytest.mark.req("TXN-8", "TXN-3", "TXN-10", "TXN-22", "UAC-13")
@pytest.mark.parametrize(("scenario", "wanted"), SCENARIOS)
def test_any_one_message_lost_is_made_good(scenario: Scenario, wanted: list[str]) -> None:
    whole, _ = play(scenario, losing())
    for number in range(len(wanted)):
        ends, passed = play(scenario, losing(number))
        check(ends)
        assert (ends.caller, ends.callee) == (whole.caller, whole.callee), (number, passed)
        repeated = len(passed) - len(wanted)
        assert repeated >= (0 if wanted[number] == "180" else 1), passed


@pytest.mark.req("TXN-8", "TXN-3", "TXN-22")
@pytest.mark.parametrize(("scenario", "_"), SCENARIOS)
def test_any_two_messages_lost_are_made_good(scenario: Scenario, _: object) -> None:
    whole, passed = play(scenario, losing())
    for pair in itertools.combinations(range(len(passed) + 2), 2):
        ends, seen = play(scenario, losing(*pair))
        check(ends)
        assert (ends.caller, ends.callee) == (whole.caller, whole.callee), (pair, seen)


@pytest.mark.req("TXN-22", "TXN-4")
@pytest.mark.parametrize(("scenario", "_"), SCENARIOS)
def test_messages_out_of_order_end_in_a_call_or_a_clean_failure(scenario: Scenario, _: object) -> None:
    for seed in range(25):
        ends, _passed = play(scenario, shuffling(seed))
        check(ends)
        assert ends.caller, seed


@pytest.mark.req("TXN-22", "TXN-3", "UAC-13")
@pytest.mark.parametrize(("scenario", "_"), SCENARIOS)
def test_a_link_that_dies_at_any_moment_leaves_nothing(scenario: Scenario, _: object) -> None:
    for last in range(9):
        ends, passed = play(scenario, losing(*range(last, 1000)))
        for leg in (ends.caller_leg, ends.callee_leg):
            assert leg is None or leg.is_over, (last, passed)
        assert len(passed) < 200, "and nobody sends for ever"


@pytest.mark.req("TXN-22", "TXN-3")
def test_a_link_that_loses_every_third_message() -> None:
    for seed in range(20):
        ends, passed = play(caller_hangs_up, thinning(seed))
        check(ends)
        assert ends.caller == "answered", (seed, passed)


RELIABLE = ["INVITE", "180", "PRACK", "200", "200", "ACK", "BYE", "200"]


@pytest.mark.req("TXN-22", "EXT-1", "PRK-1", "PRK-2")
@pytest.mark.parametrize("scenario", [caller_hangs_up, callee_hangs_up])
def test_reliable_ringing_survives_the_loss_of_any_one_and_any_two(scenario: Scenario) -> None:
    whole, passed = play(scenario, losing(), "100rel")
    assert passed == RELIABLE
    losses = [(number,) for number in range(len(passed))]
    pairs = itertools.combinations(range(len(passed)), 2)
    for lost in (*losses, *pairs):
        ends, seen = play(scenario, losing(*lost), "100rel")
        check(ends)
        assert (ends.caller, ends.callee) == (whole.caller, whole.callee), (lost, seen)


@pytest.mark.req("TXN-22", "EXT-1")
@pytest.mark.parametrize(("scenario", "_"), SCENARIOS)
def test_reliable_ringing_out_of_order_and_over_a_dead_link(scenario: Scenario, _: object) -> None:
    for seed in range(6):
        ends, _passed = play(scenario, shuffling(seed), "100rel")
        check(ends)
    for last in range(1, 9, 2):
        ends, seen = play(scenario, losing(*range(last, 1000)), "100rel")
        for leg in (ends.caller_leg, ends.callee_leg):
            assert leg is None or leg.is_over, (last, seen)
