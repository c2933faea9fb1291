"""Calls with a phone of others in the codecs that are better than G.711, both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.baresip import baresip
from tests.peers.process import Programs
from tests.peers.tones import both_heard_each_other, read_samples, write_tone
from tests.ua.phones import account
from ua.config.media import DEFAULT_CODECS
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone

pytestmark = pytest.mark.peer("baresip")

TALK_S = 3.0


@pytest.mark.req("G722-1", "OPUS-1")
@pytest.mark.parametrize(
    ("module", "codec", "rate"), [("g722", "G722", 16000), ("opus", "opus", 48000), ("g711", "PCMU", 8000)]
)
async def test_both_hear_each_other(
    programs: Programs, tmp_path: Path, module: str, codec: str, rate: int
) -> None:
    log, heard = EventLog(), tmp_path / "heard.wav"
    high = write_tone(tmp_path / "high.wav", 1000)
    ours = account("alice", codecs=DEFAULT_CODECS, transport="tcp")
    async with (
        baresip(programs, "bob", source=high, codecs=(module,)) as bob,
        Phone(ours, log) as alice,
    ):
        plan = MediaPlan(source=Tone(hz=440), record=heard, duration_s=TALK_S)
        call = await alice.place(f"sip:bob@127.0.0.1:{bob.port};transport=tcp", plan)
        result = await call.ended()
        await bob.event("CALL_CLOSED")
        theirs = await bob.recording()
    assert result.result is ResultCode.OK, result
    assert result.codec == codec
    assert read_samples(heard)[1] == rate
    both_heard_each_other(heard, theirs, TALK_S)
