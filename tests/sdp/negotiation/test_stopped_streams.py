"""Streams that the peer takes out and puts in again (RFC 3264 §8), and rtcp-mux-only (RFC 8858)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdp.errors import ExchangeError, NegotiationError
from sdp.negotiation.exchange import MediaExchange
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.answering import plain
from tests.sdp.local import LOCAL, OPUS, PCMA, PCMU, PEER, PLAIN

OUT = plain(media="audio 0 RTP/AVP 0")
IN = plain(media="audio 4000 RTP/AVP 0")


@pytest.mark.req("OA-13", "OA-2")
def test_a_stream_that_is_taken_out_is_answered_with_port_0() -> None:
    exchange = MediaExchange(session_id=1)
    first = exchange.answer(parse(IN), PLAIN)
    assert first.negotiated is not None
    stopped = exchange.answer(parse(OUT), PLAIN)
    assert stopped.stopped
    assert stopped.negotiated is None
    assert exchange.negotiated is None
    text = write(stopped.description)
    assert "m=audio 0 RTP/AVP 0\r\n" in text
    assert text.split("\r\n")[1] == "o=- 1 1 IN IP4 192.0.2.50"
    assert exchange.local == stopped.description
    # The same again changes nothing.
    assert exchange.answer(parse(OUT), PLAIN).description == stopped.description
    with pytest.raises(ExchangeError):
        exchange.offer(PLAIN)


@pytest.mark.req("OA-2", "OA-13")
def test_it_may_come_back_in_its_place() -> None:
    exchange = MediaExchange(session_id=1)
    exchange.answer(parse(IN), PLAIN)
    exchange.answer(parse(OUT), PLAIN)
    back = exchange.answer(parse(IN), PLAIN)
    assert back.negotiated is not None
    assert not back.stopped
    assert "m=audio 5000 RTP/AVP 0" in write(back.description)
    assert exchange.offer(PLAIN).media[0].port == 5000


@pytest.mark.req("OA-2")
def test_another_line_below_takes_its_place() -> None:
    exchange = MediaExchange(session_id=1)
    exchange.answer(parse(IN), PLAIN)
    answered = exchange.answer(parse(OUT + "m=audio 4002 RTP/AVP 8\r\n"), PLAIN)
    assert answered.negotiated is not None
    assert answered.negotiated.index == 1
    assert [media.port for media in exchange.offer(PLAIN).media] == [0, 5000]


@pytest.mark.req("OA-13")
def test_a_first_offer_without_any_live_stream_is_refused() -> None:
    answered = MediaExchange(session_id=1).answer(parse(OUT), PLAIN)
    assert not answered.stopped
    assert answered.negotiated is None


def test_a_refusal_of_ours_stops_nothing() -> None:
    exchange = MediaExchange(session_id=1)
    exchange.answer(parse(IN), PLAIN)
    answered = exchange.answer(parse(plain(media="audio 4000 RTP/AVP 18")), PLAIN)
    assert not answered.stopped
    assert exchange.negotiated is not None


# --- rtcp-mux-only --------------------------------------------------------------------------------------

ONLY = replace(LOCAL, rtcp_mux_only=True)


@pytest.mark.req("RTCP-5", "RTCP-3")
def test_mux_only_is_offered_with_mux_and_nothing_for_a_second_component() -> None:
    text = write(MediaExchange(session_id=1).offer(ONLY))
    assert "a=rtcp-mux\r\na=rtcp-mux-only\r\n" in text
    assert "a=rtcp:" not in text
    candidates = [line for line in text.split("\r\n") if line.startswith("a=candidate")]
    assert candidates
    assert all(line.split(" ")[1] == "1" for line in candidates)


@pytest.mark.req("RTCP-5")
def test_an_answer_without_mux_is_refused_and_a_new_offer_may_go_without() -> None:
    alice, bob = MediaExchange(session_id=1), MediaExchange(session_id=2)
    answer = write(bob.answer(parse(write(alice.offer(ONLY))), PEER).description)
    with pytest.raises(NegotiationError, match="RFC 8858"):
        alice.accept(parse(answer.replace("a=rtcp-mux\r\n", "")))
    assert alice.negotiated is None
    again = write(alice.offer(LOCAL))
    assert "rtcp-mux-only" not in again
    legacy = MediaExchange(session_id=3).answer(parse(again), replace(PEER, rtcp_mux=False))
    assert not alice.accept(parse(write(legacy.description))).rtcp_mux


@pytest.mark.req("RTCP-5")
def test_a_refresh_repeats_both_lines_and_our_answer_never_says_only() -> None:
    alice, bob = MediaExchange(session_id=1), MediaExchange(session_id=2)
    first = alice.offer(ONLY)
    answer = write(bob.answer(parse(write(first)), PEER).description)
    assert "a=rtcp-mux\r\n" in answer
    assert "rtcp-mux-only" not in answer
    assert alice.accept(parse(answer)).rtcp_mux
    refresh = alice.offer(ONLY)
    assert write(refresh) == write(first)


# --- forks ----------------------------------------------------------------------------------------------


@pytest.mark.req("OA-32")
def test_each_fork_has_an_exchange_of_its_own() -> None:
    offerer = MediaExchange(session_id=1)
    local = replace(PLAIN, formats=(PCMU, PCMA, replace(OPUS, payload_type=96)))
    offer = parse(write(offerer.offer(local)))
    forks = [offerer.fork(), offerer.fork()]
    peers = [MediaExchange(session_id=2), MediaExchange(session_id=3, version=7)]
    sides = [replace(PLAIN, formats=(PCMU,)), replace(PLAIN, formats=(PCMA,))]
    found = [
        fork.accept(parse(write(peer.answer(offer, side).description)))
        for fork, peer, side in zip(forks, peers, sides, strict=True)
    ]
    assert [negotiated.format.name for negotiated in found] == ["PCMU", "PCMA"]
    # One fork's further offers are its own matter: version, formats, open offer.
    changed = forks[0].offer(replace(local, ptime_ms=40))
    assert changed.origin.version == 1
    assert forks[1].open_offer is None
    assert forks[1].offer(local).origin.version == 0
    forks[1].reject()
    assert offerer.negotiated is None
    assert offerer.open_offer is not None
    hold = peers[1].offer(sides[1])
    assert forks[1].answer(parse(write(hold)), local).negotiated is not None
