"""UPDATE and re-INVITE within a call: offers both ways, collisions, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.ua.peer import MediaPeer, media_peer
from tests.ua.sip.phones import ALICE, Phone, phone
from ua.sip.dialog import Dialog
from ua.sip.errors import SipStateError, SipTimeout
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.invite.leg import Leg
from ua.sip.syntax.message import Response
from ua.sip.transaction.timers import Timers

SDP = ("Content-Type", "application/sdp")
TAKES_UPDATE = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE")


@pytest.fixture
async def peer() -> AsyncIterator[MediaPeer]:
    async with media_peer() as scripted:
        yield scripted


async def taken(peer: MediaPeer, bob: Phone, *rows: tuple[str, str]) -> tuple[Leg, Dialog]:
    """A call of the peer that stands: bob's leg and the peer's side of the dialog."""
    invite = peer.call(str(bob.uri()), b"offer", *(rows or (TAKES_UPDATE,)))
    incoming = await bob.offered.get()
    leg = incoming.accept(b"answer")
    dialog = Dialog.of_caller(invite, await peer.receive_response(200))
    peer.ack(dialog, invite)
    await incoming.acknowledged()
    return leg, dialog


async def placed(alice: Phone, peer: MediaPeer, *rows: tuple[str, str]) -> tuple[Leg, Dialog]:
    """A call to the peer that stands."""
    call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
    invite = await peer.receive_request("INVITE")
    peer.answer(invite, 200, SDP, *(rows or (TAKES_UPDATE,)), body=b"answer")
    await call.answered()
    await peer.receive_request("ACK")
    assert call.leg is not None
    return call.leg, Dialog.of_callee(invite, "peer")


@pytest.mark.req("EXT-2", "DLG-2")
async def test_an_update_without_offer_refreshes_the_target(peer: MediaPeer) -> None:
    async with phone(timers=Timers()) as bob:
        leg, dialog = await taken(peer, bob)
        update = peer.ask(dialog, "UPDATE")
        answer = await peer.receive_response(200)
        assert answer.cseq == update.cseq
        assert answer.contacts[0].uri.port == bob.endpoint.local_addresses["udp"].port
        assert "update" in answer.headers.tokens("allow")
        assert answer.body == b""
        assert leg.dialog.target == peer.uri


@pytest.mark.req("EXT-2", "OA-4")
async def test_an_update_with_offer_is_answered_by_the_user(peer: MediaPeer) -> None:
    async with phone(timers=Timers()) as bob:
        leg, dialog = await taken(peer, bob)
        peer.ask(dialog, "UPDATE", b"offer")
        assert (await peer.receive_response(488)).cseq.method == "UPDATE"  # nobody is there to take it
        leg.on_update = lambda offer: offer.accept(b"answer to " + offer.offer)
        peer.ask(dialog, "UPDATE", b"hold")
        answer = await peer.receive_response(200)
        assert answer.body == b"answer to hold"
        assert answer.content_type == "application/sdp"
        leg.on_update = lambda offer: offer.reject(488)
        peer.ask(dialog, "UPDATE", b"video")
        await peer.receive_response(488)
        assert leg.descriptions.open is None
        assert leg.description == b"answer to hold"


@pytest.mark.req("EXT-2")
async def test_an_update_that_nobody_answers_in_time_is_504(peer: MediaPeer) -> None:
    async with phone(timers=Timers(t1=0.01, t2=0.1, t4=0.1)) as bob:
        leg, dialog = await taken(peer, bob)
        waiting: list[IncomingOffer] = []
        leg.on_update = waiting.append
        peer.ask(dialog, "UPDATE", b"offer")
        await peer.receive_response(504)
        assert waiting[0].is_answered
        assert not waiting[0].accept(b"too late")
        assert leg.descriptions.open is None


@pytest.mark.req("EXT-2", "OA-3", "OA-7", "sdp.md:OA-6", "DLG-3")
async def test_what_crosses_an_offer_of_theirs_is_500(peer: MediaPeer) -> None:
    async with phone(timers=Timers()) as bob:
        leg, dialog = await taken(peer, bob)
        waiting: list[IncomingOffer] = []
        leg.on_update = waiting.append
        peer.ask(dialog, "UPDATE", b"offer")
        await asyncio.sleep(0.02)
        for method, body in (("UPDATE", b"second"), ("UPDATE", b""), ("INVITE", b"offer"), ("INVITE", b"")):
            request = peer.ask(dialog, method, body)
            refused = await peer.receive_response(500)
            assert refused.cseq == request.cseq
            assert 0 <= (refused.seconds("retry-after") or 0) <= 10
            if method == "INVITE":
                peer.ack(dialog, request)
        with pytest.raises(SipStateError):
            await leg.update(b"ours")
        with pytest.raises(SipStateError):
            await leg.reinvite(b"ours")
        waiting[0].accept(b"answer")
        assert (await peer.receive_response(200)).body == b"answer"
        peer.ask(dialog, "UPDATE", b"third")
        await asyncio.sleep(0.02)
        assert len(waiting) == 2
        waiting[1].reject()


@pytest.mark.req("EXT-2", "OA-3", "sdp.md:OA-6", "DLG-3")
@pytest.mark.parametrize("ours", ["UPDATE", "INVITE"])
@pytest.mark.parametrize("theirs", ["UPDATE", "INVITE"])
async def test_what_crosses_an_offer_of_ours_is_491(peer: MediaPeer, ours: str, theirs: str) -> None:
    async with phone(timers=Timers()) as bob:
        leg, dialog = await taken(peer, bob)
        asking = asyncio.create_task(leg.request(ours, body=b"ours"))
        request = await peer.receive_request(ours)
        crossing = peer.ask(dialog, theirs, b"theirs")
        refused = await peer.receive_response(491)
        assert refused.cseq == crossing.cseq
        peer.answer(request, 200, SDP, body=b"answer")
        assert (await asking).response.body == b"answer"
        assert leg.descriptions.open is None


@pytest.mark.req("OA-7")
async def test_an_update_that_overtakes_the_2xx_is_no_answer(peer: MediaPeer) -> None:
    async with phone(timers=Timers()) as alice:
        leg, _ = await placed(alice, peer)
        asking = asyncio.create_task(leg.request("INVITE", body=b"ours"))
        request = await peer.receive_request("INVITE")
        dialog = Dialog.of_callee(request, "peer")
        peer.ask(dialog, "UPDATE", b"their offer")
        await peer.receive_response(491)
        assert not asking.done()
        peer.answer(request, 200, SDP, body=b"their answer")
        assert (await asking).response.body == b"their answer"
        leg.on_update = lambda offer: offer.accept(b"answer")
        peer.ask(dialog, "UPDATE", b"their offer")
        assert (await peer.receive_response(200)).body == b"answer"


@pytest.mark.req("OA-9", "EXT-2")
async def test_update_is_used_only_where_the_peer_takes_it(peer: MediaPeer) -> None:
    async with phone(timers=Timers()) as alice:
        leg, _ = await placed(alice, peer, ("Allow", "INVITE, ACK, BYE, CANCEL"))
        assert not leg.peer.allows("UPDATE")
        with pytest.raises(SipStateError):
            await leg.update(b"hold")
        asking = asyncio.create_task(leg.reinvite(b"hold"))
        request = await peer.receive_request("INVITE")
        peer.answer(request, 200, SDP, TAKES_UPDATE, body=b"held")
        await asking
        await peer.receive_request("ACK")
        assert leg.peer.allows("UPDATE")
        asking = asyncio.create_task(leg.update(b"resume"))
        peer.answer(await peer.receive_request("UPDATE"), 200, SDP, body=b"resumed")
        assert (await asking).response.body == b"resumed"


@pytest.mark.req("DLG-11", "EXT-2")
async def test_a_refused_update_changes_nothing(peer: MediaPeer) -> None:
    async with phone(timers=Timers()) as alice:
        leg, _ = await placed(alice, peer)
        before = (leg.dialog.target, leg.description)
        asking = asyncio.create_task(leg.update(b"video"))
        update = await peer.receive_request("UPDATE")
        peer.answer(update, 488, ("Contact", "<sip:elsewhere@127.0.0.1:9>"))
        assert (await asking).response.status == 488
        assert (leg.dialog.target, leg.description) == before
        assert leg.descriptions.open is None
        assert not leg.is_over


@pytest.mark.req("EXT-2", "DLG-3", "OA-3")
@pytest.mark.parametrize("status", [491, 500])
async def test_after_glare_an_update_comes_again(peer: MediaPeer, status: int) -> None:
    async with phone(timers=Timers()) as bob:
        leg, _ = await taken(peer, bob)
        asking = asyncio.create_task(leg.update(b"hold"))
        first = await peer.receive_request("UPDATE")
        peer.answer(first, status, *([("Retry-After", "0")] if status == 500 else []))
        again = await peer.receive_request("UPDATE")
        assert again.cseq.number == first.cseq.number + 1
        peer.answer(again, 200, SDP, body=b"held")
        assert (await asking).response.body == b"held"


@pytest.mark.req("EXT-2")
async def test_an_update_without_answer_ends_the_dialog(peer: MediaPeer) -> None:
    async with phone(timers=Timers(t1=0.005, t2=0.05, t4=0.05)) as alice:
        leg, _ = await placed(alice, peer)
        with pytest.raises(SipTimeout):
            await leg.update(b"hold")
        assert (await leg.ended).by == "failure"
        bye = await peer.receive_request("BYE")
        peer.answer(bye, 481)


@pytest.mark.req("EXT-2", "OA-3")
async def test_a_callee_updates_only_after_its_183_was_acknowledged(peer: MediaPeer) -> None:
    async with phone(timers=Timers(), supported=("100rel",)) as bob:
        invite = peer.call(str(bob.uri()), b"offer", ("Supported", "100rel"), TAKES_UPDATE)
        incoming = await bob.offered.get()
        with pytest.raises(SipStateError):
            await incoming.leg.update(b"too early")
        incoming.ring(183, body=b"answer")
        with pytest.raises(SipStateError):
            await incoming.leg.update(b"still too early")
        ringing = await peer.receive_response(183)
        dialog = Dialog.of_caller(invite, ringing)
        peer.ask(dialog, "PRACK", b"", ("RAck", f"{ringing.headers.first('rseq')} {ringing.cseq}"))
        await peer.receive_response(200)
        asking = asyncio.create_task(incoming.leg.update(b"now"))
        update = await peer.receive_request("UPDATE")
        contact = update.contacts
        peer.answer(update, 200, SDP, ("Contact", f"<{peer.uri}>"), body=b"fine")
        assert (await asking).response.body == b"fine"
        incoming.accept()
        final = await peer.receive_response(200)
        assert [each.uri for each in final.contacts] == [each.uri for each in contact]


@pytest.mark.req("EXT-2", "OA-3")
async def test_an_update_in_an_early_dialog_before_the_answer_is_500(peer: MediaPeer) -> None:
    async with phone(timers=Timers(), supported=("100rel",)) as bob:
        invite = peer.call(str(bob.uri()), b"offer", ("Supported", "100rel"), TAKES_UPDATE)
        incoming = await bob.offered.get()
        incoming.ring(180, reliable=True)
        dialog = Dialog.of_caller(invite, await peer.receive_response(180))
        peer.ask(dialog, "UPDATE", b"offer")
        await peer.receive_response(500)
        peer.ask(dialog, "UPDATE")
        assert (await peer.receive_response(200)).cseq.method == "UPDATE"
        incoming.reject(486)


@pytest.mark.req("UAS-9")
async def test_bye_answers_an_update_that_waits(peer: MediaPeer) -> None:
    async with phone(timers=Timers()) as bob:
        leg, dialog = await taken(peer, bob)
        waiting: list[IncomingOffer] = []
        leg.on_update = waiting.append
        peer.ask(dialog, "UPDATE", b"offer")
        await asyncio.sleep(0.02)
        peer.ask(dialog, "BYE")
        answers = [await peer.receive(), await peer.receive()]
        found = {(each.status, each.cseq.method) for each in answers if isinstance(each, Response)}
        assert found == {(200, "BYE"), (487, "UPDATE")}
        assert waiting[0].is_answered


@pytest.mark.req("OA-5", "OA-4")
async def test_a_reinvite_without_offer_asks_for_one(peer: MediaPeer) -> None:
    async with phone(timers=Timers()) as alice:
        leg, _ = await placed(alice, peer)
        asking = asyncio.create_task(leg.reinvite(b"", make_answer=lambda response: b"to " + response.body))
        request = await peer.receive_request("INVITE")
        assert request.body == b""
        peer.answer(request, 200, SDP, body=b"offer")
        await asking
        assert (await peer.receive_request("ACK")).body == b"to offer"
        assert leg.description == b"to offer"
        assert leg.descriptions.open is None


@pytest.mark.req("PRK-1", "OA-6")
async def test_a_reinvite_is_answered_reliably_and_undone_by_update(peer: MediaPeer) -> None:
    async with phone(timers=Timers(), supported=("100rel",)) as alice:
        leg, _ = await placed(alice, peer)
        asking = asyncio.create_task(leg.request("INVITE", body=b"with video"))
        request = await peer.receive_request("INVITE")
        peer.answer(request, 183, SDP, ("Require", "100rel"), ("RSeq", "1"), body=b"answer")
        peer.answer(await peer.receive_request("PRACK"), 200)
        peer.answer(request, 488)
        assert (await asking).response.status == 488
        update = await peer.receive_request("UPDATE")
        assert update.body == b"offer"  # what stood before
        peer.answer(update, 200, SDP, body=b"answer")
        await asyncio.sleep(0.02)
        assert leg.descriptions.open is None
        asking = asyncio.create_task(leg.request("INVITE", body=b"hold"))
        request = await peer.receive_request("INVITE")
        peer.answer(request, 183, SDP, ("Require", "100rel"), ("RSeq", "1"), body=b"held")
        peer.answer(await peer.receive_request("PRACK"), 200)
        peer.answer(request, 200)
        assert (await asking).response.body == b"held"


async def test_a_mistake_in_a_callback_is_500(peer: MediaPeer) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a bug")

    reports: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: reports.append(str(context["exception"]))
    )
    async with phone(timers=Timers()) as bob:
        leg, dialog = await taken(peer, bob)
        leg.on_update = broken
        peer.ask(dialog, "UPDATE", b"offer")
        await peer.receive_response(500)
        assert reports == ["a bug"]
        assert leg.descriptions.open is None


async def test_two_endpoints_change_a_call_by_update_at_once() -> None:
    """Both offer at the same time: one of them gets through, then the other."""
    async with phone(timers=Timers()) as alice, phone(timers=Timers()) as bob:
        call = alice.endpoint.invite(bob.uri(), from_=ALICE, body=b"offer")
        incoming: IncomingInvite = await bob.offered.get()
        theirs = incoming.accept(b"answer")
        await call.answered()
        ours = call.leg
        assert ours is not None
        await incoming.acknowledged()
        for leg in (ours, theirs):
            leg.on_update = lambda offer: offer.accept(b"answer to " + offer.offer)
        both = await asyncio.gather(ours.update(b"A"), theirs.update(b"B"))
        assert [done.response.body for done in both] == [b"answer to A", b"answer to B"]
        assert ours.descriptions.open is theirs.descriptions.open is None
