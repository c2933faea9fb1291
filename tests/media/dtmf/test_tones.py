from __future__ import annotations

import audioop
import math
import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.g711 import PCMA, PCMU
from media.dtmf.detector import ToneDetector
from media.dtmf.keys import DIGITS, Press
from media.dtmf.tones import TONES_OF_KEY, Tone, ToneSender
from tests.media.dtmf.voice import voice

RATES = [8000, 16000, 48000]


def tones(low: float, high: float, *, peaks: tuple[float, float] = (6000, 6000), ms: int = 60) -> bytes:
    step = 2 * math.pi / 8000
    return array(
        "h",
        (
            round(peaks[0] * math.sin(step * low * i) + peaks[1] * math.sin(step * high * i))
            for i in range(8 * ms)
        ),
    ).tobytes()


def found(pcm: bytes, *, rate: int = 8000, frame: int = 320) -> str:
    detector = ToneDetector(rate)
    keys = [key for start in range(0, len(pcm), frame) for key in detector.hear(pcm[start : start + frame])]
    return "".join(key.key for key in (*keys, *detector.finish()))


def pressed(keys: str, *, rate: int = 8000, duration_ms: int = 100, pause_ms: int = 100) -> bytes:
    sender = ToneSender(rate)
    for key in keys:
        sender.press(Press(key=key, duration_ms=duration_ms, pause_ms=pause_ms))
    pcm = b""
    while sender.busy:
        pcm += sender.frame(rate // 50)
    return pcm + bytes(rate // 5)


@pytest.mark.req("DTMF-6")
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("duration_ms", "pause_ms"), [(40, 40), (50, 45), (100, 100)])
def test_all_digits_at_every_rate(rate: int, duration_ms: int, pause_ms: int) -> None:
    pcm = pressed(DIGITS, rate=rate, duration_ms=duration_ms, pause_ms=pause_ms)
    for shift_ms in (0, 3, 6):
        assert found(bytes(2 * rate * shift_ms // 1000) + pcm, rate=rate) == DIGITS
    detector = ToneDetector(rate)
    durations = [key.duration_ms for key in detector.hear(pcm)]
    assert all(abs(duration - duration_ms) <= 10 for duration in durations), durations


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_through_a_codec_and_noise(codec: object) -> None:
    coder = PCMU if codec is PCMU else PCMA
    pcm = coder.decode(coder.encode(pressed(DIGITS, duration_ms=50, pause_ms=50)))
    draw = random.Random(4)
    noisy = array("h", (max(-32768, min(32767, round(x + draw.gauss(0, 500)))) for x in array("h", pcm)))
    assert found(noisy.tobytes()) == DIGITS


@pytest.mark.parametrize(
    ("off", "is_found"), [(-0.035, False), (-0.015, True), (0.015, True), (0.035, False)]
)
def test_frequencies_that_are_off(off: float, is_found: bool) -> None:
    for key, (low, high) in TONES_OF_KEY.items():
        pcm = tones(low * (1 + off), high * (1 + off)) + bytes(800)
        assert found(pcm) == (key if is_found else ""), key


@pytest.mark.parametrize(
    ("high_db", "is_found"), [(-10, False), (-7, True), (0, True), (3, True), (6, False)]
)
def test_twist(high_db: float, is_found: bool) -> None:
    peaks = (5000.0, 5000.0 * 10 ** (high_db / 20))
    assert found(tones(697, 1209, peaks=peaks) + bytes(800)) == ("1" if is_found else "")


@pytest.mark.parametrize(("peak", "is_found"), [(300, False), (1000, True), (14000, True)])
def test_level(peak: float, is_found: bool) -> None:
    assert found(tones(941, 1336, peaks=(peak, peak)) + bytes(800)) == ("0" if is_found else "")


@pytest.mark.parametrize(("ms", "is_found"), [(23, False), (40, True)])
def test_how_long_a_tone_must_be(ms: int, is_found: bool) -> None:
    for shift in range(0, 160, 13):
        pcm = bytes(2 * shift) + tones(770, 1336, ms=ms) + bytes(3200)
        assert found(pcm) == ("5" if is_found else ""), shift


@pytest.mark.parametrize(("gap_ms", "keys"), [(10, "5"), (40, "55")])
def test_a_short_break_is_none(gap_ms: int, keys: str) -> None:
    for shift in range(0, 160, 25):
        pcm = bytearray(bytes(2 * shift) + tones(770, 1336, ms=200) + bytes(3200))
        pcm[1600 : 1600 + 16 * gap_ms] = bytes(16 * gap_ms)
        assert found(bytes(pcm)) == keys, shift


def test_one_tone_alone_and_other_pairs_are_no_key() -> None:
    for low, high in ((697, 0), (0, 1209), (440, 480), (350, 440), (697, 770), (1209, 1336), (941, 2000)):
        assert not found(tones(low, high, ms=500))


def test_a_loss_that_was_concealed_does_not_press_twice() -> None:
    pcm = bytearray(tones(852, 1477, ms=200) + bytes(3200))
    draw = random.Random(1)
    noise = array("h", (draw.randrange(-8000, 8000) for _ in range(160)))
    pcm[1600:1920] = noise.tobytes()
    assert found(bytes(pcm)) == "9"


def test_speech_is_no_key() -> None:
    assert not found(voice(0, 15.0))


def test_keys_beside_speech_that_stops_for_them() -> None:
    talk = voice(0, 15.0)
    pcm = talk[:16000] + bytes(640) + pressed("49") + talk[16000:48000]
    assert found(pcm) == "49"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(DIGITS), st.integers(45, 300), st.integers(45, 300)), min_size=1, max_size=6
    ),
    st.integers(0, 500),
    st.sampled_from([160, 320, 441, 960]),
)
def test_what_is_sent_is_found(presses: list[tuple[str, int, int]], shift: int, frame: int) -> None:
    sender = ToneSender(8000)
    done: list[str] = []
    for key, duration, pause in presses:
        sender.press(Press(key=key, duration_ms=duration, pause_ms=pause), lambda key=key: done.append(key))  # type: ignore[misc]
    pcm = bytes(2 * shift)
    while sender.busy:
        pcm += sender.frame(frame)
    assert found(pcm + bytes(1600), frame=2 * frame) == "".join(key for key, _, _ in presses)
    assert done == [key for key, _, _ in presses]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=1000).map(lambda pcm: pcm[: len(pcm) // 2 * 2]), max_size=8))
def test_any_audio_is_heard_without_raising(stretches: list[bytes]) -> None:
    detector = ToneDetector(8000)
    for pcm in stretches:
        assert all(key.key in DIGITS for key in detector.hear(pcm))


def test_a_tone_has_no_seam() -> None:
    tone = Tone("5", 8000)
    pcm = b"".join(tone.read(160) for _ in range(100))
    steps = [abs(b - a) for a, b in zip(array("h", pcm), array("h", pcm)[1:], strict=False)]
    assert max(steps[8100:]) <= max(steps[100:7900]) + 1
    assert abs(audioop.rms(pcm, 2) - 7400) < 800
    sender = ToneSender(8000)
    with pytest.raises(ValueError, match="no tones"):
        sender.press(Press(key="!"))
