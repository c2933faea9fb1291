"""Keys pressed in calls that go through media: telephone events (RFC 4733) and tones."""

from __future__ import annotations

import asyncio

import pytest

from media.dtmf.keys import DIGITS
from media.dtmf.report import EventReport, parse
from media.rtp import packet as rtp
from tests.ua.call.keys import EVENTS, lose, once, talking, until_digits
from tests.ua.call.test_phone_refer import called, hang_up
from tests.ua.call.three_phones import TALK
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account, pair
from ua.call.call import Call
from ua.errors import Interrupted, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.dialog import Dialog


@pytest.mark.req("DTMF-2", "DTMF-4", "DTMF-SDP-4")
@pytest.mark.parametrize("lost", [1, 3, 7, 40])
async def test_all_digits_both_ways_with_a_lost_packet(lost: int) -> None:
    async with pair() as phones:
        call, answered = await talking(phones)
        paths = [lose(call, lost), lose(answered, lost)]
        await asyncio.gather(call.send_dtmf(DIGITS), answered.send_dtmf(DIGITS))
        await asyncio.gather(until_digits(call, DIGITS), until_digits(answered, DIGITS))
        assert (call.digits, answered.digits) == (DIGITS, DIGITS)
        assert all(path.events > lost for path in paths)
        told = [entry.data["way"] for entry in phones.log.entries if entry.name == "digit"]
        assert told == ["rfc4733"] * 32
        sent = [entry.data for entry in phones.log.entries if entry.name == "digits_sent"]
        assert [(data["keys"], data["way"], data["problem"]) for data in sent] == [
            (DIGITS, "rfc4733", "")
        ] * 2


@pytest.mark.req("DTMF-6")
async def test_digits_as_tones() -> None:
    async with pair(alice=account("alice", dtmf="inband"), bob=account("bob", dtmf="inband")) as phones:
        call, answered = await talking(phones)
        await asyncio.gather(call.send_dtmf("19*#A"), answered.send_dtmf("0D"))
        await asyncio.gather(until_digits(answered, "19*#A"), until_digits(call, "0D"))
        await asyncio.sleep(0.2)
        assert (once(answered.digits), once(call.digits)) == ("19*#A", "0D")


async def test_what_is_said_of_keys_in_the_media_shows_none_of_them() -> None:
    async with pair() as phones:
        call, answered = await talking(phones)
        await call.send_dtmf("5")
        await until_digits(answered, "5")
        heard = [entry.data for entry in phones.log.entries if entry.name == "key_heard"]
        assert len(heard) == 1
        assert "key" not in heard[0]


async def with_events(phone: Phone, peer: MediaPeer, *rows: tuple[str, str]) -> tuple[Call, Dialog]:
    """A call to a peer that takes events 0 to 11 under number 96."""
    call = await phone.place(str(peer.uri), TALK)
    invite = await peer.receive_request("INVITE")
    content = ("Content-Type", "application/sdp")
    peer.answer(invite, 200, content, *rows, body=peer.sdp(*EVENTS, formats="0 96"))
    await peer.receive_request("ACK")
    await call.established()
    return call, Dialog.of_callee(invite, "peer")


@pytest.mark.req("DTMF-SDP-3", "DTMF-SDP-4", "DTMF-1")
async def test_the_number_and_the_list_are_those_of_the_peer() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, _ = await with_events(phone, peer)
        for keys in ("A", "1A", "!"):
            with pytest.raises(UsageError, match="none of these digits"):
                await call.send_dtmf(keys, by="rfc4733")
        sending = asyncio.ensure_future(call.send_dtmf("#", duration_ms=60))
        first = rtp.parse(await peer.hear(96))
        assert first.marker
        await sending
        last = [rtp.parse(packet) for packet in peer.packets()]
        ends = [parse(packet.payload)[0] for packet in last if packet.payload_type == 96][-1]
        assert ends == EventReport(event=11, end=True, duration=480)
        await hang_up(call, peer)


@pytest.mark.req("DTMF-4")
async def test_a_peer_that_sends_each_digit_twice_presses_once() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call, dialog = await with_events(phone, peer)
        media = rtp.parse(await peer.hear(0))
        session = call._standing_media().keys._session
        assert session is not None
        assert media.ssrc == session.ssrc
        number = session._receiver.keys.payload_types
        assert set(number.values()) == {8000}
        for count, key in enumerate("1122"):
            peer.ask(dialog, "INFO", key.encode(), ("Content-Type", "application/dtmf"))
            await peer.receive_response(200)
            for copy in range(3):
                session.inbox.add(
                    rtp.build(
                        payload_type=next(iter(number)), marker=not copy, sequence=100 + 3 * count + copy,
                        timestamp=1600 * count, ssrc=1,
                        payload=EventReport(event=int(key), end=True, duration=800).pack(),
                    ),
                    asyncio.get_running_loop().time(),
                )  # fmt: skip
        assert call.digits == "1122"
        await hang_up(call, peer)


@pytest.mark.req("DTMF-SDP-4", "DTMF-6")
async def test_a_peer_that_knows_neither_events_nor_info_hears_tones() -> None:
    async with media_peer() as peer, Phone(account("alice"), log := EventLog()) as phone:
        call, _ = await called(phone, peer)
        await call.send_dtmf("5")
        assert [entry.data["way"] for entry in log.entries if entry.name == "digits_sent"] == ["inband"]
        with pytest.raises(UsageError, match="no way"):
            await call.send_dtmf("!")
        for way in ("info", "rfc4733"):
            with pytest.raises(UsageError):
                await call.send_dtmf("5", by=way)
        await hang_up(call, peer)


@pytest.mark.req("DTMF-SDP-4")
async def test_a_peer_that_refuses_digits_by_info_hears_tones() -> None:
    async with media_peer() as peer, Phone(account("alice"), log := EventLog()) as phone:
        call = await phone.place(str(peer.uri), TALK)
        invite = await peer.receive_request("INVITE")
        rows = (("Content-Type", "application/sdp"), ("Allow", "INVITE, ACK, BYE, INFO"))
        peer.answer(invite, 200, *rows, body=peer.sdp())
        await peer.receive_request("ACK")
        await call.established()
        pressing = asyncio.ensure_future(call.send_dtmf("5"))
        for _ in range(2):
            peer.answer(await peer.receive_request("INFO"), 415)
        await pressing
        assert [entry.data["way"] for entry in log.entries if entry.name == "digits_sent"] == ["inband"]
        await hang_up(call, peer)


@pytest.mark.req("DTMF-9")
async def test_digits_in_media_that_is_not_encrypted_are_warned_of_once() -> None:
    for srtp, warnings in (("off", 1), ("sdes", 0)):
        keys = {"srtp": srtp, "srtp_over_plain_sip": True}
        async with pair(alice=account("alice", **keys), bob=account("bob", **keys)) as phones:
            call, answered = await talking(phones)
            await call.send_dtmf("1")
            await call.send_dtmf("2")
            await until_digits(answered, "12")
            assert answered.digits == "12"
            told = [str(entry.data["reason"]) for entry in phones.log.entries if entry.name == "unprotected"]
            assert len([reason for reason in told if "digits" in reason]) == warnings


async def test_a_call_that_ends_ends_the_pressing() -> None:
    async with pair() as phones:
        call, answered = await talking(phones)
        pressing = asyncio.ensure_future(call.send_dtmf("1234567890" * 10))
        await until_digits(answered, "1")
        answered.hang_up()
        with pytest.raises(Interrupted):
            await asyncio.wait_for(pressing, 15)
        with pytest.raises(UsageError):
            await call.send_dtmf("1")


async def test_too_many_at_once() -> None:
    async with pair() as phones:
        call, _ = await talking(phones)
        with pytest.raises(UsageError, match="too many"):
            await call.send_dtmf("1" * 300)
        with pytest.raises(UsageError, match="is no"):
            await call.send_dtmf("1", duration_ms=10)
