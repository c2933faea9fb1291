"""Calls in which each phone hears the tone of the other: every codec, every protection, UDP and TCP."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest

from tests.media.tones import tone_ratio
from tests.peers.process import until
from tests.ua.phones import LOOPBACK, account, pair
from ua.config.media import CodecName
from ua.config.srtp import SrtpChoice
from ua.plan import MediaPlan, PathChoice, Tone

ALICE_HZ, BOB_HZ = 600, 1000
HEARD_S = 0.8


def best_ratio(path: Path, hz: float, rate: int) -> float:
    """Of the tone above all else, in dB, in the best of all 400 ms: the machine may have stood still."""
    with wave.open(str(path)) as file:
        assert file.getframerate() == rate
        pcm = file.readframes(file.getnframes())
    size = 2 * rate * 400 // 1000
    steps = range(0, len(pcm) - size + 1, 2 * rate // 5)
    return max((tone_ratio(pcm[at : at + size], hz, rate) for at in steps), default=0.0)


def heard_s(path: Path) -> float:
    """Length of a recording."""
    try:
        with wave.open(str(path)) as file:
            return float(file.getnframes() / file.getframerate())
    except (FileNotFoundError, EOFError):
        return 0.0


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("srtp", ["off", "sdes", "dtls"])
@pytest.mark.parametrize(
    ("codec", "rate"),
    [
        ("PCMU", 8000), ("PCMA", 8000), ("L16/8000", 8000), ("G722", 16000), ("L16/16000", 16000),
        ("opus", 48000), ("L16/48000", 48000),
    ],
)  # fmt: skip
async def test_a_tone_comes_through_both_ways(
    tmp_path: Path, codec: CodecName, rate: int, srtp: SrtpChoice, transport: PathChoice
) -> None:
    alices, bobs = tmp_path / "alice.wav", tmp_path / "bob.wav"
    ice = MediaPlan(path=transport).ice_config(LOOPBACK)
    settings = {"ice": ice, "codecs": (codec,), "srtp": srtp, "srtp_over_plain_sip": True}
    async with pair(alice=account("alice", **settings), bob=account("bob", **settings)) as phones:
        call, ringing = await phones.ring(MediaPlan(source=Tone(hz=ALICE_HZ), record=alices))
        await ringing.accept(MediaPlan(source=Tone(hz=BOB_HZ), record=bobs))
        await asyncio.gather(call.established(), ringing.established())
        await until(lambda: min(map(heard_s, (alices, bobs))) >= HEARD_S, "both hear enough", 20.0)
        call.hang_up()
        results = await asyncio.gather(call.ended(), ringing.ended())
        keys = {entry.data["by"] for entry in phones.log.entries if entry.name == "protected"}
    assert keys == {srtp} - {"off"}
    for result in results:
        assert result.codec == codec.partition("/")[0]
        assert result.transport == transport
    assert best_ratio(alices, BOB_HZ, rate) > 20
    assert best_ratio(bobs, ALICE_HZ, rate) > 20
