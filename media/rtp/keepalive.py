"""Empty packets that keep a path open while nothing else goes over it (RFC 6263 §4.6)."""

from __future__ import annotations

from collections.abc import Collection

from media.rtp.sender import RtpSender


class Keepalive:
    """Sends them with a payload type that nobody uses.

    Args:
        sender: whose numbering they take.
        period_ms: longest silence; None sends none.
        used: payload types in use.
    """

    def __init__(self, sender: RtpSender, period_ms: int | None, used: Collection[int | None]) -> None:
        self._sender = sender
        self._period = None if period_ms is None else period_ms / 1000
        self.avoid(used)

    def avoid(self, used: Collection[int | None]) -> None:
        """These payload types are in use from now on."""
        self._payload_type = next(number for number in range(127, 95, -1) if number not in used)

    def frame(self, now: float) -> None:
        """A frame in which nothing is sent."""
        if self._period is not None and self._sender.quiet_for(now) >= self._period:
            self._sender.keepalive(self._payload_type, now)
