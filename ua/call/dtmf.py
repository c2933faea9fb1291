"""Keys pressed in a call, told by INFO requests (no package: RFC 6086 §3 leaves this old use as it is)."""

from __future__ import annotations

import asyncio
from typing import Final

from ua.errors import CallRejected, UsageError
from ua.sip.events.dtmf import DEFAULT_MS, PLAIN_TYPE, RELAY_TYPE, Digit, DtmfType, keys
from ua.sip.invite.leg import Leg

GAP_S: Final = 0.07
"""Seconds of silence between two keys."""


class InfoKeys:
    """Presses keys in one call, one INFO at a time.

    Args:
        leg: of the call.
    """

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._lock = asyncio.Lock()
        self._type: DtmfType = RELAY_TYPE

    async def press(self, digits: str, *, duration_ms: int = DEFAULT_MS) -> None:
        """Press them one after the other; returns after the last. Blanks and dashes are left out.

        A peer that does not know application/dtmf-relay gets application/dtmf. Raises UsageError for what is
        no digit and for a peer that takes no INFO, CallRejected where it refuses one, SipError.
        """
        try:
            pressed = keys(digits)
        except ValueError as error:
            raise UsageError(str(error), hint="0 to 9, *, # and A to D") from None
        if not self._leg.peer.allows("INFO"):
            raise UsageError("the other side takes no digits by INFO: its Allow does not name it")
        async with self._lock:
            for key in pressed:
                await self._press(Digit(key=key, duration_ms=duration_ms))
                await asyncio.sleep(duration_ms / 1000 + GAP_S)

    async def _press(self, digit: Digit) -> None:
        done = await self._leg.request("INFO", body=digit.body(self._type), content_type=self._type)
        if done.response.status == 415 and self._type == RELAY_TYPE:
            self._type = PLAIN_TYPE
            done = await self._leg.request("INFO", body=digit.body(self._type), content_type=self._type)
        if not done.response.is_success:
            status = done.response.status
            raise CallRejected(f"the digit {digit.key} was refused: {status}", sip_code=status)
