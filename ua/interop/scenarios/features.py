"""What people do in calls: hold and resume, talk in a conference, leave something to be recorded."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

from media.audio.wav import read_audio
from media.errors import AudioFileError
from ua.call.call import Call
from ua.interop.changes import changed
from ua.interop.recordings import QUIET_DBFS, TONE_SHARE, Heard
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import Tone

MUSIC_HZ: Final = 700.0
"""What we play to those whom we hold."""

RECORDED_HZ: Final = 617.0
"""What we say to the recorder: nobody else says that."""

RATE: Final = 8000
"""Hz, by which files of the peer are read."""

RECORDED_S: Final = 2.0

STILL_S: Final = 1.0
"""So long is watched whether packets come."""

STRAY: Final = 10
"""Packets that may come in that time all the same: they were on their way, or keep a NAT open."""


@scenario(
    id="features.hold",
    title="Who is held stops talking to us, and is heard again once the call is resumed",
    rfc="RFC 3264 §8.4",
    needs={"echo"},
)
async def hold(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ)) as call:
        await stage.expect.audio(call, tone=HZ)
        await changed(stage, call.hold())
        await _still(stage, call)
        await changed(stage, call.resume())
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="features.hold_music",
    title="Who is held hears music, ours or that of the peer; after that both hear each other again",
    rfc="RFC 3264 §8.4",
    needs={"second_account", "registrar"},
)
async def hold_music(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (call, called),
    ):
        await stage.expect.audio(called, tone=440)
        await changed(stage, call.hold(Tone(hz=MUSIC_HZ)))
        await stage.expect.audio(called)
        await _still(stage, call)
        await changed(stage, call.resume())
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.audio(called, tone=440)


@scenario(
    id="features.conference",
    title="Two callers of a conference hear each other, and not themselves",
    rfc="RFC 4579 §5",
    needs={"conference"},
)
async def conference(stage: Stage) -> None:
    async with (
        stage.phone() as phone,
        stage.call("conference", Tone(hz=440), phone=phone) as one,
        stage.call("conference", Tone(hz=HZ), phone=phone) as other,
    ):
        await stage.expect.audio(one, tone=HZ)
        await stage.expect.audio(other, tone=440)


@scenario(
    id="features.record",
    title="A number that records answers, and tells by RTCP that all we say arrives",
    rfc="RFC 3550 §6.4",
    needs={"record", "rtcp"},
)
async def record(stage: Stage) -> None:
    async with stage.call("record", Tone(hz=RECORDED_HZ)) as call:
        await stage.expect.rtcp(call)
        figures = call.statistics
        lost = None if figures is None else figures.sent.lost
        sent = 0 if figures is None else figures.sent.packets
        await stage.expect.that(
            lambda: lost is not None and lost <= max(2, sent // 50),
            "of what we send 2 % are lost at most",
            f"{lost} of {sent} packets were lost",
            cause="lossy",
            limit_s=0,
        )


@scenario(
    id="features.recording",
    title="What is said to a number that records is in its file",
    rfc="RFC 7866",
    needs={"record", "recordings"},
)
async def recording(stage: Stage) -> None:
    folder = stage.peer.recordings
    if folder is None:
        raise ValueError("a peer that offers recordings has a folder of them")
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.wav")}
    async with stage.call("record", Tone(hz=RECORDED_HZ)):
        with stage.step("talking to the recorder"):
            await asyncio.sleep(RECORDED_S)

    def new() -> list[Path]:
        return [path for path in folder.glob("*.wav") if path.stat().st_mtime_ns != before.get(path)]

    await stage.expect.that(
        lambda: any(_holds(path, RECORDED_HZ, RECORDED_S / 2) for path in new()),
        f"a new file in {folder} has our tone of {RECORDED_HZ:g} Hz for {RECORDED_S / 2:g} s",
        lambda: f"{', '.join(path.name for path in new())} have not" if new() else "there is no new file",
        cause="wrong_audio" if new() else "not_recorded",
        advice="may the peer write there, and what does its log say of the recording?",
    )


# --- what they share --------------------------------------------------------------------------------------


async def _still(stage: Stage, call: Call) -> None:
    """The other side has agreed to say nothing, keeps to it, and nothing is heard."""
    answers = [each for each in stage.expect.messages_of(call) if not each.sent and each.is_a("200 INVITE")]
    answer = answers[-1]
    direction = _direction(answer.body)
    await stage.expect.that(
        lambda: direction in ("recvonly", "inactive"),
        "the answer to our hold (sendonly) is recvonly or inactive",
        f"it is {direction}",
        cause="hold_ignored",
        where=answer.place(stage.started),
        advice="the peer answers as if nothing had changed (RFC 3264 §6.1)",
        limit_s=0,
    )
    await stage.expect.audio(call, silence=True)
    before = _received(call)
    with stage.step("watching whether RTP comes while the call is held"):
        await asyncio.sleep(STILL_S)
    came = _received(call) - before
    await stage.expect.that(
        lambda: came <= STRAY,
        "the peer sends no RTP while it is held",
        f"{came} packets came in {STILL_S:g} s",
        cause="hold_ignored",
        where=answer.place(stage.started),
        limit_s=0,
    )


def _received(call: Call) -> int:
    return 0 if call.statistics is None else call.statistics.received.packets


def _direction(body: str) -> str:
    """The direction of a description; sendrecv where it says none."""
    found: list[str] = re.findall(r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\s*$", body)
    return found[-1] if found else "sendrecv"


def _holds(path: Path, hz: float, seconds: float) -> bool:
    """True where a file has this tone for so long on end, somewhere."""
    try:
        pcm = read_audio(path, RATE)
    except AudioFileError:
        return False  # it is being written
    size = 2 * int(seconds * RATE)
    stretches = (Heard(pcm=pcm[at : at + size], rate=RATE) for at in range(0, len(pcm) - size + 1, size // 4))
    return any(each.level_dbfs > QUIET_DBFS and each.share_of(hz) >= TONE_SHARE for each in stretches)
