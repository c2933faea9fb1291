"""Session refreshes of a call, with a peer that a test drives by hand and intervals of a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.ua.peer import MediaPeer, media_peer
from tests.ua.sip.invite.test_update import SDP, TAKES_UPDATE, placed, taken
from tests.ua.sip.phones import ALICE, phone
from ua.sip.syntax.message import Request
from ua.sip.syntax.reason_header import reasons
from ua.sip.transaction.timers import Timers

TIMED: dict[str, Any] = {
    "timers": Timers(),
    "supported": ("100rel", "timer"),
    "session_expires": 1,
    "min_session_expires": 1,
}
"""An interval of 1 s: refreshed at 0.5 s, given up at 0.67 s."""

UAC = ("Session-Expires", "1;refresher=uac")
UAS = ("Session-Expires", "1;refresher=uas")
TIMER = ("Supported", "timer")


@pytest.fixture
async def peer() -> AsyncIterator[MediaPeer]:
    async with media_peer() as scripted:
        yield scripted


async def gives_up(peer: MediaPeer) -> Request:
    """The BYE of a phone whose session nobody has refreshed."""
    bye = await peer.receive_request("BYE")
    peer.answer(bye, 200)
    assert [(reason.protocol, reason.cause) for reason in reasons(bye)] == [("SIP", 408)]
    return bye


@pytest.mark.req("EXT-3", "SES-3", "UAC-5")
async def test_a_caller_refreshes_by_update_without_an_offer(peer: MediaPeer) -> None:
    async with phone(**TIMED) as alice:
        leg, _ = await placed(alice, peer, UAC, TAKES_UPDATE)
        for _ in range(2):
            update = await peer.receive_request("UPDATE")
            assert update.body == b""
            assert update.headers.first("session-expires") == "1;refresher=uac"
            assert "timer" in update.headers.tokens("supported")
            peer.answer(update, 200, UAC, ("Contact", f"<{peer.uri}>"))
        assert not leg.is_over


@pytest.mark.req("EXT-3", "OA-5", "SES-3")
async def test_without_update_it_refreshes_by_reinvite_with_the_same_description(peer: MediaPeer) -> None:
    async with phone(**TIMED) as alice:
        leg, _ = await placed(alice, peer, UAC, ("Allow", "INVITE, ACK, BYE, CANCEL"))
        answers: list[bytes | None] = []
        leg.on_refreshed = answers.append
        again = await peer.receive_request("INVITE")
        assert again.body == b"offer"  # what stood in the first INVITE
        assert again.headers.first("session-expires") == "1;refresher=uac"
        peer.answer(again, 200, UAC, SDP, body=b"answer")
        await peer.receive_request("ACK")
        leg.current_offer = lambda: b"as it stands now"
        third = await peer.receive_request("INVITE")
        assert third.body == b"as it stands now"
        peer.answer(third, 200, UAC, SDP, body=b"answer")
        await peer.receive_request("ACK")
        await asyncio.sleep(0.01)
        assert answers == [b"answer", b"answer"]


@pytest.mark.req("EXT-3")
async def test_a_peer_that_refuses_update_after_all_gets_a_reinvite(peer: MediaPeer) -> None:
    async with phone(**TIMED) as alice:
        leg, _ = await placed(alice, peer, UAC, TAKES_UPDATE)
        peer.answer(await peer.receive_request("UPDATE"), 405)
        again = await peer.receive_request("INVITE")
        peer.answer(again, 200, UAC, SDP, body=b"answer")
        await peer.receive_request("ACK")
        assert not leg.peer.allows("UPDATE")


@pytest.mark.req("EXT-3", "SES-3")
async def test_a_peer_that_does_not_refresh_is_given_up(peer: MediaPeer) -> None:
    async with phone(**TIMED) as alice:
        leg, _ = await placed(alice, peer, UAS)
        at = asyncio.get_running_loop().time()
        await gives_up(peer)
        assert asyncio.get_running_loop().time() - at > 0.5
        end = await leg.ended
        assert (end.by, end.reason) == ("failure", "session timer expired")


@pytest.mark.req("EXT-3", "SES-1")
async def test_a_callee_takes_the_refreshes_of_the_caller(peer: MediaPeer) -> None:
    two = ("Session-Expires", "2;refresher=uac")
    async with phone(**{**TIMED, "session_expires": 2}) as bob:
        leg, dialog = await taken(peer, bob, TIMER, two)
        for _ in range(2):
            await asyncio.sleep(0.5)
            peer.ask(dialog, "UPDATE", b"", TIMER, two)
            answer = await peer.receive_response(200)
            assert answer.headers.first("session-expires") == "2;refresher=uac"
            assert "timer" in answer.headers.tokens("require")
        assert not leg.is_over
        await gives_up(peer)
        assert leg.is_over


@pytest.mark.req("EXT-3", "SES-1")
async def test_a_callee_refreshes_where_it_was_asked_to(peer: MediaPeer) -> None:
    async with phone(**TIMED) as bob:
        leg, _ = await taken(peer, bob, TIMER, UAS, TAKES_UPDATE)
        assert leg.session_timer.refreshes
        update = await peer.receive_request("UPDATE")
        assert update.headers.first("session-expires") == "1;refresher=uac"
        peer.answer(update, 200, UAC, ("Contact", f"<{peer.uri}>"))
        await asyncio.sleep(0.3)
        assert not leg.is_over


@pytest.mark.req("SES-3")
@pytest.mark.parametrize("status", [408, 481])
async def test_a_refresh_that_meets_nobody_ends_the_call(peer: MediaPeer, status: int) -> None:
    async with phone(**TIMED) as alice:
        leg, _ = await placed(alice, peer, UAC, TAKES_UPDATE)
        peer.answer(await peer.receive_request("UPDATE"), status)
        bye = await peer.receive_request("BYE")
        peer.answer(bye, 200)
        assert [reason.cause for reason in reasons(bye)] == [status]
        assert (await leg.ended).by == "failure"


@pytest.mark.req("SES-3")
async def test_a_refresh_that_is_refused_comes_once_more_and_the_end_stands(peer: MediaPeer) -> None:
    async with phone(**TIMED) as alice:
        await placed(alice, peer, UAC, TAKES_UPDATE)
        for _ in range(2):
            peer.answer(await peer.receive_request("UPDATE"), 503)
        await gives_up(peer)
        assert alice.count("UPDATE") == 2


@pytest.mark.req("SES-2")
async def test_a_refresh_for_too_short_a_time_asks_for_more(peer: MediaPeer) -> None:
    async with phone(**TIMED) as alice:
        leg, _ = await placed(alice, peer, UAC, TAKES_UPDATE)
        first = await peer.receive_request("UPDATE")
        peer.answer(first, 422, ("Min-SE", "120"))
        second = await peer.receive_request("UPDATE")
        assert second.cseq.number == first.cseq.number + 1
        assert (second.seconds("session-expires"), second.seconds("min-se")) == (120, 120)
        peer.answer(second, 422, ("Min-SE", "300"))
        third = await peer.receive_request("UPDATE")
        assert (third.seconds("session-expires"), third.seconds("min-se")) == (300, 300)
        peer.answer(third, 200, ("Session-Expires", "300;refresher=uac"), ("Contact", f"<{peer.uri}>"))
        await asyncio.sleep(0.02)
        assert leg.session_timer.interval == 300
        asking = asyncio.create_task(leg.update())
        later = await peer.receive_request("UPDATE")
        assert (later.seconds("session-expires"), later.seconds("min-se")) == (300, 300)
        peer.answer(later, 200, ("Session-Expires", "300;refresher=uac"))
        await asking


@pytest.mark.req("SES-2")
async def test_an_invite_for_too_short_a_time_asks_for_more(peer: MediaPeer) -> None:
    async with phone(**TIMED) as alice:
        call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        numbers = []
        for least in (120, 300):
            invite = await peer.receive_request("INVITE")
            numbers.append((invite.call_id, invite.cseq.number))
            peer.answer(invite, 422, ("Min-SE", str(least)))
        invite = await peer.receive_request("INVITE")
        assert (invite.seconds("session-expires"), invite.seconds("min-se")) == (300, 300)
        numbers.append((invite.call_id, invite.cseq.number))
        assert [number for _, number in numbers] == [1, 2, 3]
        assert len({call_id for call_id, _ in numbers}) == 1
        peer.answer(invite, 200, ("Session-Expires", "300;refresher=uas"), SDP, body=b"answer")
        await call.answered()
        assert call.leg is not None
        assert (call.leg.session_timer.interval, call.leg.session_timer.refreshes) == (300, False)


@pytest.mark.req("SES-1")
async def test_a_call_for_too_short_a_time_is_refused(peer: MediaPeer) -> None:
    async with phone(timers=Timers(), supported=("timer",), min_session_expires=120) as bob:
        peer.call(str(bob.uri()), b"offer", TIMER, ("Session-Expires", "100"))
        refused = await peer.receive_response(422)
        assert refused.headers.first("min-se") == "120"
        assert bob.offered.empty()
        leg, dialog = await taken(peer, bob, TIMER, ("Session-Expires", "150"))
        assert leg.session_timer.interval == 150
        for method in ("INVITE", "UPDATE"):
            request = peer.ask(dialog, method, b"", TIMER, ("Session-Expires", "100"))
            assert (await peer.receive_response(422)).cseq == request.cseq
            if method == "INVITE":
                peer.ack(dialog, request)
        assert leg.session_timer.interval == 150
        assert leg.descriptions.open is None


@pytest.mark.req("EXT-3")
async def test_every_request_names_the_timer(peer: MediaPeer) -> None:
    async with phone(**TIMED) as alice:
        asking = asyncio.create_task(alice.endpoint.request("OPTIONS", peer.uri, from_=ALICE))
        options = await peer.receive_request("OPTIONS")
        peer.answer(options, 200)
        await asking
        call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 180)
        call.cancel()
        cancel = await peer.receive_request("CANCEL")
        peer.answer(cancel, 200)
        peer.answer(invite, 487)
        leg, _ = await placed(alice, peer, TAKES_UPDATE)
        ending = asyncio.create_task(leg.bye())
        bye = await peer.receive_request("BYE")
        peer.answer(bye, 200)
        await ending
        for request in (options, invite, cancel, bye):
            assert "timer" in request.headers.tokens("supported")
        assert leg.session_timer.next_timer() is None


@pytest.mark.req("EXT-5")
async def test_the_phones_that_lose_a_call_are_told_why(peer: MediaPeer) -> None:
    async with phone() as alice:
        call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 200, SDP, tag="one", body=b"answer")
        peer.answer(invite, 200, SDP, tag="two", body=b"answer")
        await call.answered()
        bye = await peer.receive_request("BYE")
        assert bye.to.tag == "two"
        assert [(reason.cause, reason.text) for reason in reasons(bye)] == [(200, "answered elsewhere")]
        peer.answer(bye, 200)
