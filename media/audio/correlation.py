"""How much of what was sent is in what arrived: aligned, normalised correlation.

A path delays audio, and a jitter buffer may leave out or repeat a few milliseconds, which no single
alignment survives. So the first alignment is found over all, and then followed from piece to piece; a piece
that is not near is looked for further on, for a process that stood still leaves a gap. The figure is honest:
every piece counts with its energy, also one that was not found, and only a good fit further on is taken.
"""

from __future__ import annotations

import audioop
import math
from array import array
from dataclasses import dataclass
from operator import mul
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE, find_same

_TEMPLATE_MS: Final = 250
_TEMPLATES: Final = 3
_EARLIEST_MS: Final = -1000
_LATEST_MS: Final = 3000
_PIECE_MS: Final = 100
_REACH_MS: Final = 100
_WORTH_MOVING: Final = 0.05
_LOST_BELOW: Final = 0.5
_FOUND_ABOVE: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Outcome of a comparison.

    Attributes:
        value: -1 to 1; 1 is the same audio up to its volume. 0 where either side is silent.
        offset: samples by which the received audio is later, at the first piece.
        compared_ms: length of audio that was compared.
        shifts: how often the alignment moved on the way.
    """

    value: float
    offset: int
    compared_ms: float
    shifts: int


def correlate(sent: bytes, received: bytes, rate: int = 8000) -> Correlation:
    """Compare two recordings of mono 16-bit audio.

    Where the recordings end at different times, what both hold is compared; look at `compared_ms`.

    Args:
        sent: what went in.
        received: what came out, from 1 s earlier to 3 s later.
        rate: sample rate of both, Hz.
    """
    offset = _first_offset(sent, received, rate)
    if offset is None:
        return Correlation(value=0.0, offset=0, compared_ms=0.0, shifts=0)
    first_offset: int | None = None
    samples_sent, samples_received = array("h", sent), array("h", received)
    piece = rate * _PIECE_MS // 1000
    product = energy_sent = energy_received = compared = shifts = 0
    for start in range(0, len(samples_sent), piece):
        end = min(start + piece, len(samples_sent))
        moved = _follow(sent, received, start, end, offset, rate)
        if moved != offset and first_offset is not None:
            shifts += 1
        offset = moved
        low, high = max(start + offset, 0), min(end + offset, len(samples_received))
        if low >= high:
            continue
        if first_offset is None:
            first_offset = offset
        ours = samples_sent[low - offset : high - offset]
        theirs = samples_received[low:high]
        product += sum(map(mul, ours, theirs))
        energy_sent += sum(map(mul, ours, ours))
        energy_received += sum(map(mul, theirs, theirs))
        compared += high - low
    energy = math.sqrt(energy_sent) * math.sqrt(energy_received)
    return Correlation(
        value=product / energy if energy else 0.0,
        offset=first_offset or 0,
        compared_ms=compared * 1000 / rate,
        shifts=shifts,
    )


def _first_offset(sent: bytes, received: bytes, rate: int) -> int | None:
    """The offset at which one of the loudest stretches fits best; None where there is nothing to fit."""
    length = min(rate * _TEMPLATE_MS // 1000, len(sent) // BYTES_PER_SAMPLE)
    best: tuple[float, int] | None = None
    for start in _loud_stretches(sent, length):
        low = max(0, start + rate * _EARLIEST_MS // 1000)
        found = _fit(sent, received, start, start + length, low, start + rate * _LATEST_MS // 1000)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
    return None if best is None else best[1]


def _loud_stretches(sent: bytes, length: int) -> list[int]:
    """Starts of the loudest stretches in the first, middle and last part."""
    if not length:
        return []
    starts = range(0, len(sent) // BYTES_PER_SAMPLE - length + 1, length)
    part = max(1, math.ceil(len(starts) / _TEMPLATES))
    return [
        max(starts[i : i + part], key=lambda start: audioop.rms(_cut(sent, start, start + length), 2))
        for i in range(0, len(starts), part)
    ]


def _follow(sent: bytes, received: bytes, start: int, end: int, offset: int, rate: int) -> int:
    """The offset of a piece, near that of the piece before."""
    reach = rate * _REACH_MS // 1000
    low = start + offset
    here = _fit(sent, received, start, end, low, low)
    best = _fit(sent, received, start, end, max(0, low - reach), low + reach)
    if best is None or best[0] < _LOST_BELOW:
        later = _fit(sent, received, start, end, low, low + rate * _LATEST_MS // 1000)
        if later is not None and later[0] > _FOUND_ABOVE:
            return later[1]
    if here is None or best is None or best[0] < here[0] + _WORTH_MOVING:
        return offset
    return best[1]


def _fit(sent: bytes, received: bytes, start: int, end: int, low: int, high: int) -> tuple[float, int] | None:
    """Correlation and offset of sent[start:end] where it fits best, starting from `low` to `high`."""
    template = _cut(sent, start, end)
    area = _cut(received, low, high + end - start)
    if low < 0 or len(area) < len(template) or not audioop.rms(template, 2) or not audioop.rms(area, 2):
        return None
    # a stretch of nothing but zeros would be a division by zero in there
    at, factor = audioop.findfit(audioop.bias(audioop.mul(area, 2, 0.5), 2, 1), template)
    if factor < 0:
        # upside down: a tone fits that way every half period
        at = find_same(area, template)
    ours = array("h", template)
    theirs = array("h", area[BYTES_PER_SAMPLE * at : BYTES_PER_SAMPLE * at + len(template)])
    energy = math.sqrt(sum(map(mul, ours, ours))) * math.sqrt(sum(map(mul, theirs, theirs)))
    return (sum(map(mul, ours, theirs)) / energy if energy else 0.0), low + at - start


def _cut(pcm: bytes, start: int, end: int) -> bytes:
    return pcm[BYTES_PER_SAMPLE * max(0, start) : BYTES_PER_SAMPLE * max(0, end)]
