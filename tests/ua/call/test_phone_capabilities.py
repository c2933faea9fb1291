"""What a phone tells of itself: in answers to OPTIONS, in a 488, to the registrar; and when it is busy."""

from __future__ import annotations

import asyncio

import pytest

from sdp.syntax import parser
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.config.calls import CallsSettings
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan
from ua.sip.config import SipConfig
from ua.sip.dialog import Dialog
from ua.sip.endpoint import SipEndpoint
from ua.sip.requests.exchange import Exchange
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response, make_response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri

LISTEN = MediaPlan(source=Echo())


async def options(phone: Phone, *rows: tuple[str, str]) -> Response:
    """The answer to OPTIONS."""
    endpoint = SipEndpoint(SipConfig(host="127.0.0.1"))
    await endpoint.start()
    try:
        done: Exchange = await endpoint.request(
            "OPTIONS",
            Uri.parse(phone.addresses[0]),
            from_=NameAddr.parse("<sip:peer@example.com>"),
            headers=Headers.of(*rows),
        )
    finally:
        await endpoint.close()
    return done.response


def check_capabilities(response: Response) -> int:
    """The body is good SDP that offers nothing; gives its session id."""
    assert response.content_type == "application/sdp"
    described = parser.parse(session_of(response) or b"", strict=True)
    assert [(media.media, media.port) for media in described.media] == [("audio", 0)]
    assert described.media[0].formats == ("0", "8", "101")
    assert {attribute.value for attribute in described.media[0].all("rtpmap")} == {
        "0 PCMU/8000",
        "8 PCMA/8000",
        "101 telephone-event/8000",
    }
    assert [(time.start, time.stop) for time in described.times] == [(0, 0)]
    return described.origin.session_id


@pytest.mark.req("OA-31", "REG-8")
async def test_options_tell_codecs_and_ice_and_touch_no_call() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("bob"), log) as phone:
        assert (await options(phone)).status == 480
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp())
        call = await waiting
        await call.accept(LISTEN)
        answer = await peer.receive_response(200)
        dialog = Dialog.of_caller(invite, answer)
        peer.ack(dialog, invite)
        await call.established()
        ids = set()
        for _ in range(3):
            response = await options(phone)
            assert response.status == 200
            assert response.contacts[0].param("+sip.ice") == ""
            assert "ice" not in response.headers.tokens("supported")
            ids.add(check_capabilities(response))
        assert len(ids) == 3
        again = peer.ask(dialog, "INVITE", peer.sdp())
        refreshed = await peer.receive_response(200)
        peer.ack(dialog, again)
        assert session_of(refreshed) == session_of(answer)
        assert call.state == "established"
        call.hang_up()
        await peer.finish()
        await call.ended()


async def test_options_that_take_no_sdp_get_none() -> None:
    async with Phone(account("bob"), EventLog()) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        response = await options(phone, ("Accept", "text/plain"))
        assert (response.status, response.body) == (200, b"")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.req("OA-31")
async def test_a_488_tells_which_codecs_there_are() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("bob"), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        peer.call(phone.addresses[0], peer.sdp(formats="18"))
        call = await waiting
        await call.accept(LISTEN)
        check_capabilities(await peer.receive_response(488))
        result = await call.ended()
    assert result.sip_code == 488


@pytest.mark.req("REG-8")
async def test_the_registrar_learns_that_the_phone_speaks_ice() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice", registrar=str(peer.uri)), log) as phone:
        registering = asyncio.ensure_future(phone.register(expires=300))
        request = await peer.receive_request("REGISTER")
        assert request.contacts[0].param("+sip.ice") == ""
        assert "ice" not in request.headers.tokens("supported")
        contact = ("Contact", request.contacts[0].with_param("expires", "300"))
        peer.send(make_response(request, 200, to_tag="registrar", headers=Headers.of(contact)))
        closing = asyncio.ensure_future((await registering).close())
        peer.send(make_response(await peer.receive_request("REGISTER"), 200, to_tag="registrar"))
        await closing


@pytest.mark.req("UAS-10")
async def test_more_calls_than_may_wait_are_told_that_we_are_busy_and_nothing_answers_by_itself() -> None:
    log = EventLog()
    bob = account("bob", calls=CallsSettings(max_calls=3))
    async with media_peer() as peer, Phone(bob, log) as phone:
        peer.call(phone.addresses[0], peer.sdp())
        await peer.receive_response(480)
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        for _ in range(3):
            peer.call(phone.addresses[0], peer.sdp())
            await peer.receive_response(180)
        assert (await options(phone)).status == 486
        peer.call(phone.addresses[0], peer.sdp())
        await peer.receive_response(486)
        first = await waiting
        assert await peer.silent(0.3, "200")
        first.reject(486)
        await peer.receive_response(486)
