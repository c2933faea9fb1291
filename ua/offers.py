"""Offers within a call that stands: the peer's re-INVITEs, and ours (RFC 3261 §14, RFC 8839 §4.4)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from ua.errors import NoMediaPath
from ua.media_leg import MediaLeg
from ua.refusal import Refusal, reject
from ua.sip.body import session_of
from ua.sip.errors import SipError
from ua.sip.incoming import IncomingInvite
from ua.sip.leg import Leg

OFFER_TRIES = 2
"""How often an offer of ours is made where the peer's crosses it."""


class Offers:
    """Answers the re-INVITEs of one leg and sends ours.

    Args:
        leg: the SIP side.
        media: the descriptions.
        codecs: what we have, for a refusal.
    """

    def __init__(self, leg: Leg, media: MediaLeg, codecs: Sequence[str]) -> None:
        self._leg = leg
        self._media = media
        self._codecs = codecs
        self._answering: set[asyncio.Task[None]] = set()

    # --- the peer's ---------------------------------------------------------------------------------------

    def receive(self, again: IncomingInvite) -> None:
        """Hold, resume, session refresh or the updated offer of the peer; or it asks for an offer of ours."""
        task = asyncio.ensure_future(self._answer(again))
        self._answering.add(task)
        task.add_done_callback(self._answered)

    async def _answer(self, again: IncomingInvite) -> None:
        media = self._media
        offer = session_of(again.request)
        body = media.offer_in_answer() if offer is None else media.answer(offer)
        if isinstance(body, Refusal):
            reject(again, body, self._codecs)
            return
        if offer is None:
            again.on_ack = lambda ack: media.late_answer(session_of(ack))
        again.accept(body)
        if offer is not None:
            media.answer_sent()

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

    # --- ours ---------------------------------------------------------------------------------------------

    async def tell_selection(self) -> None:
        """Tell an RFC 5245 peer which pair ICE selected (RFC 8839 §4.3.4).

        Where both sides offer at once the peer's offer goes first, and ours is made anew (RFC 3261 §14.1).
        """
        media = self._media
        for _ in range(OFFER_TRIES):
            if not media.needs_updated_offer:
                return
            try:
                done = await self._leg.request("INVITE", body=media.offer())
            except SipError:
                media.offer_failed()
                return
            body = session_of(done.response)
            if done.response.is_success and body is not None:
                with contextlib.suppress(NoMediaPath):
                    media.apply_answer(body)
                return
            media.offer_failed()
            if done.response.status != 491 or not await self._leg.wait_out_glare():
                return
