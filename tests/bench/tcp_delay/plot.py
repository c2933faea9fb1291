"""The delays as a picture: one panel for each link, the worst delay of each moment, by sender."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from tests.bench.tcp_delay.figures import PTIME_S, Delays, worst

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 900, 170, 60, 40, 46
_STEPS: Final = 300
_COLOURS: Final = {"ours": "#0a7d4f", "naive": "#c0392b"}
_LOWEST_MS, _HIGHEST_MS = 20.0, 30_000.0
_LINES_MS: Final = (25, 100, 400, 1000, 10_000)

Panel = tuple[str, Sequence[Delays]]


def _y(ms: float, top: float) -> float:
    """Logarithmic: from an ordinary delay to half a minute."""
    share = math.log(max(_LOWEST_MS, min(ms, _HIGHEST_MS)) / _LOWEST_MS) / math.log(_HIGHEST_MS / _LOWEST_MS)
    return top + _HEIGHT * (1 - share)


def _path(delays: Delays, top: float) -> str:
    """The worst delay of each moment; the line is interrupted where nothing came."""
    parts: list[str] = []
    down = False
    for step, ms in enumerate(worst(delays.frames, delays.sent, _STEPS)):
        if ms is None:
            down = False
            continue
        x = _LEFT + _WIDTH * (step + 0.5) / _STEPS
        parts.append(f"{'L' if down else 'M'}{x:.1f} {_y(ms, top):.1f}")
        if not down:
            # A moment between two gaps is a dot.
            parts.append("h0.1")
        down = True
    colour = _COLOURS.get(delays.sender, "#555")
    return f'<path d="{" ".join(parts)}" fill="none" stroke="{colour}" stroke-width="1.4"/>'


def draw(panels: Sequence[Panel]) -> str:
    """An SVG file."""
    height = _TOP + len(panels) * (_HEIGHT + _GAP) + 10
    width = _LEFT + _WIDTH + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="12">',
        "<style>text { font-family: sans-serif }</style>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (sender, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + 110 * number
        lines.append(f'<path d="M{x} 16h24" stroke="{colour}" stroke-width="3"/>')
        lines.append(f'<text x="{x + 30}" y="20">{sender}</text>')
    for number, (name, senders) in enumerate(panels):
        top = _TOP + number * (_HEIGHT + _GAP)
        seconds = max((each.sent for each in senders), default=0) * PTIME_S
        lines.append(f'<text x="{_LEFT}" y="{top - 6}" font-weight="bold">{escape(name)}</text>')
        for ms in _LINES_MS:
            y = _y(ms, top)
            lines.append(f'<path d="M{_LEFT} {y:.1f}h{_WIDTH}" stroke="#ddd"/>')
            lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{ms}</text>')
        lines += [_path(each, top) for each in reversed(senders)]
        lines.append(f'<text x="{_LEFT}" y="{top + _HEIGHT + 16}">0 s</text>')
        lines.append(
            f'<text x="{_LEFT + _WIDTH}" y="{top + _HEIGHT + 16}" text-anchor="end">{seconds:.0f} s</text>'
        )
    lines.append(f'<text x="8" y="{_TOP - 22}" fill="#555">ms</text>')
    return "\n".join([*lines, "</svg>", ""])
