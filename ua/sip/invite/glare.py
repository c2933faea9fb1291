"""Offers of ours that the peer's cross: once more, after a while (RFC 3261 §14.1, RFC 3311 §5.3)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from ua.sip.requests.exchange import Exchange

if TYPE_CHECKING:
    from ua.sip.invite.leg import Leg

LONGEST_RETRY_AFTER: Final = 10
"""Seconds that a refused offer is waited with: whoever is busy names no more (RFC 3261 §14.2)."""


async def once_more(leg: Leg, ask: Callable[[], Coroutine[Any, Any, Exchange]]) -> Exchange:
    """Send a re-INVITE or UPDATE, and again after 491 or a 500 that asks for patience; the last answer."""
    done = await ask()
    seconds = done.response.seconds("retry-after")
    if done.response.status == 491:
        free = await leg.wait_out_glare()
    elif done.response.status == 500 and seconds is not None and seconds <= LONGEST_RETRY_AFTER:
        free = await leg.wait(seconds)
    else:
        free = False
    return await ask() if free else done
