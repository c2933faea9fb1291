"""The level of recordings over time, as a strip: one sees at once who was heard, and when."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media.audio.pcm import SILENCE_DBFS, dbfs, rms
from media.audio.wav import HEADER_LENGTH
from ua.report.markup import Markup, element, number
from ua.report.scale import round_step

WINDOW_MS: Final = 50
MAX_POINTS: Final = 480
"""A longer recording has longer windows; the loudest moment of each stays."""

MAX_SECONDS: Final = 1800.0
"""What comes after it is not looked at."""

FLOOR_DBFS: Final = -60.0
QUIET_DBFS: Final = -50.0
"""Below this nobody hears anything."""

_WIDTH, _HEIGHT, _LEFT, _LANE = 900.0, 62.0, 64.0, 46.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One direction of a call.

    Attributes:
        name: "sent" or "heard"; "recording" where nothing is known of it.
        levels: dB below full scale, one of each window.
    """

    name: str
    levels: tuple[float, ...]

    @property
    def loudest(self) -> float:
        """The highest level; -127 where there is nothing."""
        return max(self.levels, default=SILENCE_DBFS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """A recording.

    Attributes:
        file: its name.
        seconds: how long it is.
        window_s: seconds of one level.
        channels: its directions.
    """

    file: str
    seconds: float
    window_s: float
    channels: tuple[Channel, ...]

    @property
    def words(self) -> str:
        """The strip in words."""
        return "; ".join(f"{each.name}: {_in_words(each, self.window_s)}" for each in self.channels)


def read_levels(path: Path) -> Levels | None:
    """The levels of a recording as we write them (`media.audio.wav`); None for any other file."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_LENGTH)
            if len(head) < HEADER_LENGTH or not (head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt "):
                return None
            _, form, channels, rate, _, _, bits = struct.unpack_from("<LHHLLHH", head, 16)
            if (form, bits) != (1, 16) or not 1 <= channels <= 2 or not 8000 <= rate <= 192_000:
                return None
            size = 2 * channels
            pcm = file.read(size * int(MAX_SECONDS * rate))
    except OSError:
        return None
    samples = array("h", pcm[: len(pcm) // size * size])
    if sys.byteorder == "big":
        samples.byteswap()
    count = len(samples) // channels
    if not count:
        return None
    # Whole windows of 50 ms, so that a moment of silence is seen.
    window = max(1, rate * WINDOW_MS // 1000) * (1 + count // (rate * WINDOW_MS // 1000 * MAX_POINTS))
    names = _names(path.name, channels)
    return Levels(
        file=path.name,
        seconds=count / rate,
        window_s=window / rate,
        channels=tuple(
            Channel(name=name, levels=_levels(samples[index::channels], window))
            for index, name in enumerate(names)
        ),
    )


def _names(file: str, channels: int) -> tuple[str, ...]:
    """Ours is on the left where both sides are recorded."""
    if channels == 2:
        return ("sent", "heard")
    return ("heard",) if "heard" in file else ("recording",)


def _levels(samples: array[int], window: int) -> tuple[float, ...]:
    return tuple(
        dbfs(rms(samples[start : start + window].tobytes())) for start in range(0, len(samples), window)
    )


def recordings(files: Sequence[str]) -> list[str]:
    """The recordings to show of these files: of a call that is there both ways, the one with both."""
    found = sorted(name for name in files if name.endswith(".wav"))
    both = {name.removesuffix("-both.wav") for name in found if name.endswith("-both.wav")}
    return [name for name in found if name.removesuffix("-heard.wav") not in both or "-both" in name]


def strip(levels: Levels) -> Markup:
    """The picture: a lane for each direction, time to the right, loud is high."""
    lanes = [_lane(channel, index, levels) for index, channel in enumerate(levels.channels)]
    bottom = _LANE * len(lanes) + 6
    step = round_step(levels.seconds / 8)
    ticks: list[Markup] = []
    for tick in range(int(levels.seconds / step) + 1):
        x = _LEFT + tick * step / levels.seconds * (_WIDTH - _LEFT - 8)
        ticks.append(element("line", class_="grid", x1=x, y1=4, x2=x, y2=bottom))
        ticks.append(element("text", f"{tick * step:g} s", x=x, y=bottom + 14, text_anchor="middle"))
    return element(
        "svg",
        element("title", f"Level of {levels.file}"),
        element("desc", levels.words),
        *ticks,
        *lanes,
        class_="strip",
        role="img",
        viewBox=f"0 0 {_WIDTH:g} {bottom + 20:g}",
    )


def _lane(channel: Channel, index: int, levels: Levels) -> Markup:
    floor = 4 + _LANE * (index + 1) - 6
    height = _LANE - 10
    width = (_WIDTH - _LEFT - 8) * levels.window_s / levels.seconds
    points = [f"M{number(_LEFT)} {number(floor)}"]
    for place, level in enumerate(channel.levels):
        share = (min(0.0, max(FLOOR_DBFS, level)) - FLOOR_DBFS) / -FLOOR_DBFS
        right = min(_LEFT + (place + 1) * width, _WIDTH - 8)
        points.append(f"V{number(floor - share * height)}H{number(right)}")
    points.append(f"V{number(floor)}Z")
    return element(
        "g",
        element(
            "text", channel.name, x=_LEFT - 8, y=floor - height / 2 + 4, text_anchor="end", class_="name"
        ),
        element("path", d="".join(points), class_="level"),
        element("line", class_="base", x1=_LEFT, y1=floor, x2=_WIDTH - 8, y2=floor),
        class_=("one", "two")[index % 2],
    )


def _in_words(channel: Channel, window_s: float) -> str:
    """Where there was sound: "silence", or "sound from 0.4 s to 5.0 s, loudest -12 dB"."""
    loud = [place for place, level in enumerate(channel.levels) if level > QUIET_DBFS]
    if not loud:
        return "silence"
    share = len(loud) / (loud[-1] - loud[0] + 1)
    gaps = "" if share > 0.95 else f", silent for {1 - share:.0%} of it"
    return (
        f"sound from {loud[0] * window_s:.1f} s to {(loud[-1] + 1) * window_s:.1f} s{gaps},"
        f" loudest {channel.loudest:.0f} dB"
    )
