"""A call: what outgoing and incoming calls have in common, from the answer to the result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ice.net.address_poll import watch_addresses
from media.statistics import MediaStatistics
from ua import clock
from ua.call.descriptions import Descriptions
from ua.call.gathering import EarlyGathering
from ua.call.in_call import InCall
from ua.call.info import InfoRequests
from ua.call.media_leg import MediaLeg
from ua.call.offers import Offers
from ua.call.outcome import CallLog, Times, make_result, media_fault
from ua.call.state import CallState, next_state
from ua.call.surroundings import CallSurroundings
from ua.call.transfer import (
    TransferResult,
    attended_target,
    blind_target,
    put_on_hold,
    resume,
    transfer,
)
from ua.call.waiting import first, pause
from ua.errors import Interrupted, NoMediaPath, TimedOut, UaError
from ua.plan import MediaPlan
from ua.results import CallResult
from ua.sip.dialog import Dialog
from ua.sip.events.refer_to import ReferTo
from ua.sip.incoming_request import IncomingRequest
from ua.sip.invite.leg import Leg
from ua.sip.syntax.uri import Uri

CLOSE_S = 3.0
"""Seconds that a call gets to end cleanly when the phone is switched off."""


class Call(InCall):
    """One call. Await `established()` and `ended()`; `hang_up()` ends it at any time.

    Attributes:
        remote_uri: URI of the other side.
        plan: the media side, None before it began.
        successor: the call that took the place of this one: by a transfer, or by Replaces. None without.
        on_request: answers a request in the call that is not the matter of its media; false where it does
            not. May be set.
    """

    def __init__(self, around: CallSurroundings, *, remote_uri: str) -> None:
        self._log = CallLog(around.log)
        super().__init__(replace(around, log=self._log))
        self.remote_uri = remote_uri
        self._is_protected = False
        self.plan: MediaPlan | None = None
        self.successor: Call | None = None
        self.on_request: Callable[[Call, Leg, IncomingRequest], bool] = lambda _call, _leg, _request: False
        loop = asyncio.get_running_loop()
        self._established: asyncio.Future[None] = loop.create_future()
        self._result: asyncio.Future[CallResult] = loop.create_future()
        self._hung_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._times = Times()
        self._failure: UaError | None = None

    # --- what the owner may know and do -------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Call-ID, empty before there is one."""
        return "" if self._leg is None else self._leg.dialog.call_id

    @property
    def dialog(self) -> Dialog | None:
        """Its dialog, None before there is one."""
        return None if self._leg is None else self._leg.dialog

    @property
    def statistics(self) -> MediaStatistics | None:
        """Figures of the media, None before it began."""
        return None if self._media is None else self._media.statistics

    async def established(self) -> None:
        """Return once media may flow; raises the UaError that ended the call before that."""
        await asyncio.shield(self._established)

    async def ended(self) -> CallResult:
        """Return once the call is over, however it ended; never raises UaError."""
        return await asyncio.shield(self._result)

    def hang_up(self) -> None:
        """CANCEL, reject or BYE, whatever the state needs; a call that is over stays over."""
        self._hung_up.set()

    async def transfer(self, uri: str) -> TransferResult:
        """Ask the other side to call `uri`; where that works, this call ends. Raises UsageError.

        Until that is known the call is held; where it fails the call goes on.
        """
        return await self._transfer(blind_target(uri))

    async def transfer_to(self, other: Call) -> TransferResult:
        """Join the other side with that of `other`; where that works, both calls end. Raises UsageError.

        Where `other` only rings yet it is given up, and its target called by the other side (RFC 5589 §7.6):
        a call that the target has not answered cannot be replaced there (RFC 3891 §3).
        """
        if other.state is CallState.ESTABLISHED and other.dialog is not None:
            known = (Uri.parse(other.remote_uri), Uri.parse(self._around.account.uri))
            return await self._transfer(attended_target(other.dialog, known), other)
        other.hang_up()
        await other.ended()
        return await self.transfer(other.remote_uri)

    def on_end(self, forget: Callable[[Call], None]) -> None:
        """Call `forget` with this call once it is over."""
        self._result.add_done_callback(lambda _: forget(self))

    async def close(self) -> None:
        """Hang up without waiting for anybody's patience: the phone is being switched off."""
        self.hang_up()
        if self._task is not None and not self._result.done():
            await asyncio.wait({self._task}, timeout=CLOSE_S)
            if not self._task.done():
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)

    async def _transfer(self, refer_to: ReferTo, *others: Call) -> TransferResult:
        leg = self._standing_leg()
        held = await put_on_hold((self, *others))
        result = await transfer(leg, refer_to)
        state, target = "done" if result.done else "failed", str(refer_to.target)
        self._record("transfer", state=state, target=target, status=result.status, reason=result.reason)
        if result.done:
            self.hang_up()
        else:
            await resume(held)
        return result

    # --- the life of a call -------------------------------------------------------------------------------

    def _begin(self, life: Awaitable[None]) -> None:
        self._task = asyncio.ensure_future(self._live(life))

    async def _live(self, life: Awaitable[None]) -> None:
        """Run `life` to its end and make the result, whatever happens."""
        error: UaError | None = None
        try:
            await life
        except UaError as failure:
            error = failure
        except asyncio.CancelledError:
            error = Interrupted("the phone was switched off")
        except Exception as failure:  # a fault of ours must not leave the other side with a dead call
            error = UaError(f"internal error: {failure!r}")
            context = {"message": "a call failed", "exception": failure}
            asyncio.get_running_loop().call_exception_handler(context)
        await self._finish(error)

    async def _finish(self, error: UaError | None) -> None:
        self._failure = error
        if self._times.ended is None:
            self._times.ended = clock.now()
        try:
            await self._end_signalling()
            if self._offers is not None:
                await self._offers.close()
        finally:  # whoever waits for the result gets it, even where the peer's answer to BYE is not awaited
            try:
                await self._close_media()
            finally:
                self._conclude(error)

    def _conclude(self, error: UaError | None) -> None:
        error = error or media_fault(self._media)
        result = make_result(
            self._media,
            self._times,
            error,
            party=self._around.party,
            call_id=self.id,
            remote=self.remote_uri,
            entries=self._log.kept,
        )
        self._enter(CallState.ENDED, error.what if error is not None else "")
        self._record("verdict", result=result.result, why=result.why)
        if not self._established.done():
            self._established.set_exception(error or Interrupted("the call ended before it had media"))
            self._established.exception()  # seen: nobody has to wait for it
        self._result.set_result(result)

    def _close_media(self) -> Awaitable[None]:
        """Begin to close the media, once; await the result to see it closed."""
        if self._closing is None:
            closing = pause(0) if self._media is None else self._media.close()
            self._closing = asyncio.ensure_future(closing)
        return self._closing

    def _on_leg_end(self, _: object) -> None:
        """The signalling is over: let go of the path before its loss looks like a fault."""
        if self._times.ended is None:
            self._times.ended = clock.now()
        self._close_media()

    async def _end_signalling(self) -> None:
        """Say BYE where the call stands."""
        if self._leg is not None and not self._leg.is_over:
            self._enter(CallState.ENDING)
            if isinstance(self._failure, NoMediaPath):
                # The other side may still be looking for one (RFC 3326).
                await self._leg.bye(reason=self._failure.what, cause=488)
            else:
                await self._leg.bye()

    async def _talk(self, leg: Leg, plan: MediaPlan) -> None:
        """From the answer to the end: find the path, let media flow, until somebody hangs up."""
        media = self._media
        if media is None:
            raise RuntimeError("a call talks once it has media")
        # Between two lite agents ICE is complete only after that (RFC 8445 §8.2).
        await self._tell_selection(leg, media)
        await self._before_end(leg, self._start_media(media))
        self._enter(CallState.ESTABLISHED)
        self._established.set_result(None)
        await self._tell_selection(leg, media)
        if not await self._until_over(leg, self._converse(media, plan)) and not self._hung_up.is_set():
            end = leg.ended.result()
            if end.by == "failure":
                raise TimedOut(f"the other side has lost the call: {end.reason}")

    def _start_media(self, media: MediaLeg) -> Awaitable[None]:
        """Begin to send and to hear."""
        return media.start()

    async def _tell_selection(self, leg: Leg, media: MediaLeg) -> None:
        if media.descriptions.needs_updated_offer and self._offers is not None:
            await self._until_over(leg, self._offers.tell_selection())

    async def _converse(self, media: MediaLeg, plan: MediaPlan) -> None:
        """Return when the plan says that we hang up; meanwhile the path is kept."""
        talking = asyncio.ensure_future(_conversation(media, plan))
        keeping = asyncio.ensure_future(pause(None) if self._offers is None else self._offers.keep_path())
        telling = asyncio.ensure_future(pause(None) if self._offers is None else self._offers.keep_contact())
        protecting = asyncio.ensure_future(media.protection.lost())
        watching = asyncio.ensure_future(media.sending.lost())
        tasks = {talking, keeping, telling, protecting, watching}
        unwatch = self._watch_addresses()
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            unwatch()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _watch_addresses(self) -> Callable[[], None]:
        """Move with this host to another network, where the policy says so."""
        offers = self._offers
        if offers is None or not self._around.account.ice.watch_addresses:
            return lambda: None
        return watch_addresses(self._around.network, offers.host_gone)

    async def _before_end(self, leg: Leg, work: Awaitable[None]) -> None:
        """Await `work` that media needs; raises Interrupted or NoMediaPath where the call ends first."""
        if not await self._until_over(leg, work):
            if self._hung_up.is_set():
                raise Interrupted("hung up before media had a path")
            raise NoMediaPath(f"the call ended before media had a path: {leg.ended.result().reason}")

    async def _until_over(self, leg: Leg, work: Awaitable[None]) -> bool:
        """Await `work`; False where somebody hung up first, `work` is cancelled then."""
        return await self._first(work, leg.ended)

    async def _first(self, work: Awaitable[object], *ends: Awaitable[object]) -> bool:
        """Await `work` until we hang up or one of `ends` is done; True where `work` was first."""
        return await first(work, self._hung_up.wait(), *ends)

    def _take_leg(self, leg: Leg) -> None:
        self._leg = leg
        if self._media is not None:
            self._describe(leg, self._media.descriptions)
        leg.ended.add_done_callback(self._on_leg_end)

    def _describe(self, leg: Leg, descriptions: Descriptions) -> None:
        """From now on requests in the dialog are answered, by what both sides have said."""
        if self._offers is None:
            self._offers = Offers(leg, descriptions, self._around.account.media.codecs)
        if leg.is_over:
            return  # nothing may hold this call by it
        leg.on_reinvite = self._offers.receive
        leg.on_update = self._offers.receive_update
        leg.current_offer = self._offers.refresh
        leg.on_refreshed = self._offers.refreshed
        leg.on_request = InfoRequests(
            descriptions,
            on_digit=self._pressed,
            others=lambda request: self.on_request(self, leg, request),
        ).receive

    # --- figures ------------------------------------------------------------------------------------------

    def _enter(self, state: CallState, reason: str = "") -> None:
        if state is self.state:
            return
        self.state = next_state(self.state, state)
        self._record("state", state=state, reason=reason, call_id=self.id)

    async def _open_media(
        self,
        plan: MediaPlan,
        *,
        offers: bool,
        early: EarlyGathering | None = None,
        told: Descriptions | None = None,
    ) -> MediaLeg:
        around = self._around
        self.plan = plan
        self._media = await MediaLeg.open(
            offers=offers,
            plan=plan,
            account=around.account,
            network=around.network,
            engine=around.engine,
            log=around.log,
            party=around.party,
            identity=around.identity,
            keys_may_be_told=self._is_protected,
            early=early,
            told=told,
        )
        self._use_keys(self._media, choice=plan.dtmf or around.account.media.dtmf)
        return self._media


async def _conversation(media: MediaLeg, plan: MediaPlan) -> None:
    """Return when the plan says that we hang up."""
    if plan.duration_s is None and plan.tail_s is not None:
        await media.spoken()
        await pause(plan.tail_s)
    else:
        await pause(plan.duration_s)
