"""Our description while we ring, so that ICE is done when somebody picks up (RFC 8839 §7.1).

An offer with ICE is answered in a 183: reliably where the caller can, else repeated until a check of the
caller shows that it has arrived. Whoever takes the call at once, as a machine does, answers in the 200 alone.
Who left the offer to us gets it in a reliable 183, and nobody is alerted before ICE has ended. What else is
asked for when the call is accepted comes too late for ICE.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ice.errors import IceFailed
from ice.messages import CheckReceived, Event
from ice.session import Session
from sdp.ice.binding import IceBinding
from ua.call.descriptions import Descriptions
from ua.call.gathering import EarlyGathering, has_ice
from ua.call.negotiation import describe
from ua.call.refusal import Refusal
from ua.call.surroundings import CallSurroundings
from ua.errors import NoMediaPath, UaError
from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.syntax.body import session_of

LITE_SENDS = 4
"""A lite agent sends no checks, and may get none: so often an unreliable answer is sent (RFC 8839 §7.1.1)."""

PICK_UP_S = 0.02
"""Who takes the call sooner is a machine: a 183 would only delay its 200, which waits for the PRACK."""

ALERT_AFTER_S = 10.0
"""Seconds after which somebody is alerted though ICE has not ended."""


class EarlyReply:
    """Tells the caller our description as soon as we have one.

    Args:
        incoming: the INVITE.
        gathering: has the candidates, or will have them.
        around: policies of the account.
        keys_may_be_told: nobody on the way reads the descriptions.
        on_told: called when our description went out: requests in the early dialog may follow.

    Attributes:
        body: what we said: an answer, our offer, or why there is no answer. None before, and where nothing is
            said before the call is accepted.
        told: it went out.
    """

    def __init__(
        self,
        incoming: IncomingInvite,
        gathering: EarlyGathering,
        around: CallSurroundings,
        *,
        keys_may_be_told: bool,
        on_told: Callable[[Descriptions], None],
    ) -> None:
        self._on_told = on_told
        self._incoming = incoming
        self._gathering = gathering
        self._around = around
        self._keys_may_be_told = keys_may_be_told
        self._offer = session_of(incoming.request)
        self.body: bytes | Refusal | None = None
        self.told = False
        self._accepted = False
        self._decided = asyncio.Event()
        self._descriptions: Descriptions | None = None
        self._late: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._wanted = (
            around.account.calls.early_answer
            and around.account.ice_enabled
            and (incoming.can_ring_reliably if self._offer is None else has_ice(self._offer))
        )
        self._task = asyncio.ensure_future(self._run()) if self._wanted else None

    @property
    def offers(self) -> bool:
        """True where the caller has left the offer to us and gets it while we ring."""
        return self._wanted and self._offer is None

    async def alert(self, now: Callable[[], None]) -> None:
        """Call `now` once somebody may be alerted: at once, or after ICE where our offer comes first."""
        if self.offers and self._task is not None:
            try:
                async with asyncio.timeout(ALERT_AFTER_S):
                    await asyncio.shield(self._task)
                    if self._descriptions is not None:
                        await self._answered(self._descriptions)
                        await self._descriptions.paths()
            except (TimeoutError, IceFailed, NoMediaPath):
                pass  # it rings all the same: media may be found later, or the call fails with a reason
        now()

    def accepted(self) -> None:
        """The call is taken: an answer that is not told yet goes with the 200, which is sooner (no PRACK)."""
        self._accepted = True
        self._decided.set()

    async def take(self) -> Descriptions | None:
        """What was described while it rang, to be owned by the caller; None where nothing was."""
        if self._task is None:
            return None
        await asyncio.shield(self._task)
        taken, self._descriptions = self._descriptions, None
        return taken

    async def insist(self) -> Descriptions | None:
        """Tell it also where nobody has asked for it: media is to go out before the answer.

        Gives what was described, to be owned by the caller; None where nothing can be told before the answer.
        """
        if self._task is None and (self._offer is not None or self._incoming.can_ring_reliably):
            self._wanted = True
            self._task = asyncio.ensure_future(self._run())
        if self._task is None:
            return None
        self._decided.set()
        await asyncio.wait({self._task})
        if not self.told:
            return None
        taken, self._descriptions = self._descriptions, None
        return taken

    async def late_answer(self) -> bytes:
        """The answer to our offer, from the PRACK."""
        return await asyncio.shield(self._late)

    async def close(self) -> None:
        """Free what nobody took."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task})
        descriptions, self._descriptions = self._descriptions, None
        if descriptions is not None:
            await descriptions.close()

    async def _answered(self, descriptions: Descriptions) -> None:
        if descriptions.agreed is None:
            await self.late_answer()

    async def _run(self) -> None:
        around = self._around
        try:
            binding = await self._gathering.take(around.account.ice)
        except NoMediaPath:
            return  # it is told when the call is accepted
        if not isinstance(binding, IceBinding) or self._incoming.is_answered:
            await binding.close()
            return
        try:
            descriptions = self._descriptions = await describe(
                binding,
                account=around.account,
                srtp=around.account.media.srtp,
                identity=around.identity,
                keys_may_be_told=self._keys_may_be_told,
                offers=self._offer is None,
                log=around.log,
                party=around.party,
            )
        except UaError:
            return  # the same is told when the call is accepted
        if self._offer is None:
            self._tell_offer(descriptions)
            return
        self.body = await descriptions.answer(self._offer)
        if isinstance(self.body, Refusal) or await self._is_taken_at_once() or self._incoming.is_answered:
            return
        sends: int | None = 1  # without ICE: there are phones that begin their audio anew with each
        if has_ice(self._offer) and around.account.ice_enabled:
            sends = LITE_SENDS if around.account.ice.lite else None
        self._stop_with_a_check(binding.session)
        self._incoming.ring(183, body=self.body, sends=sends)
        self.told = True
        descriptions.answer_sent()
        self._hear(descriptions)

    async def _is_taken_at_once(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PICK_UP_S):
                await self._decided.wait()
        return self._accepted

    def _tell_offer(self, descriptions: Descriptions) -> None:
        if self._incoming.is_answered:
            return

        def answered(body: bytes) -> None:
            if not descriptions.is_closed:
                try:
                    descriptions.apply_answer(body)
                except NoMediaPath:
                    return  # it was recorded, and the call fails when it is accepted
            if not self._late.done():
                self._late.set_result(body)

        self._incoming.on_early_answer = answered
        self.body = descriptions.offer()
        self._incoming.ring(183, body=self.body, reliable=True)
        self.told = True
        self._on_told(descriptions)

    def _hear(self, descriptions: Descriptions) -> None:
        """A request in the early dialog, INFO or other, shows that our answer is there (RFC 8840 §4.3.2)."""
        self._on_told(descriptions)
        leg = self._incoming.leg
        receive = leg.on_request

        def heard(request: IncomingRequest) -> None:
            self._incoming.stop_repeating()
            if receive is not None:
                receive(request)

        leg.on_request = heard

    def _stop_with_a_check(self, session: Session) -> None:
        """The caller checks our candidates: it has our answer (RFC 8839 §7.1.1)."""

        def heard(event: Event) -> None:
            if isinstance(event, CheckReceived):
                unsubscribe()
                self._incoming.stop_repeating()

        unsubscribe = session.subscribe(heard)
