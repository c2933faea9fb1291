"""What baresip can do in a call and beside it: hold, transfers, digits by INFO, short messages.

It asks for waiting messages and tells of none. Digits in RTP are in test_digits.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.peers.baresip import baresip
from tests.peers.hearing import falls_silent, hears
from tests.peers.process import Programs, until
from tests.peers.proxied import transports
from tests.peers.tones import write_tone
from tests.ua.call.three_phones import TALK, uri
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.call.hold import Hold
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone

pytestmark = pytest.mark.peer("baresip")


@pytest.mark.req("sdp.md:OA-4", "sip.md:OA-9")
async def test_each_side_holds_the_other_and_resumes(programs: Programs, tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "1000.wav", 1000)
    async with (
        baresip(programs, "bob", source=tone) as bob,
        Phone(account("alice"), EventLog()) as phone,
    ):
        call = await phone.place(f"sip:bob@{bob.host}:{bob.port}", MediaPlan(source=Tone(hz=440)))
        await call.established()
        await hears(call)
        # We hold it: it falls silent, for it hears that it may not send.
        await call.hold(Tone(hz=880))
        assert str(call.hold_state) == "holding"
        await falls_silent(call)
        await call.resume()
        assert str(call.hold_state) == "none"
        await hears(call)
        # It holds us, and ends that.
        await bob.command("hold")
        await until(lambda: call.hold_state is Hold.HELD, "we are on hold")
        await bob.command("resume")
        await until(lambda: call.hold_state is Hold.NONE, "the hold has ended")
        call.hang_up()
        assert (await call.ended()).result is ResultCode.OK


@pytest.mark.req("EXT-4", "REF-2")
async def test_baresip_is_transferred(programs: Programs) -> None:
    source = write_tone(programs.folder / "tone.wav", 440)
    async with (
        baresip(programs, "bob", source=source) as bob,
        media_peer() as target,
        Phone(account("alice"), EventLog()) as phone,
    ):
        call = await phone.place(f"sip:bob@{bob.host}:{bob.port}", TALK)
        await call.established()
        transfer = asyncio.ensure_future(call.transfer(f"sip:carol@{target.host}:{target.port}"))
        invite = await target.receive_request("INVITE")
        dialog = target.accept(invite, target.sdp())
        await target.receive_request("ACK")
        result = await asyncio.wait_for(transfer, 10)
        assert (result.done, result.status) == (True, 200)
        await call.ended()
        target.ask(dialog, "BYE")
        await target.receive_response(200)


@pytest.mark.req("EXT-4", "REF-1")
async def test_baresip_transfers_us(programs: Programs) -> None:
    source = write_tone(programs.folder / "tone.wav", 440)
    async with (
        baresip(programs, "bob", source=source) as bob,
        media_peer() as target,
        Phone(account("alice", accept_transfers="always"), EventLog()) as phone,
    ):
        call = await phone.place(f"sip:bob@{bob.host}:{bob.port}", TALK)
        await call.established()
        await bob.command("transfer", f"sip:carol@{target.host}:{target.port}")
        invite = await target.receive_request("INVITE")
        target.accept(invite, target.sdp())
        await target.receive_request("ACK")
        await call.ended()
        assert call.successor is not None
        await call.successor.established()
        call.successor.hang_up()
        await target.finish()
        await call.successor.ended()


@pytest.mark.req("INF-1")
async def test_it_takes_our_digits(programs: Programs) -> None:
    source = write_tone(programs.folder / "tone.wav", 440)
    async with (
        baresip(programs, "bob", source=source) as bob,
        Phone(account("alice"), EventLog()) as phone,
    ):
        call = await phone.place(f"sip:bob@{bob.host}:{bob.port}", TALK)
        await call.established()
        await call.send_dtmf("19*#", by="info")
        for digit in "19*#":
            await bob.program.wrote(f"received DTMF: '{digit}'")
        await bob.event("CALL_DTMF_START")
        call.hang_up()
        assert (await call.ended()).result is ResultCode.OK


@pytest.mark.req("MSG-1")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_messages_both_ways(programs: Programs, transport: str) -> None:
    source = write_tone(programs.folder / "tone.wav", 440)
    log = EventLog()
    async with Phone(account("alice"), log) as phone:
        ours = uri(phone).partition(";")[0] + f";transport={transport}"
        async with baresip(programs, "bob", source=source, transport=transport, contact=ours) as bob:
            sent = await phone.message(
                f"sip:bob@{bob.host}:{bob.port};transport={transport}", "are you there?"
            )
            assert (sent.accepted, sent.status) == (True, 200)
            await bob.program.wrote("are you there?")
            came = asyncio.ensure_future(anext(phone.messages()))
            await asyncio.sleep(0)
            await bob.command("message", "yes")
            message = await asyncio.wait_for(came, 10)
            assert message.text == "yes"
            assert message.sender.startswith("sip:bob@")
    assert transports(log) == {transport, "udp"}, "it knows no transport of those it writes to"
