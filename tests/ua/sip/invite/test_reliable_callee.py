"""Reliable provisional responses of a callee, to a peer that a test drives by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.ua.peer import MediaPeer, media_peer
from tests.ua.sip.phones import Phone, phone
from ua.sip.dialog import Dialog
from ua.sip.errors import SipStateError, SipTimeout
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.syntax.message import Request, Response
from ua.sip.transaction.machine import make_cancel
from ua.sip.transaction.timers import Timers

QUICK = Timers(t1=0.005, t2=0.05, t4=0.05)
"""64*T1 is 0.32 s."""

CAN = ("Supported", "100rel")
MUST = ("Require", "100rel")


@pytest.fixture
async def peer() -> AsyncIterator[MediaPeer]:
    async with media_peer() as scripted:
        yield scripted


async def called(
    peer: MediaPeer, bob: Phone, *rows: tuple[str, str], body: bytes = b"offer"
) -> tuple[Request, IncomingInvite]:
    """A call from the peer that rings at bob's."""
    invite = peer.call(str(bob.uri()), body, *rows)
    return invite, await bob.offered.get()


async def rung(peer: MediaPeer, invite: Request, status: int = 183) -> tuple[Response, Dialog]:
    """A provisional response, and the dialog that it makes."""
    response = await peer.receive_response(status)
    return response, Dialog.of_caller(invite, response)


def prack(
    peer: MediaPeer, dialog: Dialog, response: Response, body: bytes = b"", *, shift: int = 0
) -> Request:
    number = int(response.headers.first("rseq") or "0") + shift
    return peer.ask(dialog, "PRACK", body, ("RAck", f"{number} {response.cseq}"))


@pytest.mark.req("EXT-1", "UAS-4", "UAS-5", "EXT-2")
async def test_an_answer_in_a_183_and_a_quick_pick_up(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN, ("Record-Route", "<sip:127.0.0.1:9;lr>"))
        incoming.ring(183, body=b"answer")
        response, dialog = await rung(peer, invite)
        dialog.routes = ()
        assert response.body == b"answer"
        assert response.headers.first("require") == "100rel"
        assert "update" in response.headers.tokens("allow")
        assert response.contacts
        assert response.headers.first("record-route") == "<sip:127.0.0.1:9;lr>"
        leg = incoming.accept()
        again = await peer.receive_response(183)
        assert again == response
        assert (bob.count("SIP/2.0 200"), leg.dialog.confirmed) == (0, False)
        prack(peer, dialog, response)
        answers = [await peer.receive_response(200), await peer.receive_response(200)]
        assert sorted(each.cseq.method for each in answers) == ["INVITE", "PRACK"]
        assert [each.body for each in answers] == [b"", b""]
        assert leg.dialog.confirmed
        peer.ack(dialog, invite)
        await incoming.acknowledged()
        count = bob.count("SIP/2.0 183", repeats=True)
        await asyncio.sleep(0.1)
        assert bob.count("SIP/2.0 183", repeats=True) == count


@pytest.mark.req("PRK-2")
async def test_only_the_right_prack_counts(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN)
        incoming.ring(180, reliable=True)
        response, dialog = await rung(peer, invite, 180)
        prack(peer, dialog, response, shift=1)
        assert (await peer.receive_response(481)).cseq.method == "PRACK"
        peer.ask(dialog, "PRACK", b"", ("RAck", "nonsense"))
        await peer.receive_response(400)
        peer.ask(dialog, "PRACK")
        await peer.receive_response(400)
        prack(peer, dialog, response)
        await peer.receive_response(200)
        prack(peer, dialog, response)
        await peer.receive_response(481)
        incoming.reject(486)
        assert await peer.silent(0.1, "180")


@pytest.mark.req("EXT-1")
async def test_a_second_one_waits_for_the_first(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, MUST)
        incoming.ring(180)
        incoming.ring(183, body=b"answer")
        first, dialog = await rung(peer, invite, 180)
        assert await peer.silent(0.05, "183")
        prack(peer, dialog, first)
        second = await peer.receive_response(183)
        assert int(second.headers.first("rseq") or 0) == int(first.headers.first("rseq") or 0) + 1
        incoming.reject(486)


@pytest.mark.req("EXT-1", "UAS-4")
async def test_who_has_no_100rel_gets_none(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        _, incoming = await called(peer, bob)
        assert not incoming.can_ring_reliably
        incoming.ring(183, body=b"answer")
        response = await peer.receive_response(183)
        assert "rseq" not in response.headers
        assert "require" not in response.headers
        with pytest.raises(SipStateError):
            incoming.ring(183, reliable=True)
        incoming.reject(486)
    async with phone(supported=()) as carol:
        peer.call(str(carol.uri()), b"offer", MUST)
        assert (await peer.receive_response(420)).headers.first("unsupported") == "100rel"


@pytest.mark.req("EXT-1")
async def test_who_requires_100rel_gets_nothing_else(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, MUST, body=b"")
        incoming.ring()  # there is no offer to put into it yet
        assert await peer.silent(0.05, "180")
        with pytest.raises(SipStateError):
            incoming.ring(reliable=False)
        incoming.ring(180, body=b"our offer")
        response, _ = await rung(peer, invite, 180)
        assert "rseq" in response.headers
        incoming.reject(486)


@pytest.mark.req("EXT-1")
async def test_without_a_prack_the_invite_fails(peer: MediaPeer) -> None:
    async with phone(timers=QUICK, supported=("100rel",)) as bob:
        _, incoming = await called(peer, bob, CAN)
        incoming.ring(183, body=b"answer")
        leg = incoming.accept()
        failure = await peer.receive_response(504)
        assert failure.cseq.method == "INVITE"
        assert 3 < bob.count("SIP/2.0 183", repeats=True) <= 7, "a busy machine lets some come late"
        with pytest.raises(SipTimeout):
            await incoming.acknowledged()
        assert incoming.cancelled.is_set()
        assert leg.is_over
        assert bob.count("BYE") == 0


@pytest.mark.req("PRK-2", "EXT-1")
async def test_a_prack_after_the_final_response_is_taken(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN)
        incoming.ring(180, reliable=True)
        response, dialog = await rung(peer, invite, 180)
        incoming.reject(486)
        await peer.receive_response(486)
        assert await peer.silent(0.1, "180")
        prack(peer, dialog, response)
        assert (await peer.receive_response(200)).cseq.method == "PRACK"
        prack(peer, dialog, response)
        await peer.receive_response(481)


@pytest.mark.req("EXT-1")
async def test_a_2xx_need_not_wait_for_one_without_a_description(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN)
        incoming.ring(180, reliable=True)
        response, dialog = await rung(peer, invite, 180)
        incoming.accept(b"answer")
        assert (await peer.receive_response(200)).body == b"answer"
        peer.ack(dialog, invite)
        await incoming.acknowledged()
        prack(peer, dialog, response)
        assert (await peer.receive_response(200)).cseq.method == "PRACK"


@pytest.mark.req("PRK-2", "UAS-7", "OA-1")
async def test_our_offer_in_a_183_is_answered_in_the_prack(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN, body=b"")
        answers: list[bytes] = []
        incoming.on_early_answer = answers.append
        with pytest.raises(SipStateError):
            incoming.ring(183, body=b"offer", reliable=False)
        incoming.ring(183, body=b"offer")
        response, dialog = await rung(peer, invite)
        prack(peer, dialog, response, b"their answer")
        assert (await peer.receive_response(200)).cseq.method == "PRACK"
        assert answers == [b"their answer"]
        with pytest.raises(SipStateError):
            incoming.accept(b"once more")
        incoming.accept()
        assert (await peer.receive_response(200)).body == b""


@pytest.mark.req("PRK-2")
async def test_a_prack_without_the_answer_ends_the_call(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN, body=b"")
        incoming.ring(183, body=b"offer")
        response, dialog = await rung(peer, invite)
        prack(peer, dialog, response)
        answers = [await peer.receive(), await peer.receive()]
        found = {(each.status, each.cseq.method) for each in answers if isinstance(each, Response)}
        assert found == {(200, "PRACK"), (400, "INVITE")}
        assert incoming.cancelled.is_set()


@pytest.mark.req("PRK-2", "OA-4", "sdp.md:OA-30")
async def test_an_offer_in_the_prack_is_answered_in_its_200(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN)
        offers: asyncio.Queue[IncomingOffer] = asyncio.Queue()
        incoming.on_prack_offer = offers.put_nowait
        incoming.ring(183, body=b"answer")
        response, dialog = await rung(peer, invite)
        prack(peer, dialog, response, b"second offer")
        offer = await offers.get()
        assert offer.offer == b"second offer"
        with pytest.raises(SipStateError):
            offer.respond(200)
        assert offer.accept(b"second answer")
        assert not offer.reject()
        taken = await peer.receive_response(200)
        assert (taken.cseq.method, taken.body) == ("PRACK", b"second answer")
        incoming.accept()
        assert (await peer.receive_response(200)).cseq.method == "INVITE"


@pytest.mark.req("OA-4")
async def test_a_prack_whose_offer_is_refused_may_come_again(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN)
        incoming.ring(183, body=b"answer")
        response, dialog = await rung(peer, invite)
        prack(peer, dialog, response, b"second offer")
        assert (await peer.receive_response(488)).cseq.method == "PRACK"
        prack(peer, dialog, response)
        assert (await peer.receive_response(200)).cseq.method == "PRACK"
        incoming.reject(486)


@pytest.mark.req("TXN-18")
async def test_cancel_while_the_2xx_waits_for_the_prack(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN)
        incoming.ring(183, body=b"answer")
        await rung(peer, invite)
        leg = incoming.accept()
        peer.send(make_cancel(invite))
        await peer.receive_response(487)
        assert incoming.cancelled.is_set()
        assert leg.is_over


@pytest.mark.req("UAS-9")
async def test_bye_while_the_2xx_waits_for_the_prack(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN)
        incoming.ring(183, body=b"answer")
        _, dialog = await rung(peer, invite)
        leg = incoming.accept()
        peer.ask(dialog, "BYE")
        answers = [await peer.receive_response(200), await peer.receive_response(487)]
        assert [each.cseq.method for each in answers] == ["BYE", "INVITE"]
        assert (await leg.ended).by == "remote"


@pytest.mark.req("UAS-7")
async def test_the_answer_of_an_unreliable_response_stays(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        _, incoming = await called(peer, bob)
        incoming.ring(183, body=b"answer")
        with pytest.raises(SipStateError):
            incoming.ring(183, body=b"another")
        with pytest.raises(SipStateError):
            incoming.accept(b"another")
        incoming.accept(b"answer")
        assert (await peer.receive_response(200)).body == b"answer"


@pytest.mark.req("UAS-7")
async def test_a_reliable_response_has_the_same_answer_as_the_unreliable_one_before(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        _, incoming = await called(peer, bob, CAN)
        incoming.ring(183, body=b"answer", reliable=False)
        with pytest.raises(SipStateError):
            incoming.ring(183, body=b"another", reliable=True)
        incoming.ring(183, body=b"answer", reliable=True)
        assert (await peer.receive_response(183)).body == b"answer"
        incoming.reject(486)


@pytest.mark.req("SDP-ICE-17", "GLU-1", "TRI-12")
async def test_an_unreliable_answer_is_repeated_until_it_has_come(peer: MediaPeer) -> None:
    async with phone(timers=Timers(t1=0.02, t2=4.0, t4=0.1)) as bob:
        _, incoming = await called(peer, bob)
        incoming.ring(183, body=b"answer", sends=None)
        for _ in range(4):
            assert (await peer.receive_response(183)).body == b"answer"
        incoming.stop_repeating()
        assert await peer.silent(0.5, "183")
        incoming.reject(486)


@pytest.mark.req("UAS-5")
async def test_all_responses_of_a_call_have_one_tag_and_contact(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as bob:
        invite, incoming = await called(peer, bob, CAN)
        incoming.ring(180, reliable=True)
        first, dialog = await rung(peer, invite, 180)
        prack(peer, dialog, first)
        await peer.receive_response(200)
        incoming.ring(183, body=b"answer")
        second = await peer.receive_response(183)
        prack(peer, dialog, second)
        await peer.receive_response(200)
        incoming.accept()
        final = await peer.receive_response(200)
        assert first.to.tag == second.to.tag == final.to.tag
        assert first.contacts == second.contacts == final.contacts
        peer.ack(dialog, replace(invite))
