"""The ACKs to the 2xx of our INVITEs; a repeated 2xx gets the same one again (RFC 3261 §13.2.2.4)."""

from __future__ import annotations

from collections.abc import Callable

from ua.sip.errors import SipError
from ua.sip.stack import Stack
from ua.sip.syntax.message import Request
from ua.sip.transport.hop import Hop


class Acks:
    """ACKs of one dialog, by the CSeq of their INVITE."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._sent: dict[int, tuple[Hop, Request] | None] = {}

    def __contains__(self, invite: Request) -> bool:
        return invite.cseq.number in self._sent

    async def send(self, invite: Request, make: Callable[[], Request]) -> None:
        """Send what `make` gives, once; later the same again. Raises SipUnreachable."""
        number = invite.cseq.number
        if number in self._sent:
            kept = self._sent[number]
            if kept is not None:
                self._stack.send_again(*kept)
            return
        self._sent[number] = None
        try:
            self._sent[number] = await self._stack.send_ack(make())
        except SipError:
            del self._sent[number]  # the next repeat of the 2xx tries again
            raise
