"""A third party in the signalling: controllers that ask for offers, borders that rewrite or strip SDP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest

from tests.ua.call.media_legs import answered, media_leg
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.syntax.body import session_of

STAY = MediaPlan(source=Tone(hz=440))


def value(body: bytes | None, name: str) -> str:
    return next(
        line.partition(":")[2]
        for line in (body or b"").decode().split("\r\n")
        if line.startswith(f"a={name}:")
    )


@pytest.mark.req("SDP-ICE-40", "ICETCP-12-1")
async def test_reinvite_without_offer_restarts_ice_and_media_goes_on() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone, media_leg() as leg:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        first = session_of(invite)
        dialog = peer.accept(invite, await answered(leg, first))
        leg.descriptions.answer_sent()
        await asyncio.gather(leg.start(), call.established())
        again = peer.ask(dialog, "INVITE")
        response = await peer.receive_response(200)
        offer = session_of(response)
        for name in ("ice-ufrag", "ice-pwd"):
            assert value(offer, name) != value(first, name)
        peer.ack(dialog, again, await answered(leg, offer))
        leg.descriptions.answer_sent()
        async with asyncio.timeout(10):
            while sum(entry.name == "path_selected" for entry in log.entries) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert call.statistics is not None
        heard = call.statistics.received.packets
        await asyncio.sleep(0.3)
        assert call.statistics.received.packets > heard
        assert any(entry.name == "unprotected" for entry in log.entries)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


def stripped(body: bytes) -> bytes:
    return b"".join(
        line + b"\r\n"
        for line in body.split(b"\r\n")
        if line and not line.startswith((b"a=ice", b"a=candidate", b"a=end-of", b"a=mid"))
    )


def relayed(body: bytes) -> bytes:
    """Only m= is rewritten, as by a border that knows no ICE."""
    return re.sub(rb"m=audio [0-9]+", b"m=audio 4321", body)


@pytest.mark.req("SDP-ICE-39")
@pytest.mark.parametrize("border", [stripped, relayed])
async def test_borders_that_strip_or_rewrite_leave_a_call_without_ice(
    border: Callable[[bytes], bytes],
) -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone, media_leg() as leg:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        answer = await answered(leg, border(session_of(invite) or b""))
        assert b"a=candidate" not in answer
        peer.accept(invite, border(answer))
        leg.descriptions.answer_sent()
        await call.established()
        call.hang_up()
        await peer.finish()
        result = await call.ended()
    assert result.ice is not None
    assert result.ice.state == "off"
    assert result.result is ResultCode.OK
