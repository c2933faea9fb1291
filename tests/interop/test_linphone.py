"""Calls with linphonec 5.1, over UDP and over TCP.

What it cannot do, and is therefore not shown: it has no media over TCP; it refreshes a session, by UPDATE,
after half of its time, which is 45 s at least, so that only what is agreed on is seen; where it joins two of
its calls it names the one of them without a port, which none of these tests could follow. Digits go by INFO
here; those in RTP are in test_digits.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.peers.hearing import falls_silent, hears, received
from tests.peers.kamailio import PASSWORD, kamailio
from tests.peers.linphone import Linphone, linphone
from tests.peers.process import Programs, until
from tests.peers.tones import lasts, seconds, tone_share, write_tone
from tests.ua.call.three_phones import TALK
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.call.call import Call
from ua.call.hold import Hold
from ua.call.incoming import IncomingCall
from ua.config.sip import ReliablePolicy
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone

pytestmark = pytest.mark.peer("linphone")

TALK_S = 2.0
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """What linphonec plays: 1000 Hz."""
    return write_tone(tmp_path / "1000.wav", 1000)


def direct_uri(phone: Phone, transport: str) -> str:
    """Where our phone is called without a server."""
    return next(uri for uri in phone.addresses if ("transport=tcp" in uri) is (transport == "tcp"))


def messages(log: EventLog, beginning: str) -> list[str]:
    """The SIP messages of a log whose first line begins so."""
    texts = [str(each.data["text"]) for each in log.entries if (each.source, each.name) == ("sip", "message")]
    return [text for text in texts if text.startswith(beginning)]


def transports(log: EventLog) -> set[object]:
    return {each.data["transport"] for each in log.entries if (each.source, each.name) == ("sip", "message")}


async def ring(phone: Phone, lin: Linphone, uri: str) -> IncomingCall:
    """It calls us, our phone rings."""
    ringing = asyncio.ensure_future(anext(phone.incoming()))
    await asyncio.sleep(0)
    lin.command(f"call {uri}")
    return await asyncio.wait_for(ringing, 10)


def both_heard_each_other(ours: Path, theirs: Path) -> None:
    """Our recording holds 1000 Hz and theirs 440 Hz, for as long as the call was."""
    assert tone_share(ours, 1000) > 0.9
    assert tone_share(theirs, 440) > 0.85  # ends with a tone of its own that says that the call is over
    assert lasts(ours, TALK_S)
    assert lasts(theirs, TALK_S)


@TRANSPORTS
async def test_calling_it(programs: Programs, tmp_path: Path, tone: Path, transport: str) -> None:
    log, ours = EventLog(), tmp_path / "ours.wav"
    async with linphone(programs, "lin", source=tone) as lin, Phone(account("alice"), log) as phone:
        plan = MediaPlan(source=Tone(hz=440), record=ours, duration_s=TALK_S)
        call = await phone.place(lin.uri(transport), plan)
        result = await call.ended()
        await lin.over()
    assert result.result is ResultCode.OK, result
    assert transports(log) == {transport}
    assert result.why == "plain RTP over UDP without ICE: the peer does not use ICE"
    both_heard_each_other(ours, lin.recording)


@TRANSPORTS
async def test_being_called_by_it(programs: Programs, tmp_path: Path, tone: Path, transport: str) -> None:
    log, ours = EventLog(), tmp_path / "ours.wav"
    async with linphone(programs, "lin", source=tone) as lin, Phone(account("alice"), log) as phone:
        call = await ring(phone, lin, direct_uri(phone, transport))
        await call.accept(MediaPlan(source=Tone(hz=440), record=ours))
        await call.established()
        await hears(call, packets=round(TALK_S * 50))
        lin.command("terminate")
        result = await call.ended()
        await lin.over()
    assert result.result is ResultCode.OK, result
    assert transports(log) == {transport}
    both_heard_each_other(ours, lin.recording)


@pytest.mark.peer("kamailio")
@TRANSPORTS
async def test_both_at_a_proxy(programs: Programs, tmp_path: Path, tone: Path, transport: str) -> None:
    """Both are registered; we call it, then it calls us."""
    files = [tmp_path / f"{name}.wav" for name in ("out", "in")]
    async with (
        kamailio(programs) as proxy,
        linphone(programs, "lin", source=tone, proxy=proxy, transport=transport) as lin,
        Phone(
            account(
                "alice",
                uri=proxy.uri("alice"),
                registrar=f"sip:{proxy.host}:{proxy.port}",
                proxy=f"sip:{proxy.host}:{proxy.port};transport={transport}",
                password=PASSWORD,
                transport=transport,
            ),
            EventLog(),
        ) as phone,
    ):
        assert ("transport=tcp" in await proxy.registered("lin")) is (transport == "tcp")
        await phone.register(expires=300)
        plan = MediaPlan(source=Tone(hz=440), record=files[0], duration_s=TALK_S)
        placed = await phone.place(proxy.uri("lin"), plan)
        assert (await placed.ended()).result is ResultCode.OK
        await lin.over()
        both_heard_each_other(files[0], lin.recording)
        call = await ring(phone, lin, proxy.uri("alice"))
        await call.accept(MediaPlan(source=Tone(hz=440), record=files[1]))
        await call.established()
        await until(lambda: received(call) > TALK_S * 50, "it is heard")
        lin.command("terminate")
        assert (await call.ended()).result is ResultCode.OK
    assert tone_share(files[1], 1000) > 0.9


@pytest.mark.req("sdp.md:OA-4", "sip.md:OA-9")
async def test_each_side_holds_the_other_and_resumes(programs: Programs, tone: Path) -> None:
    async with linphone(programs, "lin", source=tone) as lin, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(lin.uri(), TALK)
        await call.established()
        await until(lambda: received(call) > 10, "it is heard")
        await call.hold(Tone(hz=880))
        await lin.tells("Call 1 has been paused by")
        await falls_silent(call)
        before = received(call)
        await call.resume()
        assert call.hold_state is Hold.NONE
        await until(lambda: received(call) > before + 10, "it is heard again")
        lin.command("pause")
        await until(lambda: call.hold_state is Hold.HELD, "we are on hold")
        await lin.tells("Call 1 with .* is now paused")
        lin.command("resume")
        await until(lambda: call.hold_state is Hold.NONE, "its hold has ended")
        before = received(call)
        await until(lambda: received(call) > before + 10, "it is heard after its hold")
        lin.command("terminate")
        assert (await call.ended()).result is ResultCode.OK


async def test_keys_by_info(programs: Programs, tone: Path) -> None:
    async with linphone(programs, "lin", source=tone) as lin, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(lin.uri(), TALK)
        await call.established()
        await call.send_dtmf("7#")
        await lin.tells("Receiving tone 7 from")
        await lin.tells("Receiving tone # from")
        lin.command("5")
        await until(lambda: call.digits == "5", "it pressed 5")
        call.hang_up()
        assert (await call.ended()).result is ResultCode.OK


@pytest.mark.req("EXT-4", "REF-2")
async def test_it_is_transferred(programs: Programs, tone: Path) -> None:
    async with (
        linphone(programs, "lin", source=tone) as lin,
        media_peer() as target,
        Phone(account("alice"), EventLog()) as phone,
    ):
        call = await phone.place(lin.uri(), TALK)
        await call.established()
        transfer = asyncio.ensure_future(call.transfer(f"sip:carol@{target.host}:{target.port}"))
        dialog = target.accept(await target.receive_request("INVITE"), target.sdp())
        await target.receive_request("ACK")
        result = await asyncio.wait_for(transfer, 10)
        assert (result.done, result.status) == (True, 200)
        await call.ended()
        target.ask(dialog, "BYE")
        await target.receive_response(200)


@pytest.mark.req("EXT-4", "REF-1")
async def test_it_transfers_us(programs: Programs, tone: Path) -> None:
    async with (
        linphone(programs, "lin", source=tone) as lin,
        media_peer() as target,
        Phone(account("alice", accept_transfers="always"), EventLog()) as phone,
    ):
        call = await phone.place(lin.uri(), TALK)
        await call.established()
        lin.command(f"transfer sip:carol@{target.host}:{target.port}")
        target.accept(await target.receive_request("INVITE"), target.sdp())
        await target.receive_request("ACK")
        await call.ended()
        assert call.successor is not None
        await call.successor.established()
        call.successor.hang_up()
        await target.finish()
        await call.successor.ended()
        await lin.tells("has been transfered")


@pytest.mark.req("EXT-4", "REF-2")
async def test_it_replaces_a_call(programs: Programs, tone: Path) -> None:
    """We join it with another phone of ours, whose call with us it takes over by Replaces."""
    async with (
        linphone(programs, "lin", source=tone) as lin,
        Phone(account("bob", accept_transfers="always"), EventLog()) as bob,
        Phone(account("alice"), EventLog()) as phone,
    ):
        first = await phone.place(lin.uri(), TALK)
        await first.established()
        ringing = asyncio.ensure_future(anext(bob.incoming()))
        await asyncio.sleep(0)
        second = await phone.place(direct_uri(bob, "udp"), TALK)
        theirs = await ringing
        await theirs.accept(TALK)
        await second.established()
        result = await asyncio.wait_for(first.transfer_to(second), 10)
        assert (result.done, result.status) == (True, 200)
        await asyncio.gather(first.ended(), second.ended(), theirs.ended())
        joined = theirs.successor
        assert joined is not None
        await until(lambda: received(joined) > 10, "bob hears linphonec")
        joined.hang_up()
        assert (await joined.ended()).result is ResultCode.OK


@pytest.mark.parametrize("reliable", ["off", "require"])
async def test_its_early_media(
    programs: Programs, tmp_path: Path, tone: Path, reliable: ReliablePolicy
) -> None:
    """It sends what it plays while it rings: after a 183, which it lets us acknowledge where we want that."""
    log, ours = EventLog(), tmp_path / "ours.wav"
    sip = {"incoming_calls_early_media": 1, "100rel_support_level": 1}
    async with (
        linphone(programs, "lin", source=tone, answers=False, sip=sip) as lin,
        Phone(account("alice", reliable=reliable), log) as phone,
    ):
        call = await phone.place(lin.uri(), MediaPlan(source=Tone(hz=440), record=ours))
        await lin.tells("Receiving new incoming call")
        await until(lambda: ours.exists() and seconds(ours) > 0.7, "something is recorded")
        assert tone_share(ours, 1000) > 0.8
        lin.command("answer")
        await call.established()
        before = received(call)
        await until(lambda: received(call) > before + 25, "it is heard")
        call.hang_up()
        result = await call.ended()
    assert result.result is ResultCode.OK, result
    early = messages(log, "SIP/2.0 183")
    assert early
    acknowledged = reliable == "require"
    assert all(("\r\nRequire: 100rel\r\n" in text) is acknowledged for text in early)
    assert bool(messages(log, "PRACK ")) is acknowledged
    assert tone_share(ours, 1000) > 0.8, "with a gap between ringing and talking"


@pytest.mark.parametrize("refresher", ["uac", "uas"])
@pytest.mark.parametrize("caller", ["we", "it"])
async def test_a_session_timer_is_agreed_on(
    programs: Programs, tone: Path, caller: str, refresher: str
) -> None:
    log = EventLog()
    # Its own numbers: 1 for the callee, 2 for the caller.
    who = {"uas": 1, "uac": 2}[refresher]
    sip = {
        "session_expires_enabled": 1,
        "session_expires_value": 200,
        "session_expires_min_value": 90,
        "session_expires_refresher_value": who,
    }
    async with (
        linphone(programs, "lin", source=tone, sip=sip) as lin,
        Phone(account("alice", session_expires_s=600), log) as phone,
    ):
        call: Call
        if caller == "we":
            call = await phone.place(lin.uri(), TALK)
        else:
            call = incoming = await ring(phone, lin, direct_uri(phone, "udp"))
            await incoming.accept(TALK)
        await call.established()
        await until(lambda: received(call) > 10, "it is heard")
        call.hang_up()
        assert (await call.ended()).result is ResultCode.OK
    accepted = messages(log, "SIP/2.0 200")[0]
    assert f"\r\nSession-Expires: 200;refresher={refresher}\r\n" in accepted


async def test_its_update_for_too_short_a_session(programs: Programs, tone: Path) -> None:
    """It is set to less than RFC 4028 allows: its UPDATE gets 422, and the call that lapses fails."""
    log = EventLog()
    sip = {
        "session_expires_enabled": 1,
        "session_expires_value": 4,
        "session_expires_min_value": 2,
        "session_expires_refresher_value": 1,
    }
    async with linphone(programs, "lin", source=tone, sip=sip) as lin, Phone(account("alice"), log) as phone:
        call = await phone.place(lin.uri(), TALK)
        result = await asyncio.wait_for(call.ended(), 10)
    assert messages(log, "UPDATE ")
    (refused,) = messages(log, "SIP/2.0 422")
    assert "\r\nMin-SE: 90\r\n" in refused
    assert result.result is ResultCode.TIMEOUT
    assert "session timer expired" in (result.error or "")
    assert 'text="session timer expired"' in messages(log, "BYE ")[0]
