"""The session description in a message body, also inside multipart (core; RFC 3261 §7.4.1, RFC 2046 §5.1)."""

from __future__ import annotations

import re
from typing import Final

from ua.sip.syntax.grammar import QUOTED, TOKEN, unquote
from ua.sip.syntax.message import Message

SDP: Final = "application/sdp"
MAX_DEPTH: Final = 4
MAX_PARTS: Final = 20

_BOUNDARY_RE: Final = re.compile(rf";[ \t]*boundary[ \t]*=[ \t]*({QUOTED}|{TOKEN}|[^\s;]+)", re.IGNORECASE)
_TYPE_RE: Final = re.compile(
    rb"^(?:content-type|c)[ \t]*:[ \t]*((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE
)


def session_of(message: Message) -> bytes | None:
    """The SDP that a message carries, at any depth of multipart; None without one."""
    if not message.body:
        return None
    return _find(message.headers.first("content-type") or "", message.body, MAX_DEPTH)


def _find(content_type: str, body: bytes, depth: int) -> bytes | None:
    kind = content_type.partition(";")[0].strip().lower().replace(" ", "")
    if kind == SDP:
        return body
    boundary = _BOUNDARY_RE.search(content_type)
    if not kind.startswith("multipart/") or boundary is None or depth == 0:
        return None
    mark = b"--" + unquote(boundary[1]).encode()
    parts = (b"\r\n" + body).split(b"\r\n" + mark)[1 : MAX_PARTS + 1]
    for part in parts:
        if part.startswith(b"--"):
            break
        header, blank, content = part.partition(b"\r\n\r\n")
        found = _TYPE_RE.search(header)
        inner = found[1].decode("utf-8", "replace") if found else "text/plain"
        if blank and (session := _find(inner, content, depth - 1)) is not None:
            return session
    return None
