"""The page as one document: nothing in it needs another request."""

from __future__ import annotations

import functools
import re
from importlib.resources import files

_SCRIPT = re.compile(r'<script src="(\w+\.js)"></script>')


@functools.cache
def phone_page() -> bytes:
    """A phone in HTML: it calls over the WebSocket of the address that it was loaded from (UTF-8)."""
    folder = files(__package__)

    def inlined(match: re.Match[str]) -> str:
        return f"<script>\n{folder.joinpath(match[1]).read_text(encoding='utf-8')}</script>"

    return _SCRIPT.sub(inlined, folder.joinpath("phone.html").read_text(encoding="utf-8")).encode()
