"""A call that is offered to us: ring, accept or reject, media (RFC 3261 §13.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ua import clock
from ua.call.call import Call
from ua.call.early_reply import EarlyReply
from ua.call.gathering import EarlyGathering, asked_setup, has_ice
from ua.call.media_leg import MediaLeg
from ua.call.refusal import Refusal, reject
from ua.call.state import CallState
from ua.call.surroundings import CallSurroundings
from ua.errors import CallRejected, Interrupted, NoMediaPath, UsageError
from ua.plan import MediaPlan, MediaSource
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.syntax.body import session_of
from ua.sip.syntax.reason_header import Identity, completed_elsewhere, told
from ua.sip.syntax.reasons import REASONS
from ua.sip.syntax.resource_priority import resource_priorities


class IncomingCall(Call):
    """Rings until `accept`, `reject` or the caller gives up.

    Args:
        around: what the phone lends.
        incoming: the INVITE.
        replaces: the call whose place it takes once it is answered, without ringing; None for a plain call.

    Attributes:
        identity: who the network says that the caller is, and what the caller wants hidden. Believe it of
            servers that you trust alone (RFC 3325 §9.1).
        priorities: how urgent the caller says that it is (RFC 4412); nothing here depends on it.
        taken_elsewhere: true where the call ended because another phone took it: it was not missed.
    """

    def __init__(
        self, around: CallSurroundings, incoming: IncomingInvite, *, replaces: Call | None = None
    ) -> None:
        super().__init__(around, remote_uri=str(incoming.request.from_.uri))
        self._incoming = incoming
        self.identity = Identity.of(incoming.request)
        self.priorities = resource_priorities(incoming.request)
        self.taken_elsewhere = False
        self._replaces = replaces
        self._times.invited = clock.now()
        self._leg = incoming.leg
        self._is_protected = incoming.source.secure
        incoming.on_cancel = self._on_cancel
        # RFC 8445 §5.1.1: before anybody is alerted.
        offer = session_of(incoming.request)
        setup = asked_setup(offer, around.account)
        self._early = EarlyGathering(
            network=around.network,
            config=around.account.ice,
            offers=offer is None,
            setup=setup,
            plain=not around.account.ice_enabled or (offer is not None and not has_ice(offer)),
        )
        self._reply: EarlyReply | None = None
        self._opening = asyncio.Lock()
        self._early_start: asyncio.Future[None] | None = None
        self._announcing: asyncio.Future[None] | None = None
        self._enter(CallState.RINGING)
        if replaces is None and setup is None:
            self._reply = EarlyReply(
                incoming,
                self._early,
                self._around,
                keys_may_be_told=self._is_protected,
                on_told=lambda descriptions: self._describe(incoming.leg, descriptions),
            )
        if replaces is None and (self._reply is None or not self._reply.offers):
            incoming.ring()

    def announce(self, show: Callable[[], None]) -> None:
        """Call `show` when the call may alert somebody: at once, or where our offer comes first after ICE."""
        reply = self._reply
        if reply is None or not reply.offers:
            show()
            return

        def alert() -> None:
            if not self._incoming.is_answered:
                self._incoming.ring()
                show()

        self._announcing = asyncio.ensure_future(reply.alert(alert))

    async def accept(self, plan: MediaPlan) -> None:
        """Answer the call; what becomes of it `established` and `ended` tell."""
        if self._task is None:
            self._take(plan)

    def _take(self, plan: MediaPlan) -> None:
        if self._reply is not None:
            self._reply.accepted()
        self._begin(self._answer(plan))

    async def play_early(self, source: MediaSource) -> bool:
        """Be heard before the call is answered: 183 with our description, then `source` (RFC 3960).

        It is heard until `accept`, whose plan follows, or until another one is given here. Nothing of the
        caller is recorded or echoed before the answer. Gives False where nothing can go out before it: the
        caller left the offer to us and takes no reliable responses, media goes over TCP without ICE, or there
        is none, of which `accept` tells why. DTLS needs a caller who shakes hands before the answer.

        Raises:
            UsageError: the call does not ring any more, or a file cannot be used.
        """
        async with self._opening:
            if self._task is not None or self._replaces is not None:
                raise UsageError("the call does not ring")
            media = self._media or await self._early_leg()
            if media is None:
                return False
            media.go_on(MediaPlan(source=source))
            if self._early_start is None:
                self._early_start = asyncio.ensure_future(self._start_early(media))
            self._record("early_media", state="sent")
            return True

    async def _early_leg(self) -> MediaLeg | None:
        told = None if self._reply is None else await self._reply.insist()
        if told is None:
            return None
        if self._incoming.is_answered:  # it ended meanwhile
            await told.close()
            return None
        offers = session_of(self._incoming.request) is None
        return await self._open_media(MediaPlan(), offers=offers, early=self._early, told=told)

    async def _start_early(self, media: MediaLeg) -> None:
        if media.descriptions.agreed is None and self._reply is not None:
            await self._reply.late_answer()
        if media.descriptions.agreed is None:
            raise NoMediaPath("the answer of the caller leaves no media")
        await media.start()

    def _start_media(self, media: MediaLeg) -> Awaitable[None]:
        return self._early_start or super()._start_media(media)

    def take_over(self) -> None:
        """Answer at once, with the media plan of the call that it replaces."""
        if self._task is None and self._replaces is not None and self._replaces.plan is not None:
            self._take(self._replaces.plan)

    def answer_after(self, seconds: float, plan: MediaPlan) -> None:
        """Answer without a person, after so many seconds."""
        timer = asyncio.get_running_loop().call_later(seconds, self._answer_unasked, plan)
        self.on_end(lambda _: timer.cancel())

    def _answer_unasked(self, plan: MediaPlan) -> None:
        if self._task is None:
            self._around.log.record(clock.now(), self._around.party, "call", "auto_answered", call_id=self.id)
            self._take(plan)

    def reject(self, code: int) -> None:
        """Refuse the call with a final response, 300 to 699."""
        if self._task is None:
            self._begin(self._refuse(Refusal(code=code, reason=REASONS.get(code, "Rejected"))))

    def hang_up(self) -> None:
        """Refuse a call that rings, say BYE to one that stands."""
        super().hang_up()
        self.reject(480)

    def _on_cancel(self) -> None:
        if self._task is None:
            self._begin(self._given_up())

    async def _answer(self, plan: MediaPlan) -> None:
        if self._incoming.is_answered:
            await self._given_up()
        offer = session_of(self._incoming.request)
        self._enter(CallState.GATHERING)
        reply = self._reply
        async with self._opening:
            media = await self._opened(plan, offers=offer is None)
        if self._incoming.is_answered:
            await self._given_up()
        if self._hung_up.is_set():
            raise Interrupted("hung up before the call was answered")
        body = None if reply is None else reply.body
        if body is None:
            body = media.descriptions.offer() if offer is None else await media.descriptions.answer(offer)
        if isinstance(body, Refusal):
            await self._refuse(body)
            return
        is_told = reply is not None and reply.told
        # What went out reliably is said once.
        leg = self._incoming.accept(b"" if is_told and self._incoming.can_ring_reliably else body)
        self._times.answered = clock.now()
        self._take_leg(leg)
        self._enter(CallState.CONNECTING)
        if self._replaces is not None:
            self._replaces.successor = self
            self._replaces.hang_up()
        if offer is None:
            await self._before_end(leg, self._take_answer(media, early=is_told))
        elif not is_told:
            media.descriptions.answer_sent()
        await self._talk(leg, plan)

    async def _opened(self, plan: MediaPlan, *, offers: bool) -> MediaLeg:
        """The media, which may be heard or described already."""
        if self._media is not None:
            self._check_told(plan)
            self.plan = plan
            self._use_keys(self._media, choice=plan.dtmf or self._around.account.media.dtmf)
            self._media.go_on(plan)
            return self._media
        told = None if self._reply is None else await self._reply.take()
        if told is not None:
            try:
                self._check_told(plan)
            except UsageError:
                await told.close()
                raise
        return await self._open_media(plan, offers=offers, early=self._early, told=told)

    def _check_told(self, plan: MediaPlan) -> None:
        """Raise UsageError where the plan asks for what the caller was told otherwise while we rang."""
        account = self._around.account
        if (plan.srtp or account.media.srtp, plan.ice_config(account.ice)) != (
            account.media.srtp,
            account.ice,
        ):
            raise UsageError(
                "the path or the protection of media was asked for too late: the caller has our answer",
                hint="set them in the account, or early_answer = false in [calls]",
            )

    async def _take_answer(self, media: MediaLeg, *, early: bool) -> None:
        """The INVITE brought no offer, so ours went with the 200: the ACK answers it (RFC 3261 §13.2.1).

        Where ours went `early` the PRACK does, which comes before the ACK.
        """
        if early and self._reply is not None:
            await self._reply.late_answer()
            if media.descriptions.agreed is None:
                raise NoMediaPath("the answer of the caller leaves no media")
            return
        answer = session_of(await self._incoming.acknowledged())
        if answer is None:
            raise NoMediaPath("the caller left our offer without an answer")
        media.descriptions.apply_answer(answer)

    async def _refuse(self, refusal: Refusal) -> None:
        if not self._incoming.is_answered:
            reject(self._incoming, refusal, self._around.account.media.codecs)
        raise CallRejected(f"we refused the call: {refusal.code} {refusal.reason}", sip_code=refusal.code)

    async def _end_signalling(self) -> None:
        if not self._incoming.is_answered:
            self._incoming.reject(480)
        try:
            await super()._end_signalling()
        finally:
            for task in (self._announcing, self._early_start):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
            if self._reply is not None:
                await self._reply.close()
            await self._early.close()

    async def _given_up(self) -> None:
        cancel = self._incoming.cancel_request
        why = "the caller gave up before we answered"
        if cancel is not None and completed_elsewhere(cancel):
            self.taken_elsewhere = True
            why = "another phone took the call"
        elif cancel is not None and (reason := told(cancel)):
            why = f"{why}: {reason}"
        raise CallRejected(why, sip_code=487)
