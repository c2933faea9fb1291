"""Text from the wire, made safe for a terminal."""

from __future__ import annotations

import unicodedata


def printable(text: str, *, lines: bool = False) -> str:
    r"""`text` without anything that moves the cursor or changes the terminal; `lines` keeps line feeds.

    Control, format and surrogate characters become escapes such as `\x1b`.
    """
    if lines and "\n" in text:
        return "\n".join(printable(line) for line in text.split("\n"))
    if text.isprintable():
        return text  # nearly all is, which this tells at once
    return "".join(
        character
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def milliseconds(value: float | None) -> str:
    """`value` ms for people: "0.4 ms", "21 ms", "1.24 s", "-" where unknown."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.1f} ms" if abs(value) < 10 else f"{value:.0f} ms"
