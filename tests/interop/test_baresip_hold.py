"""Hold and resume with baresip, each side holding the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.peers.baresip import baresip
from tests.peers.process import Programs, until
from tests.peers.tones import write_tone
from tests.ua.phones import account
from ua.call.hold import Hold
from ua.call.outgoing import OutgoingCall
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone

pytestmark = pytest.mark.peer("baresip")


def received(call: OutgoingCall) -> int:
    return 0 if call.statistics is None else call.statistics.received.packets


@pytest.mark.req("sdp.md:OA-4", "sip.md:OA-9")
async def test_each_side_holds_the_other_and_resumes(programs: Programs, tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "1000.wav", 1000)
    async with (
        baresip(programs, "bob", source=tone) as bob,
        Phone(account("alice"), EventLog()) as phone,
    ):
        call = await phone.place(f"sip:bob@{bob.host}:{bob.port}", MediaPlan(source=Tone(hz=440)))
        await call.established()
        await until(lambda: received(call) > 10, "the phone is heard")
        # We hold it: it falls silent, for it hears that it may not send.
        await call.hold(Tone(hz=880))
        assert str(call.hold_state) == "holding"
        await asyncio.sleep(0.3)
        before = received(call)
        await asyncio.sleep(0.5)
        assert received(call) <= before + 2
        await call.resume()
        assert str(call.hold_state) == "none"
        await until(lambda: received(call) > before + 10, "the phone is heard again")
        # It holds us, and ends that.
        await bob.command("hold")
        await until(lambda: call.hold_state is Hold.HELD, "we are on hold")
        await bob.command("resume")
        await until(lambda: call.hold_state is Hold.NONE, "the hold has ended")
        call.hang_up()
        assert (await call.ended()).result is ResultCode.OK
