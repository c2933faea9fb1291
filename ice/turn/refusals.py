"""Which TURN servers have refused us, and for how long nothing is asked of them (RFC 8656 §7.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ice.gathering.servers import TurnServer

FOREVER: Final = float("inf")

WAITS_S: Mapping[int, float] = {
    # The same user name and password fare no better the next time; others are another entry.
    401: FOREVER,
    441: FOREVER,
    # A server does not learn to relay TCP while we run.
    442: FOREVER,
    437: 120.0,
    486: 60.0,
    508: 60.0,
}
"""RFC 8656 §7.4: seconds by code; a refusal with another code is forgotten at once."""


_OF_THE_ACCOUNT: Final = frozenset({401, 441})
"""Refused whatever is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a server said, and until when it counts; `until` is monotonic seconds."""

    code: int
    reason: str
    until: float


class Refusals:
    """The memory of all sessions of one configuration. Times are monotonic seconds.

    A server is known with its account and with what it was asked to relay: new credentials are asked anew.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[TurnServer, bool], Refusal] = {}

    def remember(self, server: TurnServer, code: int, reason: str, now: float, *, tcp: bool) -> None:
        """A server refused with this STUN error code."""
        wait_s = WAITS_S.get(code)
        if wait_s is not None:
            for asked in (True, False) if code in _OF_THE_ACCOUNT else (tcp,):
                self._known[server, asked] = Refusal(code=code, reason=reason, until=now + wait_s)

    def of(self, server: TurnServer, now: float, *, tcp: bool) -> Refusal | None:
        """Why nothing is asked of the server now; None where it may be asked."""
        known = self._known.get((server, tcp))
        if known is not None and now >= known.until:
            del self._known[server, tcp]
            return None
        return known
