"""Text without the keys that stand in it: for logs, traces and reports."""

from __future__ import annotations

import re

_KEY = re.compile(r"(?i)\b(inline:)[^|;\s]+")
_LINE = re.compile(r"(?im)^a=crypto:[^\r\n]*")
_ICE = re.compile(r"(?im)^(a=ice-pwd[ \t]*:)[^\r\n]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/=]{24,}")


def mask_keys(text: str) -> str:
    """`text` with three stars for each SRTP master key (RFC 4568 §6.1) and each ICE password."""
    # Every message of a call comes by here, and most have none.
    plain = text.lower()
    if "inline:" in plain:
        text = _KEY.sub(r"\1***", text)
    if "ice-pwd" in plain:
        text = _ICE.sub(r"\1***", text)
    if "crypto" in plain:
        text = _LINE.sub(lambda line: _BASE64.sub("***", line[0]), text)
    return text
