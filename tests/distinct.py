"""Messages without their retransmissions, of which a machine that stands still sees any number."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

_Message = TypeVar("_Message", bound=Hashable)


def distinct(messages: Iterable[_Message]) -> list[_Message]:
    """Each message once, in order: a retransmission is equal in every byte, and nothing else is.

    What is sent anew has another branch or CSeq (RFC 3261 §8.1.1.7, §12.2.1.1).
    """
    return list(dict.fromkeys(messages))
