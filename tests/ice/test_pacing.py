"""Ta and the floor: one transaction at a time in a session, 5 ms between any two of a process."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.checks.floor import Floor
from ice.checks.pacing import Pacing
from ice.gathering.gatherer import Turns
from ice.messages import CheckSent, Event
from ice.net.clock import LoopClock, process_floor
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    Role,
    Transport,
    TransportAddress,
)
from tests.ice.loopback import HOST, until
from tests.ice.sessions import CONFIG
from tests.media.virtual_loop import run_virtually

START = 100.0
FLOOR_S = 0.005


def run(
    askers: list[Pacing], seconds: float, lateness: list[float] | None = None, start: float = START
) -> list[tuple[float, int]]:
    """Let all of them begin as much as they may, each woken at its own timer, at most so late in turn."""
    begun: list[tuple[float, int]] = []
    late = lateness or [0.0]
    wakes = dict.fromkeys(range(len(askers)), start)
    turn = 0
    while True:
        number = min(wakes, key=lambda n: (wakes[n], n))
        now = wakes[number]
        if now > start + seconds:
            return begun
        pacing = askers[number]
        pacing.idle = False
        if pacing.due(now):
            pacing.sent(now)
            begun.append((now, number))
        at = pacing.next_timer
        assert at is not None
        wakes[number] = max(at, now) + late[turn % len(late)]
        turn += 1


def gaps(begun: list[tuple[float, int]]) -> list[float]:
    times = [at for at, _ in begun]
    assert times == sorted(times)
    return [later - earlier for earlier, later in itertools.pairwise(times)]


@pytest.mark.parametrize("ta_ms", [5, 10, 20, 50])
def test_one_session_keeps_its_own_pace(ta_ms: int) -> None:
    begun = run([Pacing(ta_ms, Floor())], seconds=1.0)
    assert [at for at, _ in begun] == pytest.approx([START + n * ta_ms / 1000 for n in range(len(begun))])
    assert len(begun) in (1000 // ta_ms, 1000 // ta_ms + 1)


@pytest.mark.req("ICE-6.1.4-2")
@pytest.mark.parametrize("sessions", [2, 4, 50])
def test_sessions_of_one_process_keep_to_the_floor_and_take_turns(sessions: int) -> None:
    floor = Floor()
    begun = run([Pacing(5, floor) for _ in range(sessions)], seconds=5.0)
    assert min(gaps(begun)) >= FLOOR_S - 1e-9
    assert len(begun) >= 999, "and none of the time is wasted"
    # Nobody waits longer for its turn than all the others take.
    for at in range(0, len(begun) - sessions, sessions):
        assert {number for _, number in begun[at : at + sessions]} == set(range(sessions))


def test_a_slow_session_among_quick_ones_loses_no_turn() -> None:
    floor = Floor()
    begun = run([Pacing(50, floor), *(Pacing(5, floor) for _ in range(3))], seconds=2.0)
    times = [at for at, number in begun if number == 0]
    assert len(times) >= 2.0 / (0.05 + 3 * FLOOR_S)


@pytest.mark.req("ICE-6.1.4-2")
@given(
    tas=st.lists(st.integers(5, 60), min_size=1, max_size=8),
    lateness=st.lists(st.floats(0, 0.03), min_size=1, max_size=10),
)
def test_timers_that_come_late_bring_no_two_transactions_together(
    tas: list[int], lateness: list[float]
) -> None:
    floor = Floor()
    begun = run([Pacing(ta, floor) for ta in tas], seconds=1.0, lateness=lateness)
    assert all(gap >= FLOOR_S - 1e-9 for gap in gaps(begun))
    # A round is what all Ta, all turns and all delays come to at the most; in each of them everybody sends.
    round_s = max(tas) / 1000 + 2 * (len(tas) + 1) * (FLOOR_S + max(lateness))
    for number in range(len(tas)):
        times = [START, *(at for at, sender in begun if sender == number), START + 1.0]
        assert max(b - a for a, b in itertools.pairwise(times)) <= round_s + FLOOR_S


def test_two_machines_have_two_floors() -> None:
    here, there = Pacing(5), Pacing(5)
    assert here.due(START)
    here.sent(START)
    assert there.due(START)


def test_a_turn_that_was_kept_is_not_lost_by_asking_again() -> None:
    floor = Floor()
    first, second, third = (Pacing(5, floor) for _ in range(3))
    assert first.due(START)
    first.sent(START)
    assert not second.due(START)
    assert not third.due(START)
    assert not second.due(START + 0.001)
    second.idle = third.idle = False
    assert second.next_timer == pytest.approx(START + FLOOR_S)
    assert third.next_timer == pytest.approx(START + 2 * FLOOR_S)


def test_who_leaves_or_is_gone_holds_nobody_up() -> None:
    floor = Floor()
    first, left, gone, last = (Pacing(5, floor) for _ in range(4))
    assert first.due(START)
    first.sent(START)
    assert not any(pacing.due(START) for pacing in (left, gone, last))
    left.pass_on()
    assert not last.due(START + 3 * FLOOR_S), "its turn, but one before it may be late"
    assert not last.due(START + 10 * FLOOR_S)
    assert last.due(START + 23 * FLOOR_S)


def test_a_turn_that_gathering_waits_for_is_not_given_up_with_the_checks() -> None:
    floor = Floor()
    busy, pacing = Pacing(5, floor), Pacing(5, floor)
    assert busy.due(START)
    busy.sent(START)
    pacing.gathering = 1
    assert not pacing.due(START)
    pacing.pass_on()
    assert not busy.due(START + FLOOR_S), "the other one is first"
    assert pacing.due(START + FLOOR_S)


def test_a_pace_under_the_floor_is_refused() -> None:
    with pytest.raises(ValueError, match="under 5 ms"):
        Pacing(4)


# --- sessions ----------------------------------------------------------------------------------------------


@pytest.mark.req("ICE-6.1.4-2")
async def test_sessions_of_one_process_keep_to_its_floor_while_they_check() -> None:
    floor = Floor()
    config = replace(CONFIG, pacing_ms=5)
    network = HostNetwork()
    sessions = [Session(network=network, config=config, role=Role.CONTROLLING, floor=floor) for _ in range(4)]
    sent: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, CheckSent) and event.transmission == 1:
            sent.append(event.at)

    nobody = [
        Candidate(
            foundation=str(number),
            component=1,
            transport=Transport.UDP,
            priority=number,
            address=TransportAddress(host=HOST, port=40_000 + number),
            type=CandidateType.HOST,
        )
        for number in range(1, 6)
    ]
    peer = Description(
        credentials=Credentials(ufrag="them", password="p" * 22), candidates=tuple(nobody), pacing_ms=5
    )
    try:
        for session in sessions:
            await session.gather()
            session.subscribe(note)
        for session in sessions:
            session.set_remote(peer)
        await until(lambda: len(sent) >= 20)
    finally:
        for session in sessions:
            await session.close()
    assert all(gap >= FLOOR_S - 1e-9 for gap in (b - a for a, b in itertools.pairwise(sent)))


@pytest.mark.req("ICE-6.1.4-2", "ICETCP-4.1-7")
async def test_gathering_keeps_to_the_floor_and_has_its_turn_beside_checks() -> None:
    floor = Floor()
    clock = LoopClock()
    turns = [Turns(Pacing(5, floor)) for _ in range(3)]
    taken: list[float] = []

    async def take(which: Turns) -> None:
        for _ in range(4):
            await which.take()
            taken.append(clock.now())

    await asyncio.gather(*(take(which) for which in turns))
    assert len(taken) == 12
    # The turn is exact, the task that had it notes it a little later.
    assert taken[-1] - taken[0] >= 11 * FLOOR_S - 0.002


async def test_who_gives_up_waiting_for_a_turn_holds_nobody_up() -> None:
    floor = Floor()
    first, gone, last = Pacing(5, floor), Pacing(5, floor), Pacing(5, floor)
    clock = LoopClock()
    assert first.due(clock.now())
    first.sent(clock.now())
    waiting = asyncio.create_task(Turns(gone).take())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gone.gathering == 0
    assert not last.due(clock.now())
    assert last.opens_at is not None
    assert last.opens_at <= clock.now() + FLOOR_S


async def test_loops_with_the_clock_of_the_system_share_one_floor_and_simulations_have_their_own() -> None:
    found = [process_floor()]

    async def ask() -> None:
        found.append(process_floor())

    await asyncio.to_thread(asyncio.run, ask())
    await asyncio.to_thread(run_virtually, ask())
    here, there, simulated = found
    assert there is here
    assert simulated is not here
