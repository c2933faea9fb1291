"""When RTCP packets are sent (RFC 3550 §6.2, §6.3, A.7)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from media.config import RtcpBandwidth

FIXED_MINIMUM_S: Final = 5.0
"""RFC 3550 §6.2; also the minimum for timing members out, whatever is used for sending."""

COMPENSATION: Final = math.e - 1.5
"""RFC 3550 §6.3.1: timer reconsideration converges below the intended average."""

TIMEOUT_INTERVALS: Final = 5
"""RFC 3550 §6.3.5."""


def reduced_minimum(session_kbps: float) -> float:
    """The minimum interval in seconds that a session bandwidth in kbit/s allows (RFC 3550 §6.2)."""
    return min(FIXED_MINIMUM_S, 360 / session_kbps)


def deterministic_interval(
    *,
    members: int,
    senders: int,
    we_sent: bool,
    bandwidth: RtcpBandwidth,
    average_size: float,
    minimum: float,
) -> float:
    """Td of RFC 3550 §6.3.1 in seconds; infinite where we have no bandwidth.

    Args:
        members: participants, ourselves included.
        senders: those of them that sent RTP lately.
        we_sent: whether we are one.
        bandwidth: of the session.
        average_size: of compound packets in bytes, with UDP and IP headers.
        minimum: Tmin in seconds.
    """
    total = bandwidth.total
    if total <= 0:
        return math.inf
    if senders * total <= members * bandwidth.senders:
        share, sharing = (bandwidth.senders, senders) if we_sent else (bandwidth.receivers, members - senders)
    else:
        share, sharing = total, members
    if share <= 0:
        return math.inf
    return max(minimum, sharing * average_size / share)


class RtcpTimer:
    """The transmission timer of one participant with timer reconsideration (RFC 3550 §6.3, A.7).

    Args:
        now: when the session was joined, monotonic seconds.
        bandwidth: of the session.
        minimum: Tmin in seconds; half of it before the first packet.
        first_size: expected size of the first compound packet, headers of UDP and IP included.
        uniform: random numbers in [0, 1).
    """

    def __init__(
        self,
        now: float,
        *,
        bandwidth: RtcpBandwidth,
        minimum: float,
        first_size: float,
        uniform: Callable[[], float],
    ) -> None:
        self._bandwidth = bandwidth
        self._minimum = minimum
        self._uniform = uniform
        self._initial = True
        self._last = now
        self._members = 1
        self.average_size = first_size
        """avg_rtcp_size, bytes."""
        self.interval = self._draw(1, 0, we_sent=False)
        """T as drawn last, seconds."""
        self.next_at = now + self.interval
        """When to ask `expired`; infinite where RTCP is off."""

    def _draw(self, members: int, senders: int, *, we_sent: bool) -> float:
        td = deterministic_interval(
            members=members,
            senders=senders,
            we_sent=we_sent,
            bandwidth=self._bandwidth,
            average_size=self.average_size,
            minimum=self._minimum / 2 if self._initial else self._minimum,
        )
        return td * (self._uniform() + 0.5) / COMPENSATION

    def expired(self, now: float, *, members: int, senders: int, we_sent: bool) -> bool:
        """Whether to send now; if not, `next_at` has moved (RFC 3550 §6.3.6). Call at `next_at`."""
        self.interval = self._draw(members, senders, we_sent=we_sent)
        self._members = members
        if self._last + self.interval > now:
            self.next_at = self._last + self.interval
            return False
        return True

    def sent(self, size: int, now: float, *, members: int, senders: int, we_sent: bool) -> None:
        """A compound packet of `size` bytes (headers included) went out: schedule the next."""
        self._count(size)
        self._last = now
        # RFC 3550 A.7 draws once more with the first interval's minimum; §6.3.6 clears `initial` first
        self._initial = False
        self.interval = self._draw(members, senders, we_sent=we_sent)
        self.next_at = now + self.interval

    def received(self, size: int) -> None:
        """A compound packet of `size` bytes (headers included) came."""
        self._count(size)

    def _count(self, size: int) -> None:
        self.average_size += (size - self.average_size) / 16

    def members_left(self, now: float, members: int) -> None:
        """Reverse reconsideration after BYE or timeout (RFC 3550 §6.3.4)."""
        if members < self._members and not math.isinf(self.next_at):
            share = members / self._members
            self.next_at = now + share * (self.next_at - now)
            self._last = now - share * (now - self._last)
            self._members = members

    def member_timeout(self, *, members: int, senders: int) -> float:
        """Silence in seconds after which a member is gone (RFC 3550 §6.3.5)."""
        td = self._fixed(members, senders, sends=False)
        return TIMEOUT_INTERVALS * (FIXED_MINIMUM_S if math.isinf(td) else td)

    def interval_of_peer(self, *, members: int, senders: int, sends: bool) -> float:
        """Deterministic interval in seconds of another who `sends` or only listens (RFC 8083 §3, Tdr)."""
        td = self._fixed(members, senders, sends=sends)
        return FIXED_MINIMUM_S if math.isinf(td) else td

    def _fixed(self, members: int, senders: int, *, sends: bool) -> float:
        return deterministic_interval(
            members=members,
            senders=senders,
            we_sent=sends,
            bandwidth=self._bandwidth,
            average_size=self.average_size,
            minimum=FIXED_MINIMUM_S,
        )
