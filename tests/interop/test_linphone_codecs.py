"""Calls with linphonec in every codec of speech that both have, each hearing the tone of the other.

L16 is left out: linphonec has it at 44.1 kHz alone, plays what it takes of it without turning the bytes
round, and on a busy machine stops sending it.
"""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from tests.interop.test_linphone import direct_uri, ring
from tests.peers.hearing import hears
from tests.peers.linphone import linphone
from tests.peers.process import Programs
from tests.peers.tones import lasts, read_samples, tone_share, write_tone
from tests.tones import best_share_of_power
from tests.ua.phones import account
from ua.config.media import CodecName
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone

pytestmark = pytest.mark.peer("linphone")

TALK_S = 2.0
CODECS = pytest.mark.parametrize(
    ("codec", "rate"),
    [("PCMU", 8000), ("PCMA", 8000), ("G722", 16000), ("opus", 48000)],
)


def both_heard_each_other(ours: Path, theirs: Path, rate: int) -> None:
    """Our recording holds 1000 Hz and theirs 440 Hz."""
    assert read_samples(ours)[1] == rate
    assert tone_share(ours, 1000) > 0.9
    assert all(lasts(path, TALK_S) for path in (ours, theirs))
    samples, at = read_samples(theirs)
    assert best_share_of_power(array("h", samples).tobytes(), 440, at) > 0.9


@pytest.mark.req("PCM-1", "G722-1", "OPUS-1")
@CODECS
async def test_calling_it(programs: Programs, tmp_path: Path, codec: CodecName, rate: int) -> None:
    ours = tmp_path / "ours.wav"
    tone = write_tone(tmp_path / "1000.wav", 1000)
    async with (
        linphone(programs, "lin", source=tone) as lin,
        Phone(account("alice", codecs=(codec,)), EventLog()) as phone,
    ):
        await lin.enable(codec)
        plan = MediaPlan(source=Tone(hz=440), record=ours, duration_s=TALK_S)
        call = await phone.place(lin.uri(), plan)
        result = await call.ended()
        await lin.over()
    assert result.result is ResultCode.OK, result
    assert result.codec == codec
    both_heard_each_other(ours, lin.recording, rate)


@CODECS
async def test_being_called_by_it(programs: Programs, tmp_path: Path, codec: CodecName, rate: int) -> None:
    ours = tmp_path / "ours.wav"
    tone = write_tone(tmp_path / "1000.wav", 1000)
    async with (
        linphone(programs, "lin", source=tone) as lin,
        Phone(account("alice", codecs=(codec,)), EventLog()) as phone,
    ):
        await lin.enable(codec)
        call = await ring(phone, lin, direct_uri(phone, "tcp"))
        await call.accept(MediaPlan(source=Tone(hz=440), record=ours))
        await call.established()
        await hears(call, packets=round(TALK_S * 50))
        lin.command("terminate")
        result = await call.ended()
        await lin.over()
    assert result.result is ResultCode.OK, result
    assert result.codec == codec
    both_heard_each_other(ours, lin.recording, rate)
