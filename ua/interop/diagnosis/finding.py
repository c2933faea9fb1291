"""What one rule has found: a cause, and the message or packet that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Topic = Literal["registration", "setup", "agreement", "path", "audio", "reports", "keys", "end"]
"""What a failure is about: that we are registered, that a call is placed, what was agreed for its media,
which way that takes, what is heard, what RTCP says, which keys arrive, how it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cause.

    Attributes:
        cause: its name, one of `ua.interop.diagnosis.advice.ADVICE`.
        seen: what the log shows, one sentence without a full stop.
        where: the message or packet; empty where it is something that is missing.
    """

    cause: str
    seen: str
    where: str = ""
