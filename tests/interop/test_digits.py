"""Digits in RTP with phones of others: telephone events (RFC 4733) both ways, and tones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.audio.wav import recording
from tests.media.dtmf.test_tones import found
from tests.peers.baresip import Baresip, baresip
from tests.peers.linphone import linphone
from tests.peers.process import Programs, until
from tests.peers.sipp import sipp
from tests.peers.tones import write_tone
from tests.ua.call.three_phones import TALK
from tests.ua.phones import account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan

SOUNDS = Path("/usr/share/baresip")
SCENARIO = Path(__file__).parent / "sipp" / "digits.xml"


def ways(log: EventLog) -> set[str]:
    """The ways that digits took, both directions."""
    return {str(entry.data["way"]) for entry in log.entries if entry.name in ("digit", "digits_sent")}


def pressed(phone: Baresip) -> str:
    """The keys that baresip says it has heard."""
    return "".join(str(event["param"]) for event in phone.events if event.get("type") == "CALL_DTMF_START")


@pytest.mark.peer("baresip")
@pytest.mark.req("DTMF-2", "DTMF-4", "DTMF-SDP-4")
async def test_baresip_both_ways(programs: Programs) -> None:
    source = write_tone(programs.folder / "tone.wav", 440)
    async with (
        baresip(programs, "bob", source=source) as bob,
        Phone(account("alice"), log := EventLog()) as phone,
    ):
        call = await phone.place(f"sip:bob@{bob.host}:{bob.port}", TALK)
        await call.established()
        await call.send_dtmf("19*#A")
        await until(lambda: pressed(bob) == "19*#A", "it has heard all of them")
        for count, digit in enumerate("530*#D", 1):
            await bob.command("sndcode", digit)
            await until(lambda count=count: len(call.digits) == count, f"it pressed {digit}")  # type: ignore[misc]
        assert call.digits == "530*#D"
        assert ways(log) == {"rfc4733"}
        call.hang_up()
        assert (await call.ended()).result is ResultCode.OK


@pytest.mark.peer("baresip")
def test_the_tones_that_baresip_plays_for_its_keys() -> None:
    keys = {**{str(digit): str(digit) for digit in range(10)}, "star": "*", "route": "#"}
    heard = {name: found(recording(SOUNDS / f"sound{name}.wav", 8000).pcm) for name in keys}
    assert heard == keys


@pytest.mark.peer("linphone")
@pytest.mark.req("DTMF-2", "DTMF-4")
async def test_linphone_both_ways(programs: Programs, tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "1000.wav", 1000)
    async with (
        linphone(programs, "lin", source=tone, sip={"use_rfc2833": 1, "use_info": 0}) as lin,
        Phone(account("alice"), log := EventLog()) as phone,
    ):
        call = await phone.place(lin.uri(), TALK)
        await call.established()
        await call.send_dtmf("7#", by="rfc4733")
        await lin.tells("Receiving tone 7 from")
        await lin.tells("Receiving tone # from")
        lin.command("5")
        await until(lambda: call.digits == "5", "it pressed 5")
        assert ways(log) == {"rfc4733"}
        call.hang_up()
        assert (await call.ended()).result is ResultCode.OK


@pytest.mark.peer("sipp")
@pytest.mark.req("DTMF-4")
async def test_recorded_digits_of_sipp(programs: Programs) -> None:
    async with Phone(account("bob"), log := EventLog()) as phone:
        ringing = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        target = phone.addresses[0].rpartition("@")[2].partition(";")[0]
        calling = await sipp(programs, "uac", target=target, file=SCENARIO)
        call = await ringing
        await call.accept(MediaPlan())
        result = await calling.finished()
        assert (result.exit_code, result.successful, result.failed) == (0, 1, 0)
        assert (await call.ended()).result is ResultCode.OK
        assert call.digits == "4*#"
        assert ways(log) == {"rfc4733"}
