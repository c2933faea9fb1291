"""Calls in each codec, from a WAV file at one phone to a recording at the other."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import wave
from pathlib import Path

import pytest

from media.audio.recorder import WavRecorder
from media.audio.sources import ToneSource
from media.codecs import libopus
from media.errors import CodecError
from tests.media.tones import tone_ratio
from tests.ua.call.media_legs import STAY
from tests.ua.peer import media_peer
from tests.ua.phones import Pair, account, pair
from ua.call import codec_mapping
from ua.config.media import CODECS, DEFAULT_CODECS, CodecName
from ua.errors import ConfigurationError
from ua.events import EventLog, LogEntry
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Silence, Tone, WavFile
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of

WAIT_S = 20.0


async def recorded(path: Path, seconds: float) -> tuple[int, bytes]:
    """Rate and audio of a recording, once it has so much in it."""
    async with asyncio.timeout(WAIT_S):
        while True:
            with contextlib.suppress(FileNotFoundError), wave.open(str(path)) as file:
                if file.getnframes() >= seconds * file.getframerate():
                    return file.getframerate(), file.readframes(file.getnframes())
            await asyncio.sleep(0.05)


async def talk(phones: Pair, caller: MediaPlan, callee: MediaPlan) -> str | None:
    """A call that stands; its codec."""
    call, ringing = await phones.ring(caller)
    await ringing.accept(callee)
    await call.established()
    return call._media.codec if call._media is not None else None


def both(*codecs: CodecName, **changes: object) -> dict[str, object]:
    return {
        "alice": account("alice", codecs=codecs, **changes),
        "bob": account("bob", codecs=codecs, **changes),
    }


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("opus", 48000), ("G722", 16000), ("PCMU", 8000), ("PCMA", 8000), ("L16/8000", 8000),
        ("L16/16000", 16000), ("L16/44100", 44100), ("L16/48000", 48000),
    ],
)  # fmt: skip
async def test_a_file_is_heard_at_the_rate_of_the_codec(name: CodecName, rate: int, tmp_path: Path) -> None:
    """What 8000 Hz cannot hold comes through where the codec can."""
    hz = 6000 if rate > 8000 else 1000
    said, heard = tmp_path / "said.wav", tmp_path / "heard.wav"
    recorder = WavRecorder(said, 48000)
    recorder.write(ToneSource(hz, 48000).read(2 * 48000 * 10))
    recorder.close()
    async with pair(**both(name)) as phones:  # type: ignore[arg-type]
        plan = MediaPlan(source=WavFile(path=said))
        codec = await talk(phones, plan, MediaPlan(source=Silence(), record=heard))
        recorded_rate, pcm = await recorded(heard, 2.0)
    assert codec == name.partition("/")[0]
    assert recorded_rate == rate
    # a second of it, after the beginning; a machine that stands still may cut it anywhere
    pieces = [pcm[at : at + rate // 2 * 2] for at in range(rate, len(pcm) - rate, rate // 2 * 2)]
    assert max(tone_ratio(piece, hz, rate) for piece in pieces) > 20


async def test_the_first_codec_that_both_have_is_used_and_recorded_at_its_rate(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    alice, bob = account("alice", codecs=("PCMA", "G722")), account("bob", codecs=DEFAULT_CODECS)
    async with pair(alice=alice, bob=bob) as phones:
        codec = await talk(phones, MediaPlan(source=Tone(hz=1000)), MediaPlan(source=Silence(), record=heard))
        rate, _ = await recorded(heard, 0.5)
    assert (codec, rate) == ("PCMA", 8000)


async def test_an_echo_comes_back_in_opus(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    async with pair(**both("opus", dtx=True)) as phones:  # type: ignore[arg-type]
        await talk(phones, MediaPlan(source=Tone(hz=1000), record=heard), MediaPlan(source=Echo()))
        rate, pcm = await recorded(heard, 3.0)
    pieces = [pcm[at : at + rate] for at in range(rate, len(pcm) - rate, rate)]
    assert max(tone_ratio(piece, 1000, rate) for piece in pieces) > 20


@pytest.mark.req("OPUS-1", "OPUS-3", "G722-1", "CN-2")
async def test_what_offers_and_answers_say_of_codecs() -> None:
    every = account("alice", codecs=CODECS, dtx=True, invite_bytes=0)
    async with media_peer() as peer, Phone(every, EventLog()) as phone:
        await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        offer = (session_of(invite) or b"").decode()
        peer.answer(invite, 486)
        await peer.receive_request("ACK")
    assert "m=audio" in offer
    for line in (
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1;usedtx=1",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:11 L16/44100",
        "a=rtpmap:113 L16/16000",
        "a=rtpmap:13 CN/8000",
    ):
        assert f"\r\n{line}\r\n" in offer


@pytest.mark.req("OPUS-3")
async def test_an_answer_takes_nothing_over_that_is_unknown() -> None:
    ours = account("bob", codecs=("opus",))
    async with media_peer() as peer, Phone(ours, EventLog()) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        lines = (
            "a=rtpmap:96 opus/48000/2",
            "a=fmtp:96 maxaveragebitrate=20000;stereo=1;x-unknown=7;useinbandfec=1",
        )
        invite = peer.call(phone.addresses[0], peer.sdp(*lines, formats="96"))
        call = await waiting
        await call.accept(STAY)
        accepted = await peer.receive_response(200)
        answer = (session_of(accepted) or b"").decode()
        peer.ack(Dialog.of_caller(invite, accepted), invite)
        call.hang_up()
        await peer.finish()
    assert "\r\na=rtpmap:96 opus/48000/2\r\n" in answer
    assert "\r\na=fmtp:96 useinbandfec=1\r\n" in answer
    assert "stereo" not in answer


def test_a_limit_on_the_bandwidth_is_one_on_opus() -> None:
    (opus,) = codec_mapping.formats(("opus",))
    asked = dataclasses.replace(opus, fmtp="maxaveragebitrate=30000")
    for audio, limit, least in (
        (opus, 24000, 24000),
        (asked, 24000, 24000),
        (asked, 64000, 30000),
        (opus, None, None),
    ):
        codec = codec_mapping.codec_of(audio, limit_bps=limit)
        assert codec.asked.maxaveragebitrate == least  # type: ignore[attr-defined]


async def test_without_libopus_the_default_is_less_and_a_wish_for_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(libopus, "_places", lambda: iter(("/nonexistent/libopus.so",)))
    libopus.library.cache_clear()
    try:
        assert [each.name for each in codec_mapping.formats(DEFAULT_CODECS)] == ["G722", "PCMU", "PCMA"]
        with pytest.raises(CodecError, match="libopus"):
            codec_mapping.formats(("opus", "PCMU"))
        with pytest.raises(ConfigurationError, match=r"media\.codecs: Opus needs libopus"):
            async with Phone(account("alice", codecs=("opus",)), EventLog()):
                pass
    finally:
        monkeypatch.undo()
        libopus.library.cache_clear()


async def test_a_tone_too_high_for_what_is_agreed_ends_no_call(tmp_path: Path) -> None:
    """6000 Hz go with Opus, which we offer; the other side takes 8000 Hz alone."""
    heard = tmp_path / "heard.wav"
    alice, bob = account("alice", codecs=DEFAULT_CODECS), account("bob", codecs=("PCMU",))
    async with pair(alice=alice, bob=bob) as phones:
        codec = await talk(phones, MediaPlan(source=Tone(hz=6000)), MediaPlan(source=Silence(), record=heard))
        rate, _ = await recorded(heard, 0.5)
    assert (codec, rate) == ("PCMU", 8000)


async def test_packets_are_as_long_as_the_other_side_wishes_and_the_codec_in_use_can() -> None:
    """Opus makes none of 30 ms, which matters only once it is used (RFC 8866 §6.4)."""
    async with pair(**both("PCMU", "opus", ptime_ms=30)) as phones:  # type: ignore[arg-type]
        call, ringing = await phones.ring(MediaPlan(source=Tone(hz=440)))
        await ringing.accept(MediaPlan(source=Silence()))
        await call.established()
        for codec, ms in (("PCMU", 30.0), ("opus", 20.0), ("PCMU", 30.0)):
            if call._media is not None and call._media.codec != codec:
                await call.use_codecs((codec,))  # type: ignore[arg-type]
            heard = asyncio.Event()

            def look(entry: LogEntry, heard: asyncio.Event = heard, ms: float = ms) -> None:
                if (entry.party, entry.name) == ("bob", "media_counters") and entry.data["packet_ms"] == ms:
                    heard.set()

            leave = phones.log.subscribe(look)
            async with asyncio.timeout(WAIT_S):
                await heard.wait()
            leave()
        call.hang_up()
        result = await call.ended()
    assert (result.codec, result.error) == ("PCMU", None)
