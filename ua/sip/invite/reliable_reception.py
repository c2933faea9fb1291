"""Reliable provisional responses as the caller sees them (core; RFC 3262 §4)."""

from __future__ import annotations

import enum

from ua.sip.invite.rack import RAck, rseq_of
from ua.sip.syntax.message import Response


class Arrival(enum.StrEnum):
    """What a provisional response is."""

    PLAIN = "plain"
    """Not reliable: nothing is acknowledged."""
    NEXT = "next"
    """To be acknowledged and used."""
    REPEATED = "repeated"
    """It was acknowledged; nothing is to be done."""
    EARLY = "early"
    """One before it is missing: neither acknowledged nor used."""


class ReliableReception:
    """The numbers of one INVITE in one early dialog."""

    def __init__(self) -> None:
        self._last: int | None = None

    def take(self, response: Response) -> tuple[Arrival, RAck | None]:
        """A provisional response came; gives what the PRACK says where one is to be sent."""
        rseq = rseq_of(response)
        if rseq is None:
            return Arrival.PLAIN, None
        if self._last is not None and rseq <= self._last:
            return Arrival.REPEATED, None
        if self._last is not None and rseq != self._last + 1:
            return Arrival.EARLY, None
        self._last = rseq
        return Arrival.NEXT, RAck(rseq=rseq, cseq=response.cseq)
