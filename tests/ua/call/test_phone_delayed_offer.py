"""Calls that leave the offer to the other side (RFC 3261 §13.2.1, RFC 6337 §2.2)."""

from __future__ import annotations

import pytest

from sdp.syntax import parser
from tests.ua.peer import media_peer
from tests.ua.phones import account, pair
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone

ASK = MediaPlan(source=Tone(hz=440), leaves_offer=True)


@pytest.mark.req("sdp.md:OA-7", "sip.md:OA-1")
async def test_the_ack_answers_the_offer_of_the_200() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), ASK)
        invite = await peer.receive_request("INVITE")
        assert invite.body == b""
        peer.accept(invite, peer.sdp(formats="8"))
        ack = await peer.receive_request("ACK")
        assert parser.parse(ack.body).media[0].formats == ("8",)
        await call.established()
        await peer.hear(8)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


@pytest.mark.req("UAC-14", "sdp.md:OA-28")
async def test_an_offer_that_cannot_be_taken_is_answered_with_ports_zero_and_the_call_ends() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), ASK)
        invite = await peer.receive_request("INVITE")
        peer.accept(invite, peer.sdp(formats="99"))
        ack = await peer.receive_request("ACK")
        answer = parser.parse(ack.body)
        assert [media.port for media in answer.media] == [0]
        await peer.finish()
        result = await call.ended()
    assert result.result is ResultCode.NO_MEDIA_PATH
    assert "leaves no media" in str(result.error)


async def test_a_200_without_an_offer_ends_the_call() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), ASK)
        peer.answer(await peer.receive_request("INVITE"), 200, tag="peer")
        await peer.receive_request("ACK")
        await peer.finish()
        assert (await call.ended()).result is ResultCode.NO_MEDIA_PATH


@pytest.mark.req("SDP-ICE-36", "GLU-1")
async def test_two_phones_of_ours_exchange_them_before_anybody_is_alerted() -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(ASK)
        assert any(line.startswith("PRACK") for line in phones.messages("alice", "out"))
        await ringing.accept(MediaPlan(source=Echo()))
        await call.established()
        await ringing.established()
        call.hang_up()
        assert (await call.ended()).result is ResultCode.OK
        assert (await ringing.ended()).result is ResultCode.OK
