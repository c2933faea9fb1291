"""Microphone, speaker, raw audio and stereo recordings, as typed; and the list of devices."""

from __future__ import annotations

import array
import asyncio
import contextlib
import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from media.audio.sound_card import Device, SoundCard
from tests.media.audio.test_sound_card import Card, device
from tests.peers.icephone import ROOT, command, empty_config
from tests.tones import share_of_power
from tests.ua.phones import account
from tests.ua.screen import Screen, objects
from ua.cli.answer import AnswerRequest, numbered
from ua.cli.call import CallRequest
from ua.cli.devices import list_devices
from ua.cli.sound import SoundRequest
from ua.errors import ResultCode, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Microphone, RawAudio, Silence, Speaker, Tone

URI = "sip:bob@192.0.2.20"


def plan(**typed: object) -> MediaPlan:
    """The plan of a call with these options."""
    sound = SoundRequest(**typed)  # type: ignore[arg-type]
    return CallRequest(uri=URI, sound=sound).plan()


def test_a_microphone_brings_the_speaker_along_and_a_speaker_goes_with_anything() -> None:
    made = plan(mic=True)
    assert (made.source, made.speaker) == (Microphone(), Speaker())
    both = plan(mic=True, device="headset")
    assert (both.source, both.speaker) == (Microphone(device="headset"), Speaker(device="headset"))
    two = plan(mic=True, device="3, built-in")
    assert (two.source, two.speaker) == (Microphone(device="3"), Speaker(device="built-in"))
    made = CallRequest(uri=URI, tone=440, sound=SoundRequest(speaker=True)).plan()
    assert (made.source, made.speaker) == (Tone(hz=440), Speaker())
    answered = AnswerRequest(echo=True, sound=SoundRequest(speaker=True)).plan()
    assert (answered.source, answered.speaker) == (Echo(), Speaker())


def test_no_device_is_asked_for_that_nobody_has_named() -> None:
    for made in (plan(), AnswerRequest().plan(), plan(stdin=True), plan(stdout=True)):
        assert made.speaker is None
        assert not isinstance(made.source, Microphone)


def test_raw_audio_in_ends_the_call_with_its_end_and_has_a_rate() -> None:
    made = plan(stdin=True, stdout=True, pcm_rate=16_000)
    assert made.source == RawAudio(file=0, rate=16_000)
    assert made.output == RawAudio(file=1, rate=16_000)
    assert made.tail_s is not None
    longer = CallRequest(uri=URI, duration_s=5, sound=SoundRequest(stdin=True)).plan()
    assert longer.tail_s is None
    assert plan(stdout=True).source == Silence()


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (CallRequest(uri=URI, tone=440, sound=SoundRequest(mic=True)), "--tone and --mic"),
        (CallRequest(uri=URI, sound=SoundRequest(mic=True, stdin=True)), "--mic and --stdin"),
        (CallRequest(uri=URI, sound=SoundRequest(device="3")), "--device needs"),
        (CallRequest(uri=URI, sound=SoundRequest(mic=True, device="1,2,3")), "more than a microphone"),
        (CallRequest(uri=URI, sound=SoundRequest(stdout=True, json=True)), "--stdout and --json"),
        (CallRequest(uri=URI, sound=SoundRequest(record_both=Path("/nowhere/at/all.wav"))), "no folder"),
        (AnswerRequest(echo=True, sound=SoundRequest(mic=True)), "--echo and --mic"),
        (AnswerRequest(sound=SoundRequest(stdin=True)), "for one call"),
        (AnswerRequest(calls=2, sound=SoundRequest(stdout=True)), "for one call"),
    ],
)
def test_what_does_not_fit_is_found_before_anything_happens(
    request_: CallRequest | AnswerRequest, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        request_.plan()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_neither_speaks_nor_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal())
    with pytest.raises(UsageError, match="nobody types audio"):
        plan(stdin=True)
    monkeypatch.setattr(sys, "stdout", _Terminal())
    with pytest.raises(UsageError, match="not for terminals"):
        plan(stdout=True)


def test_every_call_has_a_stereo_recording_of_its_own() -> None:
    made = numbered(MediaPlan(record_both=Path("both.wav")), 2)
    assert (made.record_both, made.record) == (Path("both-2.wav"), None)


def test_json_alone_is_no_option_of_audio() -> None:
    assert not SoundRequest(json=True).given
    assert SoundRequest(stdout=True).given


# --- the list of devices ----------------------------------------------------------------------------------


class _Cards(Card):
    def devices(self) -> tuple[Device, ...]:
        usual = dataclasses.replace(device(1, "Headset", rate=44_100), default_input=True)
        return (device(0, "Built-in", inputs=0, outputs=2), usual)


def test_devices_are_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    card: SoundCard = _Cards()
    screen = Screen()
    assert list_devices(screen, card) is ResultCode.OK
    (shown,) = objects(capsys)
    assert [each["name"] for each in shown["devices"]] == ["Built-in", "Headset"]
    assert shown["devices"][1] == {
        "number": 1,
        "name": "Headset",
        "inputs": 1,
        "outputs": 1,
        "rate": 44_100,
        "default_input": True,
        "default_output": False,
    }
    screen = Screen(json_results=False)
    list_devices(screen, card)
    assert "Headset" in screen.out.getvalue()
    assert "yes, the default" in screen.out.getvalue()


# --- a real process ---------------------------------------------------------------------------------------


async def test_audio_goes_through_a_call_from_one_pipe_to_another(tmp_path: Path) -> None:
    """A process that is given a tone on standard input writes its echo to standard output."""
    tone = array.array("h", [9000 if i // 4 % 2 else -9000 for i in range(8000)])  # 1000 Hz
    if sys.byteorder == "big":
        tone.byteswap()
    async with Phone(account("bob"), EventLog()) as bob:
        uri = next(uri for uri in bob.addresses if "transport" not in uri)
        arriving = asyncio.ensure_future(anext(bob.incoming()))
        await asyncio.sleep(0)
        process = await asyncio.create_subprocess_exec(
            *command(),
            *("call", uri, "--stdin", "--stdout"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "ICEPHONE_CONFIG": str(empty_config(tmp_path)), "PYTHONPATH": str(ROOT)},
        )
        communicating = asyncio.ensure_future(process.communicate(tone.tobytes()))
        try:
            async with asyncio.timeout(40):
                await (await arriving).accept(MediaPlan(source=Echo()))
                heard, told = await communicating
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    assert process.returncode == 0, told.decode()
    assert "codec" in told.decode(), "results are for people then"
    assert len(heard) > 16_000
    best = max(share_of_power(heard[at : at + 4800], 1000) for at in range(0, len(heard) - 4800, 1600))
    assert best > 0.75
