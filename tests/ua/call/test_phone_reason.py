"""Why calls end, and who the network says is calling (RFC 3326, RFC 3325)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.test_phone_refer import called
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.call.incoming import IncomingCall
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


async def ringing(phone: Phone, peer: MediaPeer, *rows: tuple[str, str]) -> tuple[IncomingCall, Request]:
    uri = next(each for each in phone.addresses if "transport" not in each)
    coming = asyncio.ensure_future(anext(phone.incoming()))
    await asyncio.sleep(0)
    invite = peer.call(uri, peer.sdp(), *rows)
    await peer.receive_response(180)
    return await coming, invite


def cancel(peer: MediaPeer, invite: Request, reason: str) -> None:
    headers = invite.headers.only("via", "from", "to", "call-id")
    rows = Headers.of(*headers, ("CSeq", "1 CANCEL"), ("Reason", reason))
    peer.send(Request(method="CANCEL", uri=invite.uri, headers=rows))


@pytest.mark.req("EXT-5")
@pytest.mark.parametrize(
    ("reason", "elsewhere", "told"),
    [
        (ELSEWHERE, True, "another phone took the call"),
        ("Q.850;cause=16", False, "the caller gave up before we answered: Q.850 16"),
    ],
)
async def test_why_a_call_stops_ringing(reason: str, elsewhere: bool, told: str) -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        call, invite = await ringing(phone, peer)
        cancel(peer, invite, reason)
        result = await call.ended()
        assert (call.taken_elsewhere, result.error, result.sip_code) == (elsewhere, told, 487)


@pytest.mark.req("EXT-5")
async def test_why_a_call_is_hung_up() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        leg = call._leg
        peer.ask(dialog, "BYE", b"", ("Reason", 'Q.850;cause=16;text="Terminated"'))
        await peer.receive_response(200)
        assert leg is not None
        assert (await leg.ended).reason == "Terminated (Q.850 16)"
        await call.ended()


@pytest.mark.req("EXT-5")
async def test_who_the_network_says_is_calling() -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        rows = (
            ("P-Asserted-Identity", "<sip:alice@example.com>"),
            ("Privacy", "id"),
            ("Resource-Priority", "ets.0, Q735.Flash, nothing"),
            ("Resource-Priority", "ets.1"),
        )
        call, _ = await ringing(phone, peer, *rows)
        assert [str(each.uri) for each in call.identity.asserted] == ["sip:alice@example.com"]
        assert call.identity.hidden
        assert [str(each) for each in call.priorities] == ["ets.0", "q735.flash"]
        call.reject(486)
        await call.ended()


@pytest.mark.req("EXT-5")
async def test_nobody_publishes_here() -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        uri = next(each for each in phone.addresses if "transport" not in each)
        peer.request_outside(uri, "PUBLISH", ("Event", "presence"))
        refused = await peer.receive_response(405)
        assert "publish" not in refused.headers.tokens("allow")
        assert "invite" in refused.headers.tokens("allow")
