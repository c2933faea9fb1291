"""Calls that want to be answered without a person: intercoms, door bells (core; RFC 5373).

Whoever may do that can listen into a room, so it is for callers who have proved who they are (RFC 5373 §7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ua.config.calls import AutoAnswerPolicy
from ua.sip.syntax.message import Request

LONGEST_S: Final = 60
"""Seconds that a caller may ask us to ring before."""

_AFTER: Final = re.compile(r";\s*answer-after\s*=\s*\"?([0-9]{1,4})\"?\s*(?=$|[;,])", re.IGNORECASE)
_ALERT: Final = re.compile(r";\s*info\s*=\s*\"?alert-autoanswer\"?\s*(?=$|[;,])", re.IGNORECASE)
_DELAY: Final = re.compile(r";\s*delay\s*=\s*\"?([0-9]{1,4})\"?\s*(?=$|[;,])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoAnswer:
    """What a caller asks for.

    Attributes:
        after_s: seconds to ring before.
        required: rather no call than one that a person answers.
    """

    after_s: float = 0.0
    required: bool = False


def asked(request: Request) -> AutoAnswer | None:
    """What the INVITE asks for, None for a call that rings.

    Answer-Mode and Priv-Answer-Mode (RFC 5373 §4), `answer-after` in Call-Info and `info=alert-autoanswer`
    in Alert-Info, which PBXs send.
    """
    for name in ("priv-answer-mode", "answer-mode"):
        value = request.headers.first(name)
        if value is not None:
            mode, _, params = value.partition(";")
            tokens = {token.strip().lower() for token in params.split(";")}
            # A mode that says Manual is the last word.
            return AutoAnswer(required="require" in tokens) if mode.strip().lower() == "auto" else None
    for row in request.headers.all("call-info"):
        after = _AFTER.search(row)
        if after is not None:
            return AutoAnswer(after_s=float(min(int(after[1]), LONGEST_S)))
    for row in request.headers.all("alert-info"):
        if _ALERT.search(row):
            delay = _DELAY.search(row)
            return AutoAnswer(after_s=0.0 if delay is None else float(min(int(delay[1]), LONGEST_S)))
    return None


def granted(wish: AutoAnswer | None, policy: AutoAnswerPolicy, *, proved: bool) -> float | None:
    """Seconds after which a call is answered without a person; None where it rings.

    Args:
        wish: what the caller asks for.
        policy: ours.
        proved: the caller has proved to know our password.
    """
    if policy == "always":
        return 0.0 if wish is None else wish.after_s
    if policy == "local" and wish is not None and proved:
        return wish.after_s
    return None


def refused(wish: AutoAnswer | None, granted_s: float | None) -> bool:
    """True where the call is to be refused with 403: it may not ring, and nothing else is granted."""
    return wish is not None and wish.required and granted_s is None
