"""Changes of a call that stands: holds, ends of them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from ua.call.hold import HoldRefused
from ua.interop.failure import Failure, Unmet

if TYPE_CHECKING:
    from ua.interop.stage import Stage


async def changed(stage: Stage, change: Awaitable[None]) -> None:
    """Await `call.hold()` or `call.resume()`, which the peer has to take; raises Unmet."""
    with stage.step("waiting for the answer to a re-INVITE"):
        try:
            await change
        except HoldRefused as error:
            raise Unmet(
                Failure(
                    cause="change_refused",
                    expected="the peer takes a re-INVITE; one that crosses its own gets 491 and comes again",
                    seen=error.what,
                    where=stage.last_message(),
                    advice="does the peer take re-INVITEs, with a=sendonly too, from this phone?",
                )
            ) from error
