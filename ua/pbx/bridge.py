"""The back-to-back agent: a call that comes in, and the one that goes out for it (RFC 3261 §6, RFC 7092)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from ua.pbx.crossing import Crossing
from ua.pbx.errands import Errands
from ua.pbx.passing import response_headers
from ua.sip.errors import SipError, SipStateError, SipTimeout
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.offer_answer import Carrier
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.invite.pracks import MakeAnswer
from ua.sip.invite.rack import RELIABLE
from ua.sip.rejection import SipRejected
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response

RING_S: Final = 180.0
"""Seconds that a phone may ring without a word: the timer C of proxies (RFC 3261 §16.6 step 11)."""

_NEXT: Final = frozenset({408, 430})
"""The phone was not reached; another way to it may be tried (RFC 5626 §7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to the callee.

    Attributes:
        name: for the log.
        place: sends the INVITE this way; takes the offer and what gives our answer to a late one.
    """

    name: str
    place: Callable[[bytes, MakeAnswer | None], OutgoingInvite]


class Bridge:
    """One call through the PBX.

    Args:
        incoming: the INVITE of the caller.
        errands: runs what takes time.
        ring_s: how long a phone may ring.

    Attributes:
        crossing: the two legs.
    """

    def __init__(self, incoming: IncomingInvite, errands: Errands, *, ring_s: float = RING_S) -> None:
        self._incoming = incoming
        self._ring_s = ring_s
        self._outgoing: OutgoingInvite | None = None
        self._offer = session_of(incoming.request) or b""
        self._early = b""
        self._rang = False
        self._late = False
        self._awaited: asyncio.Future[bytes] | None = None
        self.crossing = Crossing(incoming.leg, errands)
        incoming.on_cancel = self._cancel

    async def connect(self, ways: Sequence[Way]) -> None:
        """Try the ways until one is answered or refused; returns when the call stands or is refused."""
        status, reason, headers = 480, "", Headers()
        for way in ways:
            self._late = False
            try:
                response = await self._try(way)
            except SipRejected as error:
                refusal = error.response
                if refusal.status == 487 and not self._incoming.is_answered:
                    self._reject(408, "", Headers())  # nobody gave up but our patience
                    return
                if refusal.status in _NEXT and not self._rang:
                    status, reason, headers = refusal.status, refusal.reason, response_headers(refusal)
                    continue
                self._reject(refusal.status, refusal.reason, response_headers(refusal), refusal.body)
                return
            except SipError as error:
                status = 408 if isinstance(error, SipTimeout) else 480
                reason, headers = "", Headers()
                if self._rang:
                    break
                continue
            await self._accept(response)
            return
        self._reject(status, reason, headers)

    async def _try(self, way: Way) -> Response:
        """The 2xx; raises what the INVITE ended with."""
        outgoing = self._outgoing = way.place(self._offer, None if self._offer else self._answer_to)
        outgoing.on_early = self.crossing.ring
        outgoing.on_leg = self.crossing.answer
        if self._incoming.cancelled.is_set():
            outgoing.cancel()
        async with _patience(outgoing, self._ring_s) as hear:
            async for response in outgoing.provisional():
                hear()
                self._ring(response)
        return await outgoing.answered()

    def _ring(self, response: Response) -> None:
        """A 1xx crosses: reliably where it came so, if the caller can take that (RFC 3262 §3)."""
        incoming = self._incoming
        if incoming.is_answered or not 100 < response.status < 200:
            return
        self._rang = True
        came_reliably = "rseq" in response.headers and RELIABLE in response.headers.tokens("require")
        body = session_of(response) or b""
        if not self._offer and came_reliably and body:
            return  # an offer, which went on as such
        self._early = self._early or (body if self._offer else b"")
        required = RELIABLE in incoming.request.headers.tokens("require")
        reliable = None if required else came_reliably and incoming.can_ring_reliably
        carrier = Carrier.UNRELIABLE if reliable is False else Carrier.RELIABLE
        if body and (not self._offer or incoming.leg.descriptions.check(carrier, session=True)):
            body = b""  # said before, or of no use to the caller
        headers = response_headers(response)
        try:
            incoming.ring(response.status, headers=headers, body=body, reliable=reliable)
        except SipStateError:
            # another phone rings with another answer: the caller keeps the first one
            incoming.ring(response.status, headers=headers, reliable=reliable)

    async def _answer_to(self, response: Response) -> bytes:
        """The callee offers: the caller is told in the same kind of response, and answers."""
        incoming = self._incoming
        offer = session_of(response) or b""
        try:
            if response.is_provisional:
                if incoming.is_answered or not incoming.can_ring_reliably:
                    return b""
                self._rang = True
                answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
                self._awaited = answer
                incoming.on_early_answer = self._take_early_answer
                incoming.ring(response.status, headers=response_headers(response), body=offer, reliable=True)
                return await answer
            if incoming.is_answered:
                return b""
            self._late = True
            incoming.accept(offer, headers=response_headers(response))
            return session_of(await incoming.acknowledged()) or b""
        except SipError:
            return b""

    async def _accept(self, response: Response) -> None:
        incoming = self._incoming
        leg = None if self._outgoing is None else self._outgoing.leg
        if self._late:
            return
        if incoming.is_answered:
            if leg is not None:
                await leg.bye(reason="cancelled", cause=487)
            return
        session = session_of(response) or b""
        body = session or self._early
        fits = not incoming.leg.descriptions.check(Carrier.SUCCESS, session=True)
        if session and fits and not self._offer:
            return  # an offer: `_answer_to` passes it on
        try:
            incoming.accept(body if fits else b"", headers=response_headers(response))
        except SipStateError:
            incoming.reject(500, "No Answer That Fits")
            if leg is not None:
                await leg.bye(reason="the caller cannot be told the answer", cause=500)

    def _reject(self, status: int, reason: str, headers: Headers, body: bytes = b"") -> None:
        if not self._incoming.is_answered:
            self._incoming.reject(status, reason, headers=headers, body=body)

    def _take_early_answer(self, body: bytes) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(body)

    def _cancel(self) -> None:
        """The caller gave up, or the INVITE has expired: CANCEL crosses with its Reason (RFC 3326)."""
        self._take_early_answer(b"")
        cancel = self._incoming.cancel_request
        if self._outgoing is not None:
            self._outgoing.cancel(None if cancel is None else cancel.headers.only("reason"))


@asynccontextmanager
async def _patience(outgoing: OutgoingInvite, seconds: float) -> AsyncIterator[Callable[[], None]]:
    """Cancel the call after so many seconds without a response; what is given begins them anew."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(seconds, outgoing.cancel)

    def again() -> None:
        nonlocal timer
        timer.cancel()
        timer = loop.call_later(seconds, outgoing.cancel)

    try:
        yield again
    finally:
        timer.cancel()
