"""What a call sends and records: raw audio, both sides in one file, silence, and other calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.tones import share_of_power
from tests.ua.phones import Pair, account, pair
from ua.call.call import Call
from ua.conference import Conference
from ua.errors import ResultCode, UsageError
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Microphone, RawAudio, Silence, Tone, WavFile

WAIT_S = 20

PLAIN = ("PCMU",)
"""8 kHz, and silence is zeros."""


def plain_pair() -> AbstractAsyncContextManager[Pair]:
    return pair(alice=account("alice", codecs=PLAIN), bob=account("bob", codecs=PLAIN))


async def talk(phones: Pair, caller: MediaPlan, callee: MediaPlan) -> tuple[Call, Call]:
    """A call that stands."""
    call, ringing = await phones.ring(caller)
    await ringing.accept(callee)
    await call.established()
    await ringing.established()
    return call, ringing


async def heard(path: Path, seconds: float, *, channels: int = 1) -> None:
    """Return once so much was recorded."""
    async with asyncio.timeout(WAIT_S):
        while length(path) < 16_000 * channels * seconds:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.05)


def length(path: Path) -> int:
    """Bytes of samples."""
    return path.stat().st_size - 44


async def more(path: Path, seconds: float, *, channels: int = 1) -> None:
    """Return once so much more was recorded."""
    await heard(path, length(path) / 16_000 / channels + seconds, channels=channels)


def channel(path: Path, number: int = 0, *, last_s: float = 0.5) -> bytes:
    """The last of one channel."""
    with wave.open(str(path), "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        samples = array("h", file.readframes(file.getnframes()))[number::channels]
    return samples[-int(rate * last_s) :].tobytes()


async def test_raw_audio_in_and_out_and_its_end_is_the_end_of_the_call() -> None:
    said, heard_ = os.pipe(), os.pipe()
    with contextlib.ExitStack() as stack:
        for end in (said[0], heard_[0], heard_[1]):
            stack.callback(os.close, end)
        tone = array("h", (round(9000 * ((i // 8) % 2 * 2 - 1)) for i in range(8000)))  # 1000 Hz at 16 kHz
        os.set_blocking(said[1], False)
        async with pair() as phones:
            plan = MediaPlan(
                source=RawAudio(file=said[0], rate=16_000),
                output=RawAudio(file=heard_[1], rate=16_000),
                tail_s=0.2,
            )
            call, ringing = await talk(phones, plan, MediaPlan(source=Echo()))
            ended = asyncio.ensure_future(call.ended())
            await write_all(said[1], tone.tobytes())
            os.close(said[1])
            got = bytearray()
            async with asyncio.timeout(WAIT_S):
                while not ended.done():
                    got += read_some(heard_[0])
                    await asyncio.sleep(0.01)
            got += read_some(heard_[0])
            result = await ended
            assert result.result is ResultCode.OK
            await ringing.ended()
            told = {event.data["of"] for event in result.events if event.name == "audio"}
        assert told == {"input", "output"}
    assert (
        max(share_of_power(bytes(got[at : at + 6400]), 1000, 16_000) for at in range(0, len(got), 3200)) > 0.8
    )


async def test_who_does_not_read_any_more_leaves_call_and_recording_alone(tmp_path: Path) -> None:
    path, (reader, writer) = tmp_path / "heard.wav", os.pipe()
    os.close(reader)
    async with plain_pair() as phones:
        plan = MediaPlan(record=path, output=RawAudio(file=writer))
        call, ringing = await talk(phones, plan, MediaPlan(source=Tone(hz=440)))
        await heard(path, 0.8)
        failed = [entry.data["reason"] for entry in phones.log.entries if entry.name == "audio_failed"]
        assert len(failed) == 1
        assert "Broken pipe" in str(failed[0])
        call.hang_up()
        assert (await call.ended()).result is ResultCode.OK
        await ringing.ended()
    os.close(writer)
    assert share_of_power(channel(path), 440) > 0.9


async def write_all(file: int, data: bytes) -> None:
    async with asyncio.timeout(WAIT_S):
        while data:
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(file, data[:1024]) :]
            await asyncio.sleep(0.005)


def read_some(file: int) -> bytes:
    os.set_blocking(file, False)
    with contextlib.suppress(BlockingIOError):
        return os.read(file, 65_536)
    return b""


async def test_both_sides_are_recorded_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "both.wav"
    async with plain_pair() as phones:
        plan = MediaPlan(source=Tone(hz=440), record_both=path)
        call, ringing = await talk(phones, plan, MediaPlan(source=Tone(hz=1000)))
        await heard(path, 1.2, channels=2)
        assert share_of_power(channel(path, 0), 440) > 0.95
        assert share_of_power(channel(path, 1), 1000) > 0.95
        call.hang_up()
        await ringing.ended()
        await call.ended()
    assert len(channel(path, 0)) == len(channel(path, 1))


async def test_what_is_played_on_hold_is_recorded_as_said(tmp_path: Path) -> None:
    path = tmp_path / "both.wav"
    async with plain_pair() as phones:
        plan = MediaPlan(source=Tone(hz=440), record_both=path)
        call, ringing = await talk(phones, plan, MediaPlan(source=Tone(hz=1000)))
        await call.hold(Tone(hz=700))
        await more(path, 1.2, channels=2)
        assert share_of_power(channel(path, 0), 700) > 0.95
        call.hang_up()
        await ringing.ended()


async def test_a_muted_call_sends_silence_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    async with plain_pair() as phones:
        call, ringing = await talk(phones, MediaPlan(source=Tone(hz=440)), MediaPlan(record=path))
        with pytest.raises(UsageError):
            Call(ringing._around, remote_uri="sip:nobody@example.com").muted = True
        await heard(path, 1)
        assert share_of_power(channel(path), 440) > 0.95
        call.muted = True
        assert call.muted
        await more(path, 0.9)
        assert not any(channel(path))
        call.muted = False
        await more(path, 0.9)
        assert share_of_power(channel(path), 440) > 0.95
        call.muted = False
        told = [each.data["muted"] for each in phones.log.entries if each.name == "muted"]
        assert told == [True, False]
        call.hang_up()
        await ringing.ended()


@contextlib.asynccontextmanager
async def three_calls(tmp_path: Path) -> AsyncIterator[tuple[list[Call], list[Path]]]:
    """Three calls of one phone; the other ends say 440, 700 and 1000 Hz and record what they hear."""
    async with contextlib.AsyncExitStack() as stack:
        hub = await stack.enter_async_context(plain_pair())
        calls: list[Call] = []
        paths: list[Path] = []
        for number, hz in enumerate((440, 700, 1000)):
            phone = await stack.enter_async_context(Phone(account(f"guest{number}", codecs=PLAIN), hub.log))
            uri = next(uri for uri in phone.addresses if "transport" not in uri)
            arrivals = asyncio.ensure_future(anext(phone.incoming()))
            await asyncio.sleep(0)
            call = await hub.alice.place(uri, MediaPlan(source=Silence()))
            paths.append(tmp_path / f"heard-{number}.wav")
            await (await arrivals).accept(MediaPlan(source=Tone(hz=hz), record=paths[-1]))
            await call.established()
            calls.append(call)
        yield calls, paths


async def test_calls_in_a_conference_hear_each_other_and_not_themselves(tmp_path: Path) -> None:
    conference = Conference()
    async with three_calls(tmp_path) as (calls, paths):
        for call in calls:
            conference.join(call)
        assert conference.calls == tuple(calls)
        for number, path in enumerate(paths):
            await more(path, 1.0)
            shares = [share_of_power(channel(path), hz) for hz in (440, 700, 1000)]
            own = shares.pop(number)
            assert own < 0.03
            assert all(0.4 < share < 0.6 for share in shares)
        seat = calls[0].seat
        assert seat is not None
        seat.muted = True
        conference.leave(calls[1])
        conference.leave(calls[1])
        assert calls[1].seat is None
        await more(paths[2], 1.0)
        assert not any(channel(paths[2]))
        assert share_of_power(channel(paths[0]), 1000) > 0.95
        calls[2].hang_up()
        await calls[2].ended()
        assert [conference.calls, len(conference.room.seats)] == [(calls[0],), 1]
    assert [conference.calls, conference.room.seats] == [(), []]


async def test_a_call_can_be_answered_into_a_conference_and_comes_back_to_its_own_source(
    tmp_path: Path,
) -> None:
    conference, path = Conference(), tmp_path / "heard.wav"
    async with plain_pair() as phones:
        plan = MediaPlan(source=Tone(hz=440), record=path)
        call, ringing = await talk(phones, plan, MediaPlan(source=conference.source))
        assert len(conference.room.seats) == 1
        conference.join(call)
        # both ends are in one room: what comes from the one goes to the other
        await heard(path, 1)
        conference.leave(call)
        assert len(conference.room.seats) == 1
        call.hang_up()
        await ringing.ended()
    assert conference.room.seats == []


async def test_a_file_that_is_not_there_leaves_nothing_open(tmp_path: Path) -> None:
    conference = Conference()
    async with plain_pair() as phones:
        plan = MediaPlan(source=conference.source, record=tmp_path / "none" / "heard.wav")
        call = await phones.alice.place(phones.bob_uri(), plan)
        result = await call.ended()
        assert result.result is ResultCode.USAGE
        call = await phones.alice.place(
            phones.bob_uri(), MediaPlan(source=WavFile(path=tmp_path / "none.wav"))
        )
        assert (await call.ended()).result is ResultCode.USAGE
    assert conference.room.seats == []


async def test_a_microphone_that_is_not_there_ends_the_call_with_what_to_try() -> None:
    async with plain_pair() as phones:
        call = await phones.alice.place(
            phones.bob_uri(), MediaPlan(source=Microphone(device="no such thing"))
        )
        result = await call.ended()
    assert result.result is ResultCode.USAGE
    assert "microphone" in (result.error or "")
