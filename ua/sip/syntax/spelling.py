"""Header names as their RFCs spell them, where capitals at hyphens are not enough (core).

Names are case-insensitive (RFC 3261 §7.3.1), but not to every program that reads them.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

_SPELLED: Final = {
    "min-se": (b"\r\nMin-Se: ", b"\r\nMin-SE: "),
    "rack": (b"\r\nRack: ", b"\r\nRAck: "),
    "rseq": (b"\r\nRseq: ", b"\r\nRSeq: "),
    "sip-etag": (b"\r\nSip-Etag: ", b"\r\nSIP-ETag: "),
    "sip-if-match": (b"\r\nSip-If-Match: ", b"\r\nSIP-If-Match: "),
}


def spelled(data: bytes, names: Container[str]) -> bytes:
    """A message whose header has these names (in lower case), spelled as usual."""
    head, blank, body = data.partition(b"\r\n\r\n")
    for name, (plain, usual) in _SPELLED.items():
        if name in names:
            head = head.replace(plain, usual)
    return head + blank + body
