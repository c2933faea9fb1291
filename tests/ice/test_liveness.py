"""Silence of the peer: noticed within seconds, and never where the peer is there."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.config import IceConfig
from ice.messages import CheckSent, PathLost, PathSelected, RestartAdvised, StateChanged
from ice.paths.liveness import CHECK_INTERVAL_S, FLOW_PACKETS, Finding, Liveness
from ice.types import SessionState, Transport
from tests.net.pair_network import Link, PairNetwork, Side
from tests.net.restarts import Media, offer, transport


def findings(of: Liveness, until: float) -> list[tuple[float, Finding]]:
    """What a shell that is on time hears until then."""
    found: list[tuple[float, Finding]] = []
    while (at := of.next_timer) is not None and at <= until:
        found.append((at, of.handle_timer(at)))
    return found


def flowing(until: float = 10.0) -> Liveness:
    """Media every 20 ms from 0 to `until`."""
    of = Liveness(3.0, 0.0)
    for number in range(round(until * 50) + 1):
        of.heard_media(number / 50)
    return of


# --- the noun ---------------------------------------------------------------------------------------------


def test_media_that_stops_is_asked_for_and_then_missed() -> None:
    found = findings(flowing(), 100.0)
    assert [what for _, what in found] == [Finding.CHECK, Finding.SILENT, Finding.STILL_SILENT]
    assert [at for at, _ in found] == pytest.approx([11.0, 13.0, 16.0])


def test_a_consent_check_without_an_answer_is_a_reason_for_doubt() -> None:
    of = Liveness(3.0, 0.0)
    assert of.next_timer is None
    of.asked(5.0)
    of.asked(10.0)
    assert findings(of, 100.0)[:2] == [(6.0, Finding.CHECK), (8.0, Finding.SILENT)]


def test_an_answer_ends_the_doubt() -> None:
    of = flowing()
    assert of.handle_timer(11.0) is Finding.CHECK
    of.heard(11.1)
    assert findings(of, 100.0) == []


def test_a_few_packets_are_no_flow() -> None:
    of = Liveness(3.0, 0.0)
    for number in range(FLOW_PACKETS - 1):
        assert not of.heard_media(number / 50)
    assert of.next_timer is None
    for number in range(20):  # RTCP of a call on hold
        of.heard_media(5.0 * number + 1)
    assert of.next_timer is None


def test_who_slept_asks_before_it_complains() -> None:
    of = flowing()
    assert of.handle_timer(5000.0) is Finding.CHECK
    assert of.handle_timer(5000.1) is Finding.NOTHING
    assert of.next_timer == pytest.approx(5002.0)


def test_it_can_be_switched_off() -> None:
    of = Liveness(0.0, 0.0)
    of.asked(1.0)
    for number in range(100):
        of.heard_media(number / 50)
    assert of.next_timer is None


@given(st.lists(st.tuples(st.floats(0.001, 3.0), st.sampled_from(["heard", "media", "burst", "asked"]))))
def test_no_silence_is_told_before_its_time(steps: list[tuple[float, str]]) -> None:
    of, now, heard, checks = Liveness(3.0, 0.0), 0.0, 0.0, [-100.0]
    for pause, what in steps:
        for at, found in findings(of, now + pause):
            if found is Finding.CHECK:
                assert at - checks[-1] >= CHECK_INTERVAL_S - 1e-9
                assert at - heard >= 1.0 - 1e-9
                checks.append(at)
            elif found is not Finding.NOTHING:
                assert at - heard >= 3.0 - 1e-9
                assert at - checks[-1] >= 2.0 - 1e-9
        now += pause
        match what:
            case "asked":
                of.asked(now)
            case "heard":
                of.heard(now)
                heard = now
            case _:
                for number in range(1 if what == "media" else FLOW_PACKETS):
                    now += 0.02 if number else 0.0
                    of.heard_media(now)
                    heard = now


# --- two agents -------------------------------------------------------------------------------------------


def talking(config: IceConfig | None = None) -> tuple[PairNetwork, Media]:
    network = PairNetwork(config=config)
    network.gather()
    network.start()
    network.run_to_end()
    media = Media(network)
    network.run(10)
    return network, media


def advised(side: Side) -> list[float]:
    return [event.at for event in side.said(RestartAdvised)]


@pytest.mark.req("ICETCP-11.1-5")
def test_udp_that_dies_is_followed_by_tcp_within_seconds() -> None:
    network, media = talking()
    network.links["a"].udp = network.links["b"].udp = False
    died = network.now
    network.run(3.2)
    (at,) = advised(network.a)
    assert 2.5 <= at - died <= 3.1
    assert not advised(network.b), "the controlling agent restarts"
    assert not network.a.said(PathLost), "nobody has revoked anything"
    offer(network.a)
    network.run(1.5)
    before = dict(media.delivered)
    network.run(1.0)
    assert media.delivered["a"] > before["a"] + 40
    assert media.delivered["b"] > before["b"] + 40
    assert transport(network.a) is transport(network.b) is Transport.TCP
    network.run(60)
    assert network.a.agent.state is network.b.agent.state is SessionState.COMPLETED
    assert len(advised(network.a)) == 1


@pytest.mark.parametrize("dead", ["a", "b"])
def test_one_direction_that_dies_is_noticed_by_who_hears_nothing(dead: str) -> None:
    network, _ = talking()
    network.links[dead].udp = False
    died = network.now
    network.run(8)
    deaf, other = (network.b, network.a) if dead == "a" else (network.a, network.b)
    (at,) = advised(deaf)
    # The controlled side waits whether the other one restarts; that one still hears media.
    low, high = (5.5, 6.2) if deaf is network.b else (2.5, 3.1)
    assert low <= at - died <= high
    assert not advised(other)


def test_consent_is_kept_to_its_own_rules() -> None:
    network, _ = talking()
    network.cut = True
    died = network.now
    network.run(40)
    (failed,) = [e for e in network.a.said(StateChanged) if e.state is SessionState.FAILED]
    assert 24 <= failed.at - died <= 31
    with_silence = len([e for e in network.a.said(CheckSent) if e.at > died])
    assert 1 <= with_silence <= 8, "one check, sent again as any"


@pytest.mark.parametrize("direction", ["a", "b", "neither"])
def test_hold_is_no_silence(direction: str) -> None:
    """Media of one side, of the other, of none: answers to consent checks count as life."""
    network = PairNetwork()
    network.gather()
    network.start()
    network.run_to_end()
    media = Media(network)
    network.run(10)
    for side in (network.a, network.b):
        if side.name != direction:
            media.mute(side)
    on_hold = network.now
    network.run(60)
    assert not advised(network.a)
    assert not advised(network.b)
    for side in (network.a, network.b):
        checks = [event for event in side.said(CheckSent) if event.at > on_hold]
        assert len(checks) <= 1, "media that stops is asked for once"


@pytest.mark.parametrize("seed", range(5))
def test_bursts_of_loss_are_no_silence(seed: int) -> None:
    network, _ = talking()
    chance = random.Random(seed)
    for _ in range(10):
        lost = chance.choice(["a", "b", "both"])
        for name in ("a", "b"):
            network.links[name].udp = lost not in (name, "both")
        network.run(chance.uniform(0.1, 2.0))
        network.links["a"].udp = network.links["b"].udp = True
        network.run(chance.uniform(0.5, 8.0))
    assert not advised(network.a)
    assert not advised(network.b)


def test_a_link_that_loses_every_fifth_packet_is_not_silent() -> None:
    network = PairNetwork(a_to_b=Link(), b_to_a=Link())
    network.gather()
    network.start()
    network.run_to_end()
    Media(network)
    network.links["a"].loss = network.links["b"].loss = 0.2
    network.run(60)
    assert not advised(network.a)
    assert not advised(network.b)


def test_a_path_that_comes_back_by_itself_costs_nothing_more() -> None:
    network, _ = talking()
    network.links["a"].udp = network.links["b"].udp = False
    network.run(10)
    network.links["a"].udp = network.links["b"].udp = True
    network.run(60)
    assert len(advised(network.a)) == 1
    assert len(network.a.said(PathSelected)) == 1
    assert network.a.agent.state is SessionState.COMPLETED
    network.links["a"].udp = network.links["b"].udp = False
    network.run(4)
    assert len(advised(network.a)) == 2, "a new silence is told anew"


def test_switched_off_only_consent_counts() -> None:
    network, _ = talking(IceConfig(silence_s=0.0))
    network.cut = True
    network.run(20)
    assert not advised(network.a)
    network.run(20)
    assert len(advised(network.a)) == 1


def test_packets_told_together_are_a_flow_too() -> None:
    of = Liveness(3.0, 0.0)
    assert not of.heard_media(0.1, 5)
    assert of.heard_media(0.2, 6)
    assert not of.heard_media(0.3, 5)
    assert of.next_timer == pytest.approx(1.3)
