"""A call that takes the place of another one (core; RFC 3891 §3, RFC 5589 §12)."""

from __future__ import annotations

from collections import deque

from ua.config.sip import TransferPolicy
from ua.sip.dialog import Dialog, DialogId
from ua.sip.events.refer_to import referrer
from ua.sip.syntax.message import Request

REMEMBERED = 64
"""Calls that are over and still known by their tags."""


class EndedCalls:
    """Dialogs of calls that are over: who wants to replace one comes too late."""

    def __init__(self) -> None:
        self._ids: deque[DialogId] = deque(maxlen=REMEMBERED)

    def add(self, dialog: Dialog) -> None:
        """A call has ended."""
        self._ids.append(dialog.id)

    def __contains__(self, dialog_id: DialogId) -> bool:
        return dialog_id in self._ids


def may_replace(request: Request, dialog: Dialog, policy: TransferPolicy) -> bool:
    """True where this INVITE may take the place of the call of `dialog`.

    Who sends it knows the Call-ID and both tags. Unless transfers are always taken, it must also come from
    the other side of that call, or say that this side has referred it there (RFC 3891 §8, RFC 5589 §12).
    Neither is proved by more than what was told in that call.
    """
    if policy == "never":
        return False
    if policy == "always":
        return True
    partner = dialog.remote.uri.as_identity()
    if request.from_.uri.as_identity().same_as(partner):
        return True
    named = referrer(request)
    return named is not None and named.uri.as_identity().same_as(partner)
