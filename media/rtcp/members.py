"""Who takes part in an RTP session, as far as RTP and RTCP tell (RFC 3550 §6.2.1, §6.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAXIMUM_MEMBERS: Final = 64
"""More are not kept: a call has two, and a flood of made-up SSRCs must not grow without bound."""

_BYE_MEMORY_S: Final = 10.0
"""How long packets after a BYE make no new member (RFC 3550 §6.2.1: an appropriate delay)."""


@dataclass(slots=True, kw_only=True)
class Member:
    """One other participant.

    Attributes:
        heard_at: last RTP or RTCP packet, monotonic seconds.
        sent_at: last RTP packet, None where it sends none.
        left_at: when its BYE came, None while it is here.
        cname: canonical name, None until it was told.
    """

    heard_at: float
    sent_at: float | None = None
    left_at: float | None = None
    cname: str | None = None


class Members:
    """The member table, without ourselves."""

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}

    def get(self, ssrc: int) -> Member | None:
        """A member that is here or has just left."""
        return self._members.get(ssrc)

    def heard(self, ssrc: int, now: float, *, rtp: bool = False) -> Member | None:
        """Note a packet; None where the member has left, or the table is full."""
        member = self._members.get(ssrc)
        if member is None:
            if len(self._members) >= MAXIMUM_MEMBERS:
                return None
            member = self._members[ssrc] = Member(heard_at=now)
        if member.left_at is not None:
            return None
        member.heard_at = max(member.heard_at, now)
        if rtp:
            member.sent_at = now if member.sent_at is None else max(member.sent_at, now)
        return member

    def left(self, ssrc: int, now: float) -> bool:
        """Note a BYE; false where nobody known left."""
        member = self._members.get(ssrc)
        if member is None or member.left_at is not None:
            return False
        member.left_at = now
        return True

    def expire(self, now: float, *, timeout: float, sender_timeout: float) -> list[int]:
        """Drop who is silent or left long ago, and who sends no more from the senders (RFC 3550 §6.3.5).

        Args:
            now: monotonic seconds.
            timeout: silence after which a member is gone, seconds.
            sender_timeout: silence after which it is no sender any more, seconds.

        Returns:
            The SSRCs that are gone.
        """
        gone = [
            ssrc
            for ssrc, member in self._members.items()
            if now - member.heard_at > timeout
            or (member.left_at is not None and now - member.left_at > _BYE_MEMORY_S)
        ]
        for ssrc in gone:
            del self._members[ssrc]
        for member in self._members.values():
            if member.sent_at is not None and now - member.sent_at > sender_timeout:
                member.sent_at = None
        return gone

    @property
    def count(self) -> int:
        """Participants here, ourselves included."""
        return 1 + sum(member.left_at is None for member in self._members.values())

    @property
    def senders(self) -> int:
        """Other participants that sent RTP lately."""
        return sum(m.left_at is None and m.sent_at is not None for m in self._members.values())
