"""Direction of a stream (RFC 8866 §6.7) and how an answer follows from an offer (RFC 3264 §6.1)."""

from __future__ import annotations

import enum

from sdp.syntax.model import Media, SessionDescription


class Direction(enum.StrEnum):
    """A direction as its author sees it."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """True where the author sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """True where the author receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def reverse(self) -> Direction:
        """The same as the other side sees it."""
        return Direction.of(sends=self.receives, receives=self.sends)

    @staticmethod
    def of(*, sends: bool, receives: bool) -> Direction:
        """The direction that does just this."""
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE

    def limited_to(self, other: Direction) -> Direction:
        """What both allow, seen from the same side."""
        return Direction.of(sends=self.sends and other.sends, receives=self.receives and other.receives)


_NAMES = frozenset(direction.value for direction in Direction)


def read(session: SessionDescription, media: Media) -> Direction:
    """The direction in force: of the section, else of the session, else sendrecv; of several the last."""
    for attributes in (media.attributes, session.attributes):
        for attribute in reversed(attributes):
            if attribute.value is None and attribute.name in _NAMES:
                return Direction(attribute.name)
    return Direction.SENDRECV


def answer(offer: Direction, wish: Direction) -> Direction:
    """The direction of an answer (RFC 3264 §6.1): what we wish, as far as the offer allows it."""
    return wish.limited_to(offer.reverse)
