"""Colours of the report, for light and dark; also inside SVG files of their own."""

from __future__ import annotations

# UDP, TCP and relay differ in hue and in lightness, so that they stay apart without colour vision; the text
# of every row names the transport as well.
PALETTE = """
:root{color-scheme:light dark;
--bg:#ffffff;--panel:#f7f9fc;--row:#eef2f8;--ink:#172033;--muted:#5b677d;--line:#d5dce8;
--udp:#1766c9;--tcp:#c2560c;--relay:#7c3fc4;--fail:#c4202f;--ok:#12805c;--star:#f2b705;--star-edge:#7a5a00;
--one:#1766c9;--two:#b3478a}
@media (prefers-color-scheme:dark){:root{
--bg:#0f141d;--panel:#161d29;--row:#1b2433;--ink:#e9eef7;--muted:#9caabf;--line:#2d394c;
--udp:#6db1ff;--tcp:#ff9d4d;--relay:#c6a0ff;--fail:#ff7480;--ok:#4fd1a5;--star:#ffd34d;--star-edge:#fff0bf;
--one:#6db1ff;--two:#f08fc7}}
"""
"""CSS variables on the root element."""
