"""Offers within a call that stands: the peer's re-INVITEs, and ours (RFC 3261 §14, RFC 8839 §4.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from sdp.attributes.direction import Direction
from sdp.attributes.rtp_attr import AudioFormat
from sdp.errors import ExchangeError
from ua import clock
from ua.call.descriptions import Descriptions
from ua.call.refusal import Refusal, reject
from ua.errors import NoMediaPath
from ua.sip.errors import SipError, SipNoRoute
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.invite.leg import Leg
from ua.sip.syntax.body import session_of

PEER_RESTARTS_S = 5.0
"""Seconds that the controlled side waits for a restart by the peer."""

ADDRESS_S = 10.0
"""Seconds that a call waits for an address of this host, or a route: another network may be on its way."""

ADDRESS_TRY_S = 0.3
"""Seconds between two looks for one."""

SETTLE_S = 0.5
"""Seconds after which the new Contact is told, where no other offer has done so."""

OFFER_TRIES = 2
"""How often an offer of ours is made where the peer's crosses it."""


class Offers:
    """Answers the re-INVITEs of one leg and sends ours.

    Args:
        leg: the SIP side.
        descriptions: what both sides say.
        codecs: what we have, for a refusal.
    """

    def __init__(self, leg: Leg, descriptions: Descriptions, codecs: Sequence[str]) -> None:
        self._leg = leg
        self._descriptions = descriptions
        self._codecs = codecs
        self._answering: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._gone: str = ""
        self._address_gone = asyncio.Event()

    # --- the peer's ---------------------------------------------------------------------------------------

    def receive(self, again: IncomingInvite) -> None:
        """Hold, resume, session refresh or the updated offer of the peer; or it asks for an offer of ours."""
        task = asyncio.ensure_future(self._answer(again))
        self._answering.add(task)
        task.add_done_callback(self._answered)

    async def _answer(self, again: IncomingInvite) -> None:
        descriptions = self._descriptions
        offer = session_of(again.request)
        body = await (descriptions.offer_in_answer() if offer is None else descriptions.answer(offer))
        if again.is_answered:
            # The peer took it back, or the call ended, while we gathered.
            descriptions.offer_failed()
        elif isinstance(body, Refusal):
            reject(again, body, self._codecs)
        elif offer is None:
            again.on_ack = lambda ack: descriptions.late_answer(session_of(ack))
            again.accept(body)
        else:
            again.accept(body)
            descriptions.answer_sent()

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        if not task.cancelled() and task.exception() is not None:
            context = {"message": "a re-INVITE was not answered", "exception": task.exception()}
            asyncio.get_running_loop().call_exception_handler(context)

    async def close(self) -> None:
        """Answer no more."""
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    def receive_update(self, update: IncomingOffer) -> None:
        """An offer in an UPDATE: answered at once, nobody is asked (RFC 3311 §5.2)."""
        task = asyncio.ensure_future(self._answer_update(update))
        self._answering.add(task)
        task.add_done_callback(self._answered)

    async def _answer_update(self, update: IncomingOffer) -> None:
        body = await self._descriptions.answer(update.offer)
        if update.is_answered:
            self._descriptions.offer_failed()
        elif isinstance(body, Refusal):
            reject(update, body, self._codecs)
        elif update.accept(body):
            self._descriptions.answer_sent()

    def refresh(self) -> bytes:
        """The description of a session refresh: our own wish, not what the other side forced on us."""
        try:
            return self._descriptions.offer()
        except ExchangeError:
            return b""  # an offer is on its way, which refreshes too

    def refreshed(self, answer: bytes | None) -> None:
        """What became of it; where it failed everything stays as it was."""
        if answer is None:
            self._descriptions.offer_failed()
        else:
            self._accept(answer)

    # --- ours ---------------------------------------------------------------------------------------------

    async def tell_selection(self) -> None:
        """Tell an RFC 5245 peer which pair ICE selected (RFC 8839 §4.3.4)."""
        descriptions = self._descriptions
        await self._propose(self._plain_offer, wanted=lambda: descriptions.needs_updated_offer)
        if descriptions.left_ice:
            await self._propose(descriptions.restart_offer, wanted=lambda: descriptions.left_ice)

    async def ask(self, direction: Direction) -> str:
        """Wish for another direction: hold or resume. Gives why it came to nothing, else nothing."""
        return await self._change(direction=direction)

    async def use(self, formats: tuple[AudioFormat, ...]) -> str:
        """Wish for other codecs, best first. Gives why it came to nothing, else nothing."""
        return await self._change(formats=formats)

    async def _change(self, **wanted: Any) -> str:
        """Where the other side refuses everything stays as it was (RFC 3261 §14.1)."""
        descriptions = self._descriptions
        before = {name: getattr(descriptions.wish, name) for name in wanted}
        if before == wanted:
            return ""
        descriptions.ask(replace(descriptions.wish, **wanted))
        problem = "the other side is about to change the session"
        try:
            problem = await self._propose(self._plain_offer, wanted=lambda: True)
        finally:
            if problem:
                descriptions.ask(replace(descriptions.wish, **before))
        return problem

    async def restart(self) -> str:
        """Restart ICE; media goes on by the path of before until there is another one.

        Gives why it came to nothing, empty where it did not.

        Raises:
            NoMediaPath: there is no path any more.
        """
        problem = await self._propose(self._other_offer, wanted=lambda: True)
        if not problem:
            await self._descriptions.path_found()
            await self.tell_selection()
        return problem

    async def keep_path(self) -> None:
        """Restart ICE as often as media loses its path; for ever.

        Whose matter it is does so at once, the other side where that did not help.

        Raises:
            NoMediaPath: it cannot be had again.
        """
        descriptions = self._descriptions
        while True:
            reason = await descriptions.watch.lost()
            if not descriptions.watch.is_ours:
                await asyncio.sleep(PEER_RESTARTS_S)
            if not descriptions.watch.is_lost:
                continue
            problem = await self._propose(self._other_offer, wanted=lambda: descriptions.watch.is_lost)
            if problem and descriptions.watch.is_lost:
                raise NoMediaPath(f"the media path was lost ({reason}) and cannot be restarted: {problem}")
            await descriptions.path_found()
            await self.tell_selection()

    def host_gone(self, host: str) -> None:
        """An address of this host is gone."""
        self._descriptions.host_gone(host)
        if self._leg.dialog.contact_host == host:
            self._gone = host
            self._address_gone.set()

    async def keep_contact(self) -> None:
        """Tell the other side where we are as often as the address of our Contact goes; for ever.

        An offer for another path of the media tells it too (RFC 3261 §12.2, RFC 3665 §3.7).
        """
        while True:
            await self._address_gone.wait()
            self._address_gone.clear()
            await asyncio.sleep(SETTLE_S)
            if self._descriptions.watch.is_lost:
                continue
            await self._propose(self._plain_offer, wanted=lambda: self._leg.dialog.contact_host == self._gone)

    async def _other_offer(self) -> bytes:
        """The offer for another path; waits for an address where there is none now."""
        until = clock.now() + ADDRESS_S
        while True:
            try:
                return await self._descriptions.restart_offer()
            except NoMediaPath:
                if clock.now() >= until or self._descriptions.is_closed:
                    raise
            await asyncio.sleep(ADDRESS_TRY_S)

    async def _plain_offer(self) -> bytes:
        return await self._descriptions.further_offer()

    async def _propose(self, make: Callable[[], Awaitable[bytes]], *, wanted: Callable[[], bool]) -> str:
        """Send an offer as long as it is wanted; gives why it came to nothing, empty where it did not.

        Where both sides offer at once the peer's offer goes first, and ours is made anew (RFC 3261 §14.1).
        """
        async with self._turn:
            return await self._propose_in_turn(make, wanted)

    async def _propose_in_turn(self, make: Callable[[], Awaitable[bytes]], wanted: Callable[[], bool]) -> str:
        descriptions, problem = self._descriptions, ""
        tries, until = OFFER_TRIES, clock.now() + ADDRESS_S
        while tries:
            if not wanted():
                return ""
            try:
                done = await self._leg.request("INVITE", body=await make())
            except SipNoRoute as error:
                descriptions.offer_failed()
                problem = error.what
                if clock.now() < until:
                    await asyncio.sleep(ADDRESS_TRY_S)
                    continue  # an address comes before its route
            except ExchangeError as error:
                problem = str(error)
            except SipError as error:
                descriptions.offer_failed()
                problem = error.what
            else:
                body = session_of(done.response)
                if done.response.is_success and body is not None:
                    return self._accept(body)
                descriptions.offer_failed()
                problem = f"{done.response.status} {done.response.reason}"
                if done.response.status != 491:
                    return problem
            if not await self._leg.wait_out_glare():
                return problem
            tries -= 1
        return problem

    def _accept(self, body: bytes) -> str:
        try:
            self._descriptions.apply_answer(body)
        except NoMediaPath as error:
            return error.what
        return ""
