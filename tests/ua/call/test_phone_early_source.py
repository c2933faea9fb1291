"""A phone that is heard before it answers: announcements of our own (RFC 3960)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.rtp import packet as rtp
from sdp.syntax import parser
from tests.tones import share_of_power
from tests.ua.call.test_phone_early_reply import until
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import Pair, account, pair
from ua.call.incoming import IncomingCall
from ua.call.outgoing import OutgoingCall
from ua.config.calls import CallsSettings
from ua.errors import ResultCode, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Silence, Tone, WavFile
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request

EARLY, LATER = 440.0, 1000.0
RELIABLE = ("Supported", "100rel")


def tones(file: Path) -> list[tuple[float, float]]:
    """Shares of the early tone and of the later one, in each fifth of a second of a recording."""
    audio = file.read_bytes()[44:]
    size = 16_000 // 5
    parts = [audio[at : at + size] for at in range(0, len(audio) - size, size)]
    return [(share_of_power(part, EARLY, 8000), share_of_power(part, LATER, 8000)) for part in parts]


def is_heard(file: Path, number: int) -> bool:
    """Whether one of the two tones was there."""
    return any(shares[number] > 0.9 for shares in tones(file))


async def finish(call: OutgoingCall, ring: IncomingCall) -> list[ResultCode]:
    call.hang_up()
    return [each.result for each in await asyncio.gather(call.ended(), ring.ended())]


CALLERS: dict[str, dict[str, object]] = {
    "ice": {},
    "plain": {"ice_enabled": False},
    "sdes": {"srtp": "sdes", "srtp_over_plain_sip": True},
    "unreliable": {"reliable": "never"},
}


@pytest.mark.parametrize("caller", CALLERS)
async def test_the_caller_hears_one_tone_before_the_answer_and_another_after_it(
    caller: str, tmp_path: Path
) -> None:
    heard, recorded = tmp_path / "heard.wav", tmp_path / "recorded.wav"
    changes = CALLERS[caller]
    callee: dict[str, object] = {"srtp_over_plain_sip": True, "srtp": "sdes"} if caller == "sdes" else {}
    async with pair(alice=account("alice", **changes), bob=account("bob", **callee)) as phones:
        call, ring = await phones.ring(MediaPlan(source=Tone(hz=600), record=heard))
        assert await ring.play_early(Tone(hz=EARLY))
        await until(lambda: is_heard(heard, 0))
        assert (call.state, ring.state) == ("ringing", "ringing")
        await ring.accept(MediaPlan(source=Tone(hz=LATER), record=recorded))
        await asyncio.gather(call.established(), ring.established())
        await until(lambda: is_heard(heard, 1))
        assert await finish(call, ring) == [ResultCode.OK, ResultCode.OK]
    shares = tones(heard)
    first = next(number for number, (_, later) in enumerate(shares) if later > 0.9)
    assert all(early < 0.1 for early, _ in shares[first:]), "the announcement ends with the answer"
    assert recorded.stat().st_size > 0
    assert _statuses(phones)[-1].startswith("SIP/2.0 200")
    assert any(status.startswith("SIP/2.0 183") for status in _statuses(phones))


def _statuses(phones: Pair) -> list[str]:
    return [
        str(entry.data["text"]).split("\r\n", 1)[0]
        for entry in phones.log.entries
        if (entry.party, entry.source, entry.name) == ("bob", "sip", "message")
        and entry.data["direction"] == "out"
        and " INVITE\r\n" in str(entry.data["text"])
    ]


async def test_a_call_that_is_heard_may_be_refused_or_given_up() -> None:
    for refused in (True, False):
        async with pair() as phones:
            call, ring = await phones.ring(MediaPlan())
            assert await ring.play_early(Tone(hz=EARLY))
            await until(lambda: any(entry.name == "ringback" for entry in phones.log.entries))
            if refused:
                ring.reject(486)
            else:
                call.hang_up()
            caller, callee = await asyncio.gather(call.ended(), ring.ended())
            assert caller.sip_code == (486 if refused else None)
            assert callee.sip_code == (486 if refused else 487)
            with pytest.raises(UsageError, match="does not ring"):
                await ring.play_early(Tone(hz=EARLY))


async def test_another_announcement_follows_and_a_file_that_is_not_there_changes_nothing(
    tmp_path: Path,
) -> None:
    heard = tmp_path / "heard.wav"
    async with pair() as phones:
        call, ring = await phones.ring(MediaPlan(record=heard))
        assert await ring.play_early(Tone(hz=EARLY))
        await until(lambda: is_heard(heard, 0))
        with pytest.raises(UsageError):
            await ring.play_early(WavFile(path=tmp_path / "none.wav"))
        assert await ring.play_early(Tone(hz=LATER))
        await until(lambda: is_heard(heard, 1))
        await ring.accept(MediaPlan(source=Echo()))
        await asyncio.gather(call.established(), ring.established())
        assert await finish(call, ring) == [ResultCode.OK, ResultCode.OK]


async def plain_call(
    peer: MediaPeer, phone: Phone, *rows: tuple[str, str], body: bytes | None = None
) -> tuple[Request, IncomingCall]:
    """A peer without ICE has called; who leaves the offer to us says so by an empty body."""
    waiting = asyncio.ensure_future(anext(phone.incoming()))
    await asyncio.sleep(0)
    invite = peer.call(phone.addresses[0], peer.sdp() if body is None else body, *rows)
    return invite, await asyncio.wait_for(waiting, 10)


async def test_a_peer_without_ice_and_without_100rel_is_told_once() -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        invite, call = await plain_call(peer, phone)
        assert await call.play_early(Tone(hz=EARLY))
        told = await peer.receive_response(183)
        assert rtp.parse(await peer.hear(0)).payload
        with pytest.raises(TimeoutError):
            await peer.receive("183", 1.2)
        await call.accept(MediaPlan(source=Tone(hz=LATER)))
        answer = await peer.receive_response(200)
        assert session_of(answer) == told.body
        peer.ack(Dialog.of_caller(invite, answer), invite)
        await call.established()
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.MEDIA_ONE_WAY, "it has said nothing itself"


async def test_who_leaves_the_offer_to_us_hears_us_after_its_prack_and_else_not_at_all() -> None:
    calls = CallsSettings(early_answer=False)
    for reliable in (True, False):
        async with media_peer() as peer, Phone(account("bob", calls=calls), EventLog()) as phone:
            invite, call = await plain_call(peer, phone, *([RELIABLE] if reliable else []), body=b"")
            playing = asyncio.ensure_future(call.play_early(Tone(hz=EARLY)))
            assert await playing is reliable
            if reliable:
                offered = await peer.receive_response(183)
                assert parser.parse(offered.body).media[0].port
                rack = f"{offered.headers.first('rseq')} {invite.cseq.number} INVITE"
                peer.ask(Dialog.of_caller(invite, offered), "PRACK", peer.sdp(), ("RAck", rack))
                await peer.hear(0)
            call.reject(486)
            await peer.receive_response(486)
            await call.ended()


async def test_the_path_that_was_told_cannot_be_changed_by_the_answer() -> None:
    async with pair() as phones:
        call, ring = await phones.ring(MediaPlan())
        assert await ring.play_early(Silence())
        await ring.accept(MediaPlan(path="tcp"))
        caller, callee = await asyncio.gather(call.ended(), ring.ended())
        assert caller.result is not ResultCode.OK
        assert callee.result is ResultCode.USAGE


async def test_over_tcp_without_ice_nothing_is_heard_before_the_answer() -> None:
    async with pair() as phones:
        call, ring = await phones.ring(MediaPlan(media="tcp"))
        assert not await ring.play_early(Tone(hz=EARLY))
        await ring.accept(MediaPlan(source=Tone(hz=LATER)))
        await asyncio.gather(call.established(), ring.established())
        assert await finish(call, ring) == [ResultCode.OK, ResultCode.OK]


async def test_an_offer_without_anything_for_us_is_refused_when_it_is_answered() -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        body = peer.sdp().replace(b"m=audio", b"m=video")
        _, call = await plain_call(peer, phone, body=body)
        assert not await call.play_early(Tone(hz=EARLY))
        await call.accept(MediaPlan())
        await peer.receive_response(488)
        assert (await call.ended()).sip_code == 488
