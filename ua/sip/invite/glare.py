"""Offers of ours that the peer's cross: once more, after a while (RFC 3261 §14.1, RFC 3311 §5.3)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from ua.sip.requests.exchange import Exchange

LONGEST_RETRY_AFTER: Final = 10
"""Seconds that a refused offer is waited with: whoever is busy names no more (RFC 3261 §14.2)."""


class StandingCall(Protocol):
    """A call in which offers wait for their time."""

    async def wait(self, seconds: float) -> bool:
        """Wait; true where the call stands then and no exchange is open."""

    async def wait_out_glare(self) -> bool:
        """The same for the time that a 491 asks for."""


async def once_more(call: StandingCall, ask: Callable[[], Coroutine[Any, Any, Exchange]]) -> Exchange:
    """Send a re-INVITE or UPDATE, and again after 491 or a 500 that asks for patience; the last answer."""
    done = await ask()
    seconds = done.response.seconds("retry-after")
    if done.response.status == 491:
        free = await call.wait_out_glare()
    elif done.response.status == 500 and seconds is not None and seconds <= LONGEST_RETRY_AFTER:
        free = await call.wait(seconds)
    else:
        free = False
    return await ask() if free else done
