"""The PRACKs that we send: one for each reliable provisional response of a fork (RFC 3262 §4)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ua.sip.errors import SipError, SipStateError
from ua.sip.invite.no_media import no_media
from ua.sip.invite.offer_answer import Carrier, Meaning
from ua.sip.invite.rack import RAck
from ua.sip.invite.reliable_reception import Arrival, ReliableReception
from ua.sip.requests.exchange import Exchange
from ua.sip.stack import Stack
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response

if TYPE_CHECKING:
    from ua.sip.invite.leg import Leg

MakeAnswer = Callable[[Response], bytes | Awaitable[bytes]]
"""Gives our answer to the offer in a response; empty where none of its streams is acceptable."""


class PracksDue:
    """How many PRACKs a leg owes, and a way to wait until it owes none."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def add(self) -> None:
        """One more."""
        self._count += 1
        self._none.clear()

    def done(self) -> None:
        """One was answered, or will not be sent."""
        self._count -= 1
        if not self._count:
            self._none.set()

    async def settled(self) -> None:
        """Wait until there is none."""
        await self._none.wait()


class Pracks:
    """Acknowledges the reliable responses to one INVITE within one dialog.

    Attributes:
        answer: the one of them that held the answer to our offer, None before.
    """

    def __init__(self, stack: Stack, leg: Leg) -> None:
        self._stack = stack
        self._leg = leg
        self._reception = ReliableReception()
        self.answer: Response | None = None

    def take(self, response: Response, make_answer: MakeAnswer | None) -> bool:
        """A 101-199 came. False where it is to be ignored: a repeat, or one that has overtaken another.

        The PRACK is sent from here; `make_answer` gives its body where the response holds an offer.
        """
        arrival, rack = self._reception.take(response)
        if arrival in (Arrival.REPEATED, Arrival.EARLY):
            self._stack.report.counters[f"reliable 1xx {arrival}"] += 1
            return False
        self._leg.peer.learn(response)
        if rack is None:
            self._leg.descriptions.received(Carrier.UNRELIABLE, session=session_of(response) is not None)
        else:
            session = session_of(response) is not None
            reading = self._leg.descriptions.received(Carrier.RELIABLE, session=session)
            if reading.meaning is Meaning.ANSWER:
                self.answer = response
            self._leg.pracks_due.add()
            self._stack.spawn(self._settle(response, rack, reading.meaning, make_answer))
        return True

    async def _settle(
        self, response: Response, rack: RAck, meaning: Meaning, make_answer: MakeAnswer | None
    ) -> None:
        try:
            await self._acknowledge(response, rack, meaning, make_answer)
        finally:
            self._leg.pracks_due.done()

    async def _acknowledge(
        self, response: Response, rack: RAck, meaning: Meaning, make_answer: MakeAnswer | None
    ) -> None:
        leg = self._leg
        body = b""
        if meaning is Meaning.OFFER and make_answer is not None:
            body = await made(make_answer, response)
            if not body:  # it cannot be rejected either; whoever refuses it gives the call up
                session_id = int.from_bytes(self._stack.random(7), "big")
                body = no_media(session_of(response) or b"", session_id=session_id)
        elif meaning is Meaning.ANSWER and leg.make_prack_offer is not None:
            body = leg.make_prack_offer(response)
        if leg.is_over:
            return
        try:
            done = await leg.request("PRACK", headers=Headers.of(("RAck", rack)), body=body)
        except SipStateError as error:
            self._stack.report.note(f"PRACK was not sent: {error.what}")
        except SipError:
            return  # the leg has ended, and told why
        else:
            answer = session_of(done.response)
            if meaning is Meaning.ANSWER and body and leg.on_prack_answer is not None:
                leg.on_prack_answer(answer if done.response.is_success else None)


async def made(make_answer: MakeAnswer, response: Response) -> bytes:
    """What `make_answer` gives, waited for where it takes its time."""
    result = make_answer(response)
    return await result if inspect.isawaitable(result) else result


def with_answer(done: Exchange, early: Response) -> Exchange:
    """The outcome of an INVITE with the answer that came before it; a failure is left as it is."""
    if not done.response.is_success or done.response.body:
        return done
    headers = done.response.headers.with_rows("content-type", *early.headers.all("content-type"))
    return replace(done, response=replace(done.response, headers=headers, body=early.body))
