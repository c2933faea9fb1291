"""The ACKs to the 2xx of our INVITEs; a repeated 2xx gets the same one again (RFC 3261 §13.2.2.4)."""

from __future__ import annotations

from ua.sip.errors import SipError
from ua.sip.stack import Stack
from ua.sip.syntax.message import Request
from ua.sip.transport.hop import Hop


class Acks:
    """ACKs of one dialog, by the CSeq of their INVITE."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._drafts: dict[int, Request] = {}
        self._failed: set[int] = set()
        self._sent: dict[int, tuple[Hop, Request]] = {}

    def __contains__(self, invite: Request) -> bool:
        return invite.cseq.number in self._drafts

    async def send(self, ack: Request) -> None:
        """Send the ACK to a 2xx for the first time; raises SipUnreachable."""
        self._drafts[ack.cseq.number] = ack
        await self._try(ack.cseq.number)

    async def repeat(self, invite: Request) -> None:
        """The 2xx came again: so goes the ACK, one that could not be sent as well. Raises SipUnreachable.

        One that is not made yet, or is on its way, is not waited for: the next repeat of the 2xx gets it.
        """
        number = invite.cseq.number
        kept = self._sent.get(number)
        if kept is not None:
            self._stack.send_again(*kept)
        elif number in self._failed:
            self._failed.remove(number)
            await self._try(number)

    async def _try(self, number: int) -> None:
        try:
            self._sent[number] = await self._stack.send_ack(self._drafts[number])
        except SipError:
            self._failed.add(number)
            raise
