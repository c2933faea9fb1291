"""A sound card by PortAudio: PulseAudio with a speaker whose audio a microphone hears."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.peers.icephone import icephone
from tests.peers.process import Programs
from tests.peers.pulseaudio import pulseaudio
from tests.peers.tones import tone_share
from tests.ua.phones import account
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone

pytestmark = pytest.mark.peer("portaudio")


async def test_devices_are_listed(programs: Programs) -> None:
    listed = await icephone(programs, "devices", prefix=await pulseaudio(programs))
    devices = (await listed.result())["devices"]
    (default,) = [each for each in devices if each["name"] == "default"]
    assert default["default_input"] and default["default_output"]
    assert default["inputs"] and default["outputs"]
    assert "nowhere" in [each["name"] for each in devices]


async def test_what_the_other_side_says_is_played_and_what_the_microphone_hears_is_sent(
    programs: Programs, tmp_path: Path
) -> None:
    record, heard = tmp_path / "callee.wav", tmp_path / "caller.wav"
    prefix = await pulseaudio(programs)
    async with Phone(account("bob"), EventLog()) as bob:
        uri = next(uri for uri in bob.addresses if "transport" not in uri)
        arriving = asyncio.ensure_future(anext(bob.incoming()))
        await asyncio.sleep(0)
        options = ("--mic", "--device", "nowhere", "--record", heard, "--for", "4s")
        calling = await icephone(programs, "call", uri, *options, prefix=prefix)
        async with asyncio.timeout(40):
            call = await arriving
            await call.accept(MediaPlan(source=Tone(hz=440), record=record))
            result = await calling.result()
            await call.ended()
    assert result["result"] == "ok"
    assert tone_share(heard, 440) > 0.9
    # the speaker was heard by the microphone, and so by the one who speaks
    assert tone_share(record, 440) > 0.6
    (told,) = {event["of"] for event in result["events"] if event["event"] == "audio"}
    assert told == "nowhere"


async def test_a_device_that_is_not_there_is_named_with_those_that_are(programs: Programs) -> None:
    prefix = await pulseaudio(programs)
    calling = await icephone(
        programs, "call", "sip:nobody@127.0.0.1:9", "--mic", "--device", "gramophone", prefix=prefix
    )
    result = await calling.result(exit_code=2)
    assert "gramophone" in result["error"]
    assert "nowhere" in result["error"]
