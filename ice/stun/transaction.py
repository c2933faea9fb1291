"""The client side of one STUN transaction: when to send again, when to give up (RFC 8489 §6.2)."""

from __future__ import annotations

# RFC 8489 §6.2.1: number of requests, and how many RTO the last one is waited for.
RC = 7
RM = 16
DEFAULT_RTO_S = 0.5


class ClientTransaction:
    """One request and its timers; times are monotonic seconds.

    Over an unreliable transport it is sent up to 7 times at doubling intervals, byte for byte the same;
    over TCP once.

    Args:
        transaction_id: 12 unpredictable bytes.
        data: the request.
        reliable: True over TCP.
        now: when the first transmission leaves.
        deadline: when it is given up at the latest.
        rto_s: first interval, at least 0.5.
    """

    __slots__ = (
        "_gives_up_at",
        "_interval",
        "_rto",
        "_sends_at",
        "cancelled",
        "data",
        "id",
        "sent_at",
        "transmissions",
    )

    def __init__(
        self,
        *,
        transaction_id: bytes,
        data: bytes,
        reliable: bool,
        now: float,
        deadline: float,
        rto_s: float = DEFAULT_RTO_S,
    ) -> None:
        if not reliable and rto_s < DEFAULT_RTO_S:
            raise ValueError(f"an RTO of {rto_s} s is under 0.5 s")
        self.id = transaction_id
        self.data = data
        self.sent_at = now
        self.transmissions = 1
        self.cancelled = False
        self._rto = self._interval = rto_s
        self._gives_up_at = deadline
        self._sends_at = deadline if reliable else now + rto_s

    @property
    def next_timer(self) -> float:
        """When `due` or `expired` has something to say."""
        return self._gives_up_at if self.cancelled else min(self._sends_at, self._gives_up_at)

    def expired(self, now: float) -> bool:
        """True once no answer is waited for any longer."""
        return now >= self._gives_up_at

    def due(self, now: float) -> bool:
        """True where the request is to be sent again now; counts it as sent."""
        if self.cancelled or now < self._sends_at or self.expired(now):
            return False
        self.transmissions += 1
        if self.transmissions < RC:
            self._interval *= 2
            self._sends_at += self._interval
        else:
            self._sends_at += RM * self._rto
            self._gives_up_at = min(self._gives_up_at, self._sends_at)
        return True

    def cancel(self) -> None:
        """Send no more; an answer is still taken until the deadline (RFC 8445 §7.3.1.4)."""
        self.cancelled = True
