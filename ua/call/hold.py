"""Who holds whom in a call, by the directions of its audio (core; RFC 3264 §8.4, RFC 6337 §5.3)."""

from __future__ import annotations

import enum

from sdp.attributes.direction import Direction
from sdp.negotiation.negotiated import NegotiatedMedia
from ua.errors import ResultCode, UaError


class HoldRefused(UaError):
    """The other side does not take our hold, or its end; the call goes on as before."""

    code = ResultCode.REJECTED


class ChangeRefused(UaError):
    """The other side does not take other codecs, or a restart of ICE; the call goes on as before."""

    code = ResultCode.REJECTED


class Hold(enum.StrEnum):
    """Who holds whom."""

    NONE = "none"
    HOLDING = "holding"
    """We hold the other side."""
    HELD = "held"
    """The other side holds us."""
    BOTH = "both"

    @property
    def by_us(self) -> bool:
        """True where we hold the other side."""
        return self in (Hold.HOLDING, Hold.BOTH)

    @staticmethod
    def of(*, by_us: bool, by_them: bool) -> Hold:
        """The value that says just this."""
        if by_us:
            return Hold.BOTH if by_them else Hold.HOLDING
        return Hold.HELD if by_them else Hold.NONE


def holding(usual: Direction) -> Direction:
    """What we ask for to hold a stream: sendrecv becomes sendonly, recvonly inactive."""
    return Direction.of(sends=usual.sends, receives=False)


def read(usual: Direction, wish: Direction, agreed: NegotiatedMedia | None) -> Hold:
    """Who holds whom.

    A direction that the other side forces on us is no wish of ours: it changes nothing in what we ask for.

    Args:
        usual: what we ask for without a hold.
        wish: what we ask for now.
        agreed: what came of it.
    """
    by_us = usual.receives and not wish.receives
    stopped = agreed is not None and (agreed.held or not agreed.direction.sends)
    return Hold.of(by_us=by_us, by_them=wish.sends and stopped)
