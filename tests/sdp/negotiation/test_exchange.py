"""Several offers and answers in one session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ice.types import Credentials
from sdp.attributes.direction import Direction
from sdp.errors import ExchangeError, NegotiationError
from sdp.negotiation.exchange import MediaExchange
from sdp.negotiation.negotiated import LocalMedia
from sdp.syntax.model import SessionDescription
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp import bodies
from tests.sdp.bodies import crlf
from tests.sdp.local import EVENTS, ICE, LOCAL, OPUS, PCMA, PCMU, PEER, PEER_ICE, tcp_pair


def wire(description: SessionDescription) -> SessionDescription:
    """The description as it arrives."""
    return parse(write(description), strict=True)


class Pair:
    """Two sides of one session."""

    def __init__(self) -> None:
        self.alice = MediaExchange(session_id=1)
        self.bob = MediaExchange(session_id=2, version=50)

    def call(self, alice: LocalMedia = LOCAL, bob: LocalMedia = PEER) -> tuple[str, str]:
        return self.run(self.alice, alice, self.bob, bob)

    def call_back(self, bob: LocalMedia = PEER, alice: LocalMedia = LOCAL) -> tuple[str, str]:
        return self.run(self.bob, bob, self.alice, alice)

    def run(
        self, first: MediaExchange, ours: LocalMedia, second: MediaExchange, theirs: LocalMedia
    ) -> tuple[str, str]:
        offer = first.offer(ours)
        answer = second.answer(wire(offer), theirs)
        assert answer.negotiated is not None, answer.reason
        first.accept(wire(answer.description))
        return write(offer), write(answer.description)


def version(text: str) -> int:
    return parse(text).origin.version


def directions(pair: Pair) -> tuple[Direction, Direction]:
    assert pair.alice.negotiated is not None
    assert pair.bob.negotiated is not None
    return pair.alice.negotiated.direction, pair.bob.negotiated.direction


@pytest.mark.req("OA-11")
def test_refresh_repeats_the_same_text() -> None:
    pair = Pair()
    first = pair.call()
    assert pair.call() == first
    assert [version(text) for text in first] == [0, 50]


@pytest.mark.req("OA-11", "SDP-8866-3")
def test_change_counts_the_version_up_by_one() -> None:
    pair = Pair()
    offer, answer = pair.call()
    held, held_answer = pair.call(replace(LOCAL, direction=Direction.SENDONLY))
    assert (version(held), version(held_answer)) == (1, 51)
    assert parse(held).origin == replace(parse(offer).origin, version=1)
    assert parse(held_answer).origin == replace(parse(answer).origin, version=51)
    back, back_answer = pair.call()
    assert (version(back), version(back_answer)) == (2, 52)


@pytest.mark.req("OA-11")
def test_version_counts_our_offers_and_answers_together() -> None:
    pair = Pair()
    pair.call()
    offer, answer = pair.call_back(replace(PEER, direction=Direction.SENDONLY))
    assert version(offer) == 51
    # The answer of the first offerer is its second description.
    assert version(answer) == 1


@pytest.mark.req("OA-4", "OA-25")
def test_hold_sequence() -> None:
    pair = Pair()
    held = {"alice": Direction.SENDRECV, "bob": Direction.SENDRECV}

    def exchange(who: str, wish: Direction) -> tuple[str, str]:
        held[who] = wish
        alice, bob = replace(LOCAL, direction=held["alice"]), replace(PEER, direction=held["bob"])
        texts = pair.call(alice, bob) if who == "alice" else pair.call_back(bob, alice)
        return tuple(  # type: ignore[return-value]
            next(line[2:] for line in text.split("\r\n") if line[2:] in set(Direction)) for text in texts
        )

    assert exchange("alice", Direction.SENDRECV) == ("sendrecv", "sendrecv")
    assert exchange("alice", Direction.SENDONLY) == ("sendonly", "recvonly")
    assert exchange("bob", Direction.SENDONLY) == ("sendonly", "inactive")
    assert exchange("alice", Direction.SENDRECV) == ("sendrecv", "sendonly")
    assert exchange("bob", Direction.SENDRECV) == ("sendrecv", "sendrecv")
    assert directions(pair) == (Direction.SENDRECV, Direction.SENDRECV)


@pytest.mark.req("OA-25")
def test_held_side_offers_its_own_wish() -> None:
    pair = Pair()
    pair.call()
    pair.call(replace(LOCAL, direction=Direction.SENDONLY))
    offer, _ = pair.call_back(PEER, replace(LOCAL, direction=Direction.SENDONLY))
    assert "a=sendrecv" in offer
    assert directions(pair) == (Direction.SENDONLY, Direction.RECVONLY)


@pytest.mark.req("OA-10", "SDP-ICE-16")
def test_rejected_offer_changes_nothing() -> None:
    pair = Pair()
    first = pair.call()
    before = (pair.alice.local, pair.alice.remote, pair.alice.negotiated)
    pair.alice.offer(replace(LOCAL, direction=Direction.SENDONLY))
    pair.alice.reject()
    assert (pair.alice.local, pair.alice.remote, pair.alice.negotiated) == before
    assert pair.call() == first
    # A version that has been used is not used for another text.
    offer, _ = pair.call(replace(LOCAL, direction=Direction.INACTIVE))
    assert version(offer) == 2


@pytest.mark.req("OA-10")
def test_refused_offer_of_the_peer_changes_nothing() -> None:
    pair = Pair()
    pair.call()
    before = (pair.bob.local, pair.bob.remote, pair.bob.negotiated)
    refused = pair.bob.answer(parse(bodies.CHROMIUM_OFFER), PEER)
    assert refused.negotiated is None
    assert (pair.bob.local, pair.bob.remote, pair.bob.negotiated) == before
    with pytest.raises(NegotiationError):
        pair.alice.offer(LOCAL)
        pair.alice.accept(parse(crlf("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio 0 RTP/AVP 0")))
    assert pair.alice.open_offer is None
    pair.call()


@pytest.mark.req("OA-6")
def test_one_offer_at_a_time() -> None:
    exchange = MediaExchange(session_id=1)
    offer = exchange.offer(LOCAL)
    assert exchange.open_offer == offer
    with pytest.raises(ExchangeError):
        exchange.offer(LOCAL)
    with pytest.raises(ExchangeError):
        exchange.answer(parse(bodies.PBX_PLAIN_OFFER), LOCAL)
    exchange.reject()
    with pytest.raises(ExchangeError):
        exchange.accept(parse(bodies.PBX_PLAIN_OFFER))
    assert exchange.answer(parse(bodies.PBX_PLAIN_OFFER), LOCAL).negotiated is not None


@pytest.mark.req("OA-2", "SDP-ICE-14")
def test_streams_never_vanish() -> None:
    exchange = MediaExchange(session_id=1)
    offer = crlf(
        "v=0\no=- 1 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=0 0\n"
        "m=video 4002 RTP/AVP 31\nm=audio 4000 RTP/AVP 0\nm=audio 4004 RTP/AVP 0"
    )
    answered = exchange.answer(parse(offer), LOCAL)
    assert [m.port for m in answered.description.media] == [0, 5000, 0]
    again = exchange.offer(LOCAL)
    assert [(m.media, m.port) for m in again.media] == [("video", 0), ("audio", 5000), ("audio", 0)]
    assert [m.attributes for m in again.media if m.port == 0] == [(), ()]


@pytest.mark.req("OA-12")
def test_peer_that_jumps_its_version_and_origin() -> None:
    exchange = MediaExchange(session_id=1)
    exchange.answer(parse(bodies.PBX_PLAIN_OFFER), LOCAL)
    moved = (
        bodies.PBX_PLAIN_OFFER.replace("561 561", "999 5000").replace(".20", ".21").replace("17208", "17300")
    )
    answered = exchange.answer(parse(moved), LOCAL)
    assert answered.negotiated is not None
    assert str(answered.negotiated.remote_address) == "198.51.100.21:17300"


@pytest.mark.req("OA-15")
def test_payload_types_keep_their_codec() -> None:
    exchange = MediaExchange(session_id=1)
    offer = crlf(
        "v=0\no=- 1 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=0 0\n"
        "m=audio 4000 RTP/AVP 101 0 96\na=rtpmap:101 opus/48000/2\na=rtpmap:96 telephone-event/8000"
    )
    assert exchange.answer(parse(offer), replace(LOCAL, formats=(OPUS, PCMU, EVENTS))).negotiated is not None
    for formats in ((EVENTS, PCMU), (PCMU, OPUS, EVENTS), (replace(EVENTS, clock_rate=48000), EVENTS, PCMA)):
        built = exchange.offer(replace(LOCAL, formats=formats))
        exchange.reject()
        numbers = {
            (a.value or "").split(" ")[1]: (a.value or "").split(" ")[0] for a in built.media[0].all("rtpmap")
        }
        assert numbers["telephone-event/8000"] == "96"
        assert numbers.get("opus/48000/2", "101") == "101"
        assert numbers.get("telephone-event/48000", "97") == "97"
        assert len(set(numbers.values())) == len(formats)


@pytest.mark.req("OA-15")
def test_codec_list_that_changes_often_never_rebinds_a_number() -> None:
    exchange = MediaExchange(session_id=1)
    meaning: dict[str, str] = {}
    for turn in range(20):
        name = f"codec{turn % 7}"
        formats = (replace(OPUS, name=name), PCMU, EVENTS)
        offer = exchange.offer(replace(LOCAL, formats=formats))
        exchange.accept(wire(offer))
        for attribute in offer.media[0].all("rtpmap"):
            number, _, codec = (attribute.value or "").partition(" ")
            assert meaning.setdefault(number, codec) == codec


@pytest.mark.req("SDP-ICE-9", "ICETCP-9.1-1", "SDP-ICE-29")
def test_further_offers_show_the_selected_pair() -> None:
    pair = Pair()
    pair.call()
    dialled, accepted = tcp_pair(), tcp_pair(dialled=False)
    alice = replace(LOCAL, selected=(dialled,), controlling=True)
    bob_pair = replace(
        accepted, local=replace(accepted.local, address=dialled.remote.address), remote=dialled.local
    )
    bob = replace(PEER, selected=(bob_pair,))
    offer, answer = pair.call(alice, bob)
    assert "m=audio 50123 TCP/RTP/AVP" in offer
    assert "m=audio 6000 TCP/RTP/AVP" in answer
    assert "a=remote-candidates:" not in answer
    assert "a=connection:existing" in answer
    held, _ = pair.call_back(replace(bob, direction=Direction.SENDONLY), alice)
    assert "m=audio 6000 TCP/RTP/AVP" in held
    assert directions(pair) == (Direction.RECVONLY, Direction.SENDONLY)


def changed(**changes: object) -> LocalMedia:
    return replace(PEER, ice=replace(PEER_ICE, **changes))  # type: ignore[arg-type]


@pytest.mark.req("SDP-ICE-12")
@pytest.mark.parametrize(
    ("local", "reason"),
    [
        (changed(pacing_ms=20), "without an ICE restart"),
        (changed(options=frozenset({"ice2", "x"})), "without an ICE restart"),
        (changed(credentials=replace(PEER_ICE.credentials, ufrag="new1")), "only one of"),
        (changed(credentials=replace(PEER_ICE.credentials, password="p" * 24)), "only one of"),
    ],
)
def test_changes_of_ice_within_a_session(local: LocalMedia, reason: str) -> None:
    pair = Pair()
    pair.call()
    answer = pair.alice.answer(wire(pair.bob.offer(local)), LOCAL)
    assert answer.negotiated is None
    assert reason in answer.reason
    pair.bob.reject()
    pair.call_back()


RESTARTED = changed(credentials=Credentials(ufrag="new1", password="p" * 24))
ALICE_RESTARTED = replace(LOCAL, ice=replace(ICE, credentials=Credentials(ufrag="new2", password="q" * 24)))


@pytest.mark.parametrize(
    ("offer", "answer", "reason"),
    [
        (LOCAL, RESTARTED, "restarts ICE without being asked"),
        (ALICE_RESTARTED, PEER, "does not restart ICE"),
    ],
)
def test_answers_that_break_the_rules_of_a_restart(
    offer: LocalMedia, answer: LocalMedia, reason: str
) -> None:
    pair = Pair()
    pair.call()
    before = (pair.alice.local, pair.alice.remote, pair.alice.negotiated)
    held = pair.alice.offer(replace(offer, direction=Direction.SENDONLY))
    stranger = MediaExchange(session_id=3).answer(wire(held), answer)
    with pytest.raises(NegotiationError, match=reason):
        pair.alice.accept(wire(stranger.description))
    assert (pair.alice.local, pair.alice.remote, pair.alice.negotiated) == before
    pair.call()


@pytest.mark.req("SDP-ICE-13")
def test_restart_changes_the_credentials_of_both_sides() -> None:
    pair = Pair()
    pair.call()
    offer = wire(pair.alice.offer(ALICE_RESTARTED))
    assert pair.bob.renews(offer, PEER)
    with pytest.raises(ExchangeError, match="restarts"):
        pair.bob.answer(offer, PEER)
    answer = pair.bob.answer(offer, RESTARTED)
    assert answer.negotiated is not None
    negotiated = pair.alice.accept(wire(answer.description))
    assert negotiated.ice is not None
    assert negotiated.ice.credentials == Credentials(ufrag="new1", password="p" * 24)
    assert not pair.bob.renews(wire(pair.alice.offer(ALICE_RESTARTED)), RESTARTED)
    pair.alice.reject()
    pair.call(ALICE_RESTARTED, RESTARTED)


@pytest.mark.req("SDP-ICE-15")
def test_answer_without_ice_leaves_it() -> None:
    pair = Pair()
    pair.call()
    held = wire(pair.alice.offer(replace(LOCAL, direction=Direction.SENDONLY)))
    stranger = MediaExchange(session_id=3).answer(held, replace(PEER, ice=None))
    negotiated = pair.alice.accept(wire(stranger.description))
    assert negotiated.ice is None
    assert negotiated.remote_address == PEER.address


def test_offer_without_ice_is_taken_once_our_side_has_let_go_of_it() -> None:
    pair = Pair()
    pair.call()
    offer = wire(pair.bob.offer(replace(PEER, ice=None)))
    assert pair.alice.renews(offer, LOCAL)
    with pytest.raises(ExchangeError, match="leaves ICE"):
        pair.alice.answer(offer, LOCAL)
    answer = pair.alice.answer(offer, ALICE_RESTARTED)
    assert answer.negotiated is not None
    assert answer.negotiated.ice is None
    assert "ice-ufrag" not in str(answer.description)


def test_credentials_that_move_to_the_session_level_are_no_restart() -> None:
    exchange = MediaExchange(session_id=1)
    exchange.answer(parse(bodies.SIPP_OFFER), LOCAL)
    lines = bodies.SIPP_OFFER.split("\r\n")
    credentials = [line for line in lines if line.startswith("a=ice-")]
    moved = "\r\n".join(line for line in lines if line not in credentials).replace(
        "t=0 0", "\r\n".join(["t=0 0", *credentials])
    )
    assert parse(moved).first("ice-ufrag") is not None
    assert exchange.answer(parse(moved), LOCAL).negotiated is not None


def test_offer_that_ends_the_stream() -> None:
    pair = Pair()
    pair.call()
    gone = write(pair.bob.offer(PEER)).replace("m=audio 5000", "m=audio 0")
    pair.bob.reject()
    answer = pair.alice.answer(parse(gone), LOCAL)
    assert answer.negotiated is None
    assert [m.port for m in answer.description.media] == [0]


def test_ice_goes_on_with_the_same_description() -> None:
    pair = Pair()
    pair.call()
    assert pair.alice.negotiated is not None
    first = pair.alice.negotiated.ice
    pair.call(replace(LOCAL, direction=Direction.SENDONLY))
    assert pair.alice.negotiated.ice == first
    assert ICE.credentials.ufrag in write(
        pair.alice.local or SessionDescription(origin=parse(bodies.SIPP_OFFER).origin)
    )
