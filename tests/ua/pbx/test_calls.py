"""Calls between phones that registered with the PBX, and with its own numbers."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.tones import share_of_power
from tests.ua.call.keys import once
from tests.ua.pbx.line import DOMAIN, USERS, Line, line
from ua.call.call import Call
from ua.call.incoming import IncomingCall
from ua.config.dtmf import DtmfChoice
from ua.errors import ResultCode
from ua.pbx.config import PbxConfig
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.transport.tls.config import TlsConfig

STAY = MediaPlan(source=Tone(hz=440))


async def connect(caller: Phone, callee: Phone, user: str, *plans: MediaPlan) -> tuple[Call, IncomingCall]:
    """A call between two phones that has media; `plans` are of the caller and of the callee."""
    ringing = asyncio.ensure_future(anext(callee.incoming()))
    await asyncio.sleep(0)
    ours, theirs = plans or (STAY, STAY)
    call = await caller.place(f"sip:{user}@{DOMAIN}", ours)
    answered = await asyncio.wait_for(ringing, 10)
    await answered.accept(theirs)
    await call.established()
    await answered.established()
    return call, answered


def tone_in(file: Path, hz: float) -> float:
    """Share of a tone in a recording."""
    with wave.open(str(file)) as recording:
        rate = recording.getframerate()
        pcm = recording.readframes(recording.getnframes())
    return share_of_power(pcm[rate // 2 :], hz, rate)


@pytest.mark.req("PBX-4")
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "ws", "wss"])
async def test_two_phones_register_and_hear_each_other(transport: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue(dns=[DOMAIN], addresses=["127.0.0.1"])
    tls = TlsConfig(ca_file=authority.certificate, certificate=own.certificate, key=own.key)
    trust = {"tls": TlsConfig(ca_file=authority.certificate)}
    heard = tmp_path / "a.wav", tmp_path / "b.wav"
    plans = (
        MediaPlan(source=Tone(hz=440), record=heard[0], duration_s=1.0),
        MediaPlan(source=Tone(hz=1000), record=heard[1]),
    )
    async with (
        line(tls=tls, ws_port=0, wss_port=0) as pbx,
        pbx.phone("alice", transport, **trust) as alice,
        pbx.phone("bob", transport, **trust) as bob,
    ):
        call, answered = await connect(alice, bob, "bob", *plans)
        assert (await call.ended()).result is ResultCode.OK
        assert (await answered.ended()).result is ResultCode.OK
        await pbx.idle()
        used = {
            entry.data["transport"]
            for entry in pbx.log.entries
            if (entry.party, entry.name) == ("pbx", "message")
        }
        assert used == {transport} if transport != "udp" else used <= {"udp", "tcp"}
    assert tone_in(heard[0], 1000) > 0.8
    assert tone_in(heard[1], 440) > 0.8


@pytest.mark.req("PBX-4")
async def test_a_call_is_held_and_taken_up_again() -> None:
    async with line() as pbx, pbx.phone("alice") as alice, pbx.phone("bob") as bob:
        call, answered = await connect(alice, bob, "bob")
        await call.hold()
        assert answered.hold_state.name == "HELD"
        await call.resume()
        assert answered.hold_state.name == "NONE"
        call.hang_up()
        await answered.ended()
        await call.ended()
        await pbx.idle()


@pytest.mark.req("PBX-4")
async def test_a_transfer_passes_through_with_what_becomes_of_it() -> None:
    async with (
        line() as pbx,
        pbx.phone("alice") as alice,
        pbx.phone("bob", accept_transfers="always") as bob,
        pbx.phone("carol") as carol,
    ):
        call, at_bob = await connect(alice, bob, "bob")
        ringing = asyncio.ensure_future(anext(carol.incoming()))
        await asyncio.sleep(0)
        transfer = asyncio.ensure_future(call.transfer(f"sip:carol@{DOMAIN}"))
        at_carol = await asyncio.wait_for(ringing, 10)
        await at_carol.accept(STAY)
        result = await asyncio.wait_for(transfer, 10)
        assert (result.done, result.status) == (True, 200)
        await call.ended()
        await at_bob.ended()
        assert at_bob.successor is not None
        await at_carol.established()
        notifies = [text for text in pbx.texts("alice", "in") if text.startswith("NOTIFY")]
        assert [text.rpartition("\r\n\r\n")[2].strip() for text in notifies] == [
            "SIP/2.0 100 Trying",
            "SIP/2.0 200 OK",
        ]
        await _end(pbx, at_carol)


@pytest.mark.req("PBX-4")
async def test_an_attended_transfer_names_the_dialog_of_the_other_leg() -> None:
    async with (
        line() as pbx,
        pbx.phone("alice") as alice,
        pbx.phone("bob", accept_transfers="always") as bob,
        pbx.phone("carol", accept_transfers="always") as carol,
    ):
        call, at_bob = await connect(alice, bob, "bob")
        asked, at_carol = await connect(alice, carol, "carol")
        result = await asyncio.wait_for(call.transfer_to(asked), 10)
        assert (result.done, result.status) == (True, 200)
        for ended in (call, asked, at_bob, at_carol):
            await asyncio.wait_for(ended.ended(), 10)
        left = at_carol.successor
        assert left is not None
        await left.established()
        await _end(pbx, left)


async def _end(pbx: Line, call: Call) -> None:
    call.hang_up()
    await call.ended()
    await pbx.idle()


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def test_all_who_call_602_hear_each_other_and_not_themselves(tmp_path: Path) -> None:
    tones = {"alice": 440.0, "bob": 1000.0}
    async with line() as pbx, pbx.phone("alice", codecs=("PCMU",)) as alice, pbx.phone("bob") as bob:
        calls = [
            await phone.place(
                f"sip:602@{DOMAIN}", MediaPlan(source=Tone(hz=tones[user]), record=tmp_path / f"{user}.wav")
            )
            for user, phone in (("alice", alice), ("bob", bob))
        ]
        for call in calls:
            await call.established()
        async with asyncio.timeout(20):
            while any(size(tmp_path / f"{user}.wav") < 32_000 for user in tones):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.05)
        for call in calls:
            call.hang_up()
            await call.ended()
    for user, other in (("alice", "bob"), ("bob", "alice")):
        assert tone_in(tmp_path / f"{user}.wav", tones[other]) > 0.5
        assert tone_in(tmp_path / f"{user}.wav", tones[user]) < 0.02


@pytest.mark.parametrize("number", ["600", "601", "604", "608", "609"])
async def test_the_numbers_that_answer(number: str, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    plan = MediaPlan(source=Tone(hz=440), record=heard, duration_s=None if number == "608" else 1.0)
    config = PbxConfig(domain=DOMAIN, users=USERS, recordings=tmp_path)
    async with line(config) as pbx, pbx.phone("alice") as alice:
        call = await alice.place(f"sip:{number}@{DOMAIN}", plan)
        result = await asyncio.wait_for(call.ended(), 10)
        assert result.result is ResultCode.OK
        await pbx.idle()
    if number == "608":
        assert 4500 < (result.duration_ms or 0) < 6500
    if number == "609":
        assert tone_in(tmp_path / "pbx-1.wav", 440) > 0.8
    else:
        assert tone_in(heard, 440 if number in ("600", "604") else 1000) > 0.8


async def test_the_number_that_nobody_answers() -> None:
    config = PbxConfig(domain=DOMAIN, users=USERS, ring_s=0.3)
    async with line(config) as pbx, pbx.phone("alice") as alice:
        for gives_up in (True, False):
            call = await alice.place(f"sip:607@{DOMAIN}", STAY)
            if gives_up:
                await asyncio.sleep(0.1)
                call.hang_up()
            result = await asyncio.wait_for(call.ended(), 10)
            assert result.sip_code == (None if gives_up else 480)
            await pbx.idle()


async def test_a_message_reaches_a_user() -> None:
    async with line() as pbx, pbx.phone("alice") as alice, pbx.phone("bob") as bob:
        heard = asyncio.ensure_future(anext(bob.messages()))
        await asyncio.sleep(0)
        outcome = await alice.message(f"sip:bob@{DOMAIN}", "hello")
        assert outcome.status == 200
        text = await asyncio.wait_for(heard, 10)
        assert (text.text, text.sender) == ("hello", f"sip:alice@{DOMAIN}")
        assert (await alice.message(f"sip:carol@{DOMAIN}", "hello")).status == 480


@pytest.mark.parametrize("way", ["rfc4733", "info", "inband"])
async def test_603_sends_back_what_is_pressed_the_way_it_came(way: DtmfChoice) -> None:
    async with line() as pbx, pbx.phone("alice", dtmf=way) as alice:
        call = await alice.place(f"sip:603@{DOMAIN}", MediaPlan())
        await call.established()
        pressed = ""
        for keys in ("19*", "#0"):
            await call.send_dtmf(keys)
            pressed += keys
            async with asyncio.timeout(15):
                while once(call.digits) != pressed:  # noqa: ASYNC110 - as who looks on
                    await asyncio.sleep(0.02)
        told = {entry.data["way"] for entry in pbx.log.entries if entry.name in ("digit", "digits_sent")}
        assert told == {way}
        await _end(pbx, call)


async def test_605_is_heard_before_it_answers(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    async with line() as pbx, pbx.phone("alice") as alice:
        call = await alice.place(f"sip:605@{DOMAIN}", MediaPlan(record=heard))
        async with asyncio.timeout(15):
            while not (size(heard) > 10_000 and tone_in(heard, 440) > 0.8):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.05)
        assert call.state == "ringing"
        await call.established()
        before = size(heard)
        async with asyncio.timeout(15):
            while size(heard) < before + 24_000:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.05)
        await _end(pbx, call)
    audio = heard.read_bytes()
    assert share_of_power(audio[-8000:], 1000, 8000) > 0.8
    told = [text for text in pbx.messages("alice", "in") if text.startswith("SIP/2.0 183")]
    assert told, "and has said so"


async def test_who_gives_up_before_605_answers_leaves_nothing() -> None:
    async with line() as pbx, pbx.phone("alice") as alice:
        call = await alice.place(f"sip:605@{DOMAIN}", STAY)
        async with asyncio.timeout(15):
            while call.state != "ringing":  # noqa: ASYNC110 - as who looks on
                await asyncio.sleep(0.02)
        call.hang_up()
        await call.ended()
        await pbx.idle()
