"""Keeps the session of a leg alive, or ends it when nobody does (RFC 4028 §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ua.sip.errors import SipError, SipNoRoute, SipStateError
from ua.sip.invite.session_timer import SessionTimer, TimerDue
from ua.sip.requests.exchange import Exchange
from ua.sip.stack import Stack
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response

if TYPE_CHECKING:
    from ua.sip.invite.leg import Leg

METHOD_REFUSED = (405, 501)
"""The peer does not take UPDATE after all."""


class Refreshing:
    """Carries out what the session timer of one leg wants.

    Attributes:
        timer: the timer.
    """

    def __init__(self, stack: Stack, leg: Leg) -> None:
        self._stack = stack
        self._leg = leg
        self.timer = SessionTimer.of(stack.config)
        stack.clocks.add(self)

    def answered(self, response: Response) -> None:
        """A 2xx to an INVITE or UPDATE of ours."""
        self.timer.answered(response, self._stack.now())
        self._changed()

    def accept(self, request: Request) -> Headers:
        """An INVITE or UPDATE that we accept; gives the headers of our 2xx, to be sent at once."""
        rows = self.timer.accept(request, self._stack.now())
        self._stack.clocks.changed(self)
        return rows

    def stop(self) -> None:
        """The leg is over."""
        self.timer.stop()
        self._stack.clocks.discard(self)

    # for the stack

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called."""
        return self.timer.next_timer()

    def handle_timer(self, now: float) -> None:
        """Refresh, or give up."""
        match self.timer.handle_timer(now):
            case TimerDue.REFRESH:
                self._stack.spawn(self._refresh())
            case TimerDue.EXPIRED:
                why = "session timer expired"
                self._stack.report.note(why)
                self._leg.finish("failure", why)
                self._stack.spawn(self._leg.bye(reason=why, cause=408))
            case None:
                pass

    def abandon(self) -> None:
        """The endpoint is closed."""
        self.stop()

    async def _refresh(self) -> None:
        """UPDATE without an offer where the peer takes it, else a re-INVITE that changes nothing (§7.4)."""
        leg = self._leg
        status = 0
        try:
            if leg.peer.allows("UPDATE"):
                response = (await leg.update()).response
                if response.status in METHOD_REFUSED:
                    leg.peer.refuses("UPDATE")
                    response = (await self._reinvite()).response
            else:
                response = (await self._reinvite()).response
            if response.is_success:
                return
            status = response.status
        except (SipStateError, SipNoRoute) as error:
            self._stack.report.note(f"the session was not refreshed: {error.what}")
        except SipError:
            return  # the leg has ended with BYE, and told why
        self.timer.failed(status, self._stack.now())
        self._changed()

    def _changed(self) -> None:
        self._stack.clocks.changed(self)
        self._stack.pump()

    async def _reinvite(self) -> Exchange:
        leg = self._leg
        offer = leg.description if leg.current_offer is None else leg.current_offer()
        if not offer:
            raise SipStateError("there is no description to send again")
        answer: bytes | None = None
        try:
            done = await leg.reinvite(offer)
            answer = session_of(done.response) if done.response.is_success else None
        finally:
            if leg.on_refreshed is not None:
                leg.on_refreshed(answer)
        return done
