"""What a final response means for the request that it answers (core; RFC 3261 §8.1.3.2, §12.2.1.2, §21)."""

from __future__ import annotations

import enum
from typing import Final


class Outcome(enum.Enum):
    """What is to be done about a response."""

    PENDING = "pending"
    """1xx: the final response is still to come."""
    DONE = "done"
    """2xx."""
    REDIRECTED = "redirected"
    """3xx with other addresses to try (RFC 3261 §21.3)."""
    CHALLENGED = "challenged"
    """401 and 407: once more, with credentials (RFC 3261 §22)."""
    AMENDABLE = "amendable"
    """415, 416, 420, 421, 422: once more, changed as the response says (RFC 3261 §8.1.3.5, RFC 4028 §7.3)."""
    TOO_BRIEF = "too brief"
    """423 to a request with an expiry: once more, for longer (RFC 3261 §10.2.8)."""
    GLARE = "glare"
    """491 in a dialog: once more, after a while (RFC 3261 §14.1)."""
    DIALOG_GONE = "dialog gone"
    """408 and 481 in a dialog: the peer knows it no more (RFC 3261 §12.2.1.2)."""
    FAILED = "failed"
    """Here it goes no further; another target of a redirection may do."""
    REFUSED_EVERYWHERE = "refused everywhere"
    """6xx: nobody else is asked (RFC 3261 §21.6)."""


_AMENDABLE: Final = frozenset({415, 416, 420, 421, 422})
_WITH_EXPIRY: Final = frozenset({"REGISTER", "SUBSCRIBE", "PUBLISH"})


def outcome(status: int, method: str, *, in_dialog: bool) -> Outcome:
    """The meaning of a status (100 to 699) for a request of ours; an unknown one counts as x00 of its class.

    Args:
        status: of the response.
        method: of the request.
        in_dialog: true where the request had a To tag.
    """
    match status // 100:
        case 1:
            return Outcome.PENDING
        case 2:
            return Outcome.DONE
        case 3:
            return Outcome.FAILED if status == 380 else Outcome.REDIRECTED
        case 6:
            return Outcome.REFUSED_EVERYWHERE
        case _:
            return _of_failure(status, method, in_dialog=in_dialog)


def _of_failure(status: int, method: str, *, in_dialog: bool) -> Outcome:
    if status in (401, 407):
        return Outcome.CHALLENGED
    if status in _AMENDABLE:
        return Outcome.AMENDABLE
    if status == 423 and method in _WITH_EXPIRY:
        return Outcome.TOO_BRIEF
    if status == 491 and in_dialog and method in ("INVITE", "UPDATE"):
        return Outcome.GLARE
    if status in (408, 481) and in_dialog:
        return Outcome.DIALOG_GONE
    return Outcome.FAILED
