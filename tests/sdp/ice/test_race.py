"""The offer that overtakes the checks (RFC 8839 §4.4.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.types import Candidate, CandidateType, PairState, PairView, Transport, TransportAddress
from sdp.ice.race import Race, ToldPair, judge, told_pairs
from sdp.negotiation import remote_audio
from sdp.syntax.parser import parse
from tests.sdp.bodies import crlf

OURS = TransportAddress(host="192.0.2.1", port=4000)
THEIRS = TransportAddress(host="198.51.100.7", port=6000)
TOLD = ToldPair(component=1, local=OURS, remote=THEIRS)


def candidate(address: TransportAddress) -> Candidate:
    return Candidate(
        foundation="1",
        component=1,
        transport=Transport.UDP,
        priority=1,
        address=address,
        type=CandidateType.HOST,
    )


def pair(state: PairState, *, selected: bool = False, remote: TransportAddress = THEIRS) -> PairView:
    return PairView(
        id=1,
        component=1,
        local=candidate(OURS),
        remote=candidate(remote),
        priority=1,
        state=state,
        selected=selected,
    )


@pytest.mark.req("SDP-ICE-11")
@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        ([pair(PairState.SUCCEEDED, selected=True)], Race.WON),
        ([pair(PairState.IN_PROGRESS)], Race.RUNNING),
        ([pair(PairState.SUCCEEDED)], Race.RUNNING),
        ([pair(PairState.FAILED), pair(PairState.WAITING)], Race.RUNNING),
        ([pair(PairState.FAILED)], Race.LOST),
        ([pair(PairState.FAILED), pair(PairState.FAILED)], Race.LOST),
        ([pair(PairState.FAILED, remote=OURS)], Race.WON),
        ([], Race.WON),
    ],
)
def test_how_the_race_stands(pairs: list[PairView], verdict: Race) -> None:
    assert judge((TOLD,), pairs) is verdict


def test_component_that_has_its_path_waits_for_nothing() -> None:
    elsewhere = pair(PairState.SUCCEEDED, selected=True, remote=replace(THEIRS, port=1))
    assert judge((TOLD,), [elsewhere, pair(PairState.IN_PROGRESS)]) is Race.WON


@pytest.mark.req("SDP-ICE-11")
@pytest.mark.parametrize("muxed", [True, False])
def test_the_pairs_are_their_word_on_us_and_their_default(muxed: bool) -> None:
    text = crlf(
        "v=0\no=- 1 1 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\nm=audio 6000 RTP/AVP 0\n"
        "a=rtcp:6001\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
        "a=remote-candidates:1 192.0.2.1 4000 2 192.0.2.1 4001\n"
        "a=candidate:1 1 UDP 1 198.51.100.7 6000 typ host\na=candidate:1 2 UDP 1 198.51.100.7 6001 typ host"
    )
    offer = parse(text)
    told = told_pairs(remote_audio.read(offer, offer.media[0], is_answer=False), muxed=muxed)
    second = THEIRS if muxed else replace(THEIRS, port=6001)
    assert told == (TOLD, ToldPair(component=2, local=replace(OURS, port=4001), remote=second))
