"""Microphone and speaker: the side that is ours, with a device whose clock a test turns."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

import pytest

from media.audio.sound_card import Device, MicrophoneSource, SpeakerSink, Stream, find_device
from media.errors import AudioDeviceError
from tests.tones import share_of_power


def device(
    number: int = 0, name: str = "card", *, inputs: int = 1, outputs: int = 1, rate: int = 48_000
) -> Device:
    return Device(number=number, name=name, inputs=inputs, outputs=outputs, rate=rate)


class _Stream:
    closed = False

    def close(self) -> None:
        self.closed = True


class Card:
    """Devices that record a tone of 440 Hz and keep what they play; their thread is the test."""

    def __init__(self) -> None:
        self.take: Callable[[bytes], None]
        self.give: Callable[[int], bytes]
        self.lost: Callable[[str], None]
        self.stream = _Stream()

    def devices(self) -> tuple[Device, ...]:
        return (device(),)

    def record(self, device: Device, take: Callable[[bytes], None], lost: Callable[[str], None]) -> Stream:
        self.take, self.lost = take, lost
        return self.stream

    def play(self, device: Device, give: Callable[[int], bytes], lost: Callable[[str], None]) -> Stream:
        self.give, self.lost = give, lost
        return self.stream


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _tone(start: int, count: int, rate: int) -> bytes:
    return array(
        "h", (round(9000 * math.sin(math.tau * 440 * i / rate)) for i in range(start, start + count))
    ).tobytes()


def _talk(seconds: float, *, device_rate: int, rate: int, ppm: float = 0.0) -> tuple[MicrophoneSource, bytes]:
    """What is read of a microphone whose clock is `ppm` fast."""
    card, clock = Card(), _Clock()
    source = MicrophoneSource(card, device(rate=device_rate), rate, clock=clock)
    block = device_rate // 100
    period = 0.01 / (1 + ppm * 1e-6)
    heard, blocks = bytearray(), 0
    for frame in range(round(seconds * 50)):
        while blocks * period <= frame * 0.02:
            clock.now = blocks * period
            card.take(_tone(blocks * block, block, device_rate))
            blocks += 1
        clock.now = frame * 0.02
        pcm = source.read(2 * rate // 50)
        assert len(pcm) == 2 * rate // 50
        heard += pcm
    return source, bytes(heard)


@pytest.mark.parametrize(
    ("device_rate", "rate"),
    [(48_000, 8000), (48_000, 16_000), (44_100, 8000), (8000, 8000), (44_100, 48_000)],
)
def test_what_the_microphone_hears_is_sent_at_the_rate_of_the_call(device_rate: int, rate: int) -> None:
    source, heard = _talk(2, device_rate=device_rate, rate=rate)
    assert share_of_power(heard[2 * rate :], 440, rate) > 0.99
    assert source.underruns == source.overruns == 0


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_a_microphone_whose_clock_is_off_is_heard_without_gaps(ppm: float) -> None:
    source, heard = _talk(20, device_rate=16_000, rate=8000, ppm=ppm)
    assert source.underruns == source.overruns == 0
    assert share_of_power(heard[16_000:], 440) > 0.98


def test_what_is_heard_is_played_at_the_rate_of_the_speaker() -> None:
    card, clock = Card(), _Clock()
    sink = SpeakerSink(card, device(rate=48_000), 8000, clock=clock)
    played = bytearray()
    for frame in range(100):
        clock.now = frame * 0.02
        sink.write(_tone(160 * frame, 160, 8000))
        for half in range(2):
            clock.now = frame * 0.02 + half * 0.01
            played += card.give(960)
    assert len(played) == 2 * 2 * 48_000
    assert share_of_power(bytes(played[96_000:]), 440, 48_000) > 0.99
    assert sink.underruns == sink.overruns == 0


def test_a_speaker_hears_silence_where_nothing_comes() -> None:
    card, clock = Card(), _Clock()
    SpeakerSink(card, device(), 8000, clock=clock)
    assert card.give(960) == bytes(960)


def test_the_device_is_switched_off_with_the_call() -> None:
    for kind in (MicrophoneSource, SpeakerSink):
        card = Card()
        kind(card, device(), 8000).close()
        assert card.stream.closed


def test_a_device_that_goes_is_told_to_the_session() -> None:
    card = Card()
    source = MicrophoneSource(card, device(name="headset"), 8000)
    card.lost("the device stopped")
    with pytest.raises(AudioDeviceError, match="headset: the device stopped"):
        source.read(320)
    card = Card()
    sink = SpeakerSink(card, device(name="headset"), 8000)
    card.lost("the device stopped")
    with pytest.raises(AudioDeviceError, match="headset: the device stopped"):
        sink.write(bytes(320))


# --- which device ------------------------------------------------------------------------------------------

DEVICES = (
    device(0, "Built-in", inputs=0, outputs=2),
    device(1, "Headset of Ann", inputs=1, outputs=2),
    device(2, "Headset", inputs=1, outputs=2),
    Device(number=3, name="Monitor", inputs=2, outputs=0, rate=44_100, default_input=True),
)


def test_a_device_is_named_by_number_name_or_part_of_its_name() -> None:
    assert find_device(DEVICES, "2", "output").number == 2
    assert find_device(DEVICES, "Headset", "input").number == 2
    assert find_device(DEVICES, "ann", "input").number == 1
    assert find_device(DEVICES, "built", "output").number == 0


def test_without_a_name_the_one_of_the_system_is_taken() -> None:
    assert find_device(DEVICES, None, "input").number == 3
    assert find_device(DEVICES, None, "output").number == 0


@pytest.mark.parametrize(
    ("wanted", "direction", "problem"),
    [
        ("nobody", "input", "there is no microphone 'nobody': 1 Headset of Ann, 2 Headset, 3 Monitor"),
        ("head", "output", "'head' is more than one speaker: 1 Headset of Ann, 2 Headset"),
        ("Built-in", "input", "there is no microphone 'Built-in'"),
        ("3", "output", "there is no speaker '3'"),
    ],
)
def test_a_device_that_is_not_there_or_not_one_is_told_with_those_that_are(
    wanted: str, direction: str, problem: str
) -> None:
    with pytest.raises(AudioDeviceError, match=problem.replace("(", "\\(")):
        find_device(DEVICES, wanted, "input" if direction == "input" else "output")


def test_a_machine_without_devices_says_so() -> None:
    with pytest.raises(AudioDeviceError, match="there is no speaker"):
        find_device((), None, "output")
