"""Keys pressed in calls, by INFO (RFC 6086 §3)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.keys import talking
from tests.ua.call.test_phone_refer import called, hang_up
from tests.ua.call.three_phones import TALK
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account, pair
from ua.call.call import Call
from ua.call.state import CallState
from ua.errors import CallRejected, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.dialog import Dialog

RELAY = "application/dtmf-relay"


@pytest.mark.req("INF-1")
async def test_keys_by_info_from_phone_to_phone() -> None:
    async with pair() as phones:
        call, answered = await talking(phones)
        await asyncio.gather(call.send_dtmf("1#", by="info"), answered.send_dtmf("d", by="info"))
        assert (answered.digits, call.digits) == ("1#", "D")
        pressed = [entry.data for entry in phones.log.entries if entry.name == "digit"]
        assert [
            (data["key"], data["duration_ms"], data["way"]) for data in pressed if data["key"] != "D"
        ] == [
            ("1", 100, "info"),
            ("#", 100, "info"),
        ]
        with pytest.raises(UsageError, match="'X'"):
            await call.send_dtmf("1x")
        with pytest.raises(UsageError, match="INFO"):
            await call.send_dtmf("!", by="info")


async def answering_info(phone: Phone, peer: MediaPeer) -> tuple[Call, Dialog]:
    call = await phone.place(str(peer.uri), TALK)
    invite = await peer.receive_request("INVITE")
    rows = (("Content-Type", "application/sdp"), ("Allow", "INVITE, ACK, BYE, INFO"))
    peer.answer(invite, 200, *rows, body=peer.sdp())
    await peer.receive_request("ACK")
    await call.established()
    return call, Dialog.of_callee(invite, "peer")


@pytest.mark.req("INF-1")
async def test_one_info_at_a_time_and_the_other_type_where_the_first_is_unknown() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, _ = await answering_info(phone, peer)
        pressing = asyncio.gather(call.send_dtmf("5", by="info"), call.send_dtmf("6", by="info"))
        info = await peer.receive_request("INFO")
        assert "info-package" not in info.headers
        assert (info.content_type, info.body) == (RELAY, b"Signal=5\r\nDuration=100\r\n")
        assert await peer.silent(0.01, "INFO")
        peer.answer(info, 415)
        again = await peer.receive_request("INFO")
        assert (again.content_type, again.body) == ("application/dtmf", b"5")
        peer.answer(again, 200)
        other = await peer.receive_request("INFO")
        assert other.body == b"6"
        peer.answer(other, 503)
        with pytest.raises(CallRejected):
            await pressing
        assert call.state is CallState.ESTABLISHED
        await hang_up(call, peer)


@pytest.mark.req("INF-1")
async def test_a_peer_that_takes_no_info() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, _ = await called(phone, peer)
        with pytest.raises(UsageError, match="Allow"):
            await call.send_dtmf("1", by="info")
        await hang_up(call, peer)


@pytest.mark.req("INF-1", "INF-2", "DLG-12")
async def test_what_an_info_gets() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await called(phone, peer)
        for status, rows, body in (
            (200, [], b""),
            (200, [("Content-Type", RELAY)], b"Signal=7\r\nDuration=100\r\n"),
            (200, [("Content-Type", "application/dtmf")], b"8"),
            (400, [("Content-Type", RELAY)], b"Signal=\r\n"),
            (415, [("Content-Type", "application/x-keys")], b"9"),
            (469, [("Info-Package", "keys"), ("Content-Type", RELAY)], b"Signal=9\r\n"),
        ):
            peer.ask(dialog, "INFO", body, *rows)
            answer = await peer.receive_response(status)
            if status == 415:
                assert answer.headers.tokens("accept") == {RELAY, "application/dtmf"}
            if status == 469:
                assert answer.headers.tokens("recv-info") == {"trickle-ice"}
        peer.ask(dialog, "PUBLISH")
        await peer.receive_response(405)
        assert call.digits == "78"
        assert call.state is CallState.ESTABLISHED, "none of them ends the call"
        await hang_up(call, peer)
