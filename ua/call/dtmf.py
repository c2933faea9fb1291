"""Keys pressed in a call: by telephone events, by INFO requests or as tones, whatever the peer takes.

INFO with digits has no package: RFC 6086 §3 leaves this old use as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from media.dtmf.keys import DEFAULT_MS, FLASH, LEAST_MS, MOST_MS, Press
from ua.call.digits import DigitWay, ways
from ua.call.media_leg import MediaLeg
from ua.config.dtmf import DtmfChoice
from ua.errors import CallRejected, Interrupted, UaError, UsageError
from ua.sip.events.dtmf import PLAIN_TYPE, RELAY_TYPE, Digit, DtmfType, keys
from ua.sip.invite.leg import Leg

UNKNOWN: Final = frozenset({405, 415, 420, 469, 481, 488, 489, 501, 606})
"""Refusals that say the peer knows no digits by INFO."""

HINT: Final = "0 to 9, *, #, A to D, and ! for a hook flash"


class Keys:
    """Presses keys in one call, one after the other.

    Args:
        leg: of the call.
        media: of the call.
        on_way: called with the way that digits are about to take.

    Attributes:
        way: which was taken last.
    """

    def __init__(self, leg: Leg, media: MediaLeg, on_way: Callable[[DigitWay], None]) -> None:
        self._leg = leg
        self._media = media
        self._on_way = on_way
        self._lock = asyncio.Lock()
        self._type: DtmfType = RELAY_TYPE
        self.way: DigitWay | None = None

    async def press(
        self, digits: str, *, by: DtmfChoice, duration_ms: int = DEFAULT_MS, pause_ms: int = DEFAULT_MS
    ) -> None:
        """Press them; returns after the last. Blanks and dashes are left out.

        By INFO a peer that does not know application/dtmf-relay gets application/dtmf.

        Raises:
            UsageError: what is no digit, or goes by none of the ways that were asked for.
            CallRejected: an INFO was refused.
            Interrupted: the call ended before the last one was out.
            SipError: an INFO was not answered.
        """
        try:
            pressed = tuple(
                Press(key=key, duration_ms=duration_ms, pause_ms=pause_ms) for key in keys(digits)
            )
        except ValueError as error:
            raise UsageError(str(error), hint=f"{HINT}; {LEAST_MS} to {MOST_MS} ms") from None
        async with self._lock:
            if self._leg.is_over:
                raise UsageError("the call is over")
            possible = ways(by, [press.key for press in pressed], takes=self._takes)
            if not possible:
                raise UsageError(
                    self._why_not(by), hint="--dtmf-by names another way; auto takes what there is"
                )
            for way in possible:
                try:
                    await self._press(pressed, way)
                except _NotKnownError as error:
                    if way == possible[-1]:
                        raise error.refusal from None
                else:
                    return

    def _takes(self, key: str, way: DigitWay) -> bool:
        if way == "info":
            return key != FLASH and self._leg.peer.allows("INFO")
        return self._media.keys.takes(key, way)

    def _why_not(self, by: DtmfChoice) -> str:
        match by:
            case "info":
                return "the other side takes no digits by INFO: its Allow does not name it"
            case "rfc4733":
                return "the other side takes none of these digits by telephone events, or nothing is sent now"
            case "inband":
                return "these keys have no tones, or nothing is sent now"
            case "auto":
                return "the other side takes these digits by no way that there is"

    async def _press(self, pressed: Sequence[Press], way: DigitWay) -> None:
        self.way = way
        self._on_way(way)
        if way != "info":
            try:
                done = self._media.keys.press(pressed, way)
            except OverflowError as error:
                raise UsageError(str(error)) from None
            await done
            if self._leg.is_over:
                raise Interrupted("the call ended before all digits were out")
            return
        for number, press in enumerate(pressed):
            await self._tell(Digit(key=press.key, duration_ms=press.duration_ms), is_first=not number)
            await asyncio.sleep((press.duration_ms + press.pause_ms) / 1000)

    async def _tell(self, digit: Digit, *, is_first: bool) -> None:
        done = await self._leg.request("INFO", body=digit.body(self._type), content_type=self._type)
        if done.response.status == 415 and self._type == RELAY_TYPE:
            self._type = PLAIN_TYPE
            done = await self._leg.request("INFO", body=digit.body(self._type), content_type=self._type)
        if not done.response.is_success:
            status = done.response.status
            refusal = CallRejected(f"the digit {digit.key} was refused: {status}", sip_code=status)
            raise _NotKnownError(refusal) if is_first and status in UNKNOWN else refusal


class _NotKnownError(Exception):
    """A way that the peer said it knows and does not."""

    def __init__(self, refusal: UaError) -> None:
        super().__init__(refusal.what)
        self.refusal = refusal
