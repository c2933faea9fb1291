"""Being handed over: the side that is asked to call somebody else (RFC 3515 §2.4, RFC 5589)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ua import clock
from ua.call.surroundings import CallSurroundings
from ua.errors import UaError, UsageError
from ua.plan import MediaPlan
from ua.sip.errors import SipParseError
from ua.sip.events.refer import IncomingRefer
from ua.sip.events.refer_to import Referral, asks_for_call
from ua.sip.incoming_request import IncomingRequest
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.usages import Usages

if TYPE_CHECKING:
    from ua.call.call import Call

Place = Callable[[str, MediaPlan, Headers], Awaitable["Call"]]
"""Calls a URI, with these headers in the INVITE."""

MAX_WAITING = 8
"""Transfers that may wait for a decision; further ones are declined."""


class TransferRequest:
    """Somebody asks us to call somebody else. Decide with `accept` or `decline`.

    Attributes:
        call: the call in which we are asked, None outside any.
        target: URI that is to be called.
        referred_by: URI of who asks, unverified; empty where it is not told.
        replaces: true where the new call takes the place of one that the asking side has with the target.
    """

    def __init__(self, refer: IncomingRefer, call: Call | None, place: Place) -> None:
        referral = refer.referral
        self._refer = refer
        self._place = place
        self.call = call
        self.target = str(asks_for_call(referral.refer_to.target))
        self.replaces = referral.refer_to.replaces is not None
        self.referred_by = _uri_of(referral.referred_by)
        self._decided = False
        self._telling: asyncio.Task[None] | None = None

    @property
    def is_decided(self) -> bool:
        """True once `accept` or `decline` was called."""
        return self._decided

    async def accept(self, plan: MediaPlan | None = None) -> Call:
        """Place the call; the other side is told what becomes of it.

        Without a plan the media of the call in which we are asked go on (what is recorded goes to a second
        file). Raises UsageError where there is neither, or the target cannot be called.
        """
        self._decide()
        media = plan or (None if self.call is None else self.call.plan)
        try:
            if media is None:
                raise UsageError("there is no call whose media could go on: give a plan")
            if plan is None and media.record is not None:
                # The file of the call that ends is not complete yet.
                media = replace(media, record=media.record.with_stem(f"{media.record.stem}-transferred"))
            call = await self._place(self.target, media, self._refer.referral.call_headers())
        except UaError:
            self._refer.tell(603)
            raise
        if self.call is not None:
            self.call.successor = call
        self._telling = asyncio.ensure_future(self._tell(call))
        return call

    def decline(self) -> None:
        """Call nobody."""
        self._decide()
        self._refer.tell(603)

    def _decide(self) -> None:
        if self._decided:
            raise UsageError("this transfer is decided")
        self._decided = True

    async def _tell(self, call: Call) -> None:
        try:
            await call.established()
        except UaError as error:
            self._refer.tell(_status_of(error))
        else:
            self._refer.tell(200)


class Transfers:
    """Takes the REFERs of one phone, by the policy of its account.

    Args:
        around: what the phone lends.
        place: places calls.
    """

    def __init__(self, around: CallSurroundings, place: Place) -> None:
        self._around = around
        self._place = place
        self._tasks: set[asyncio.Task[Call]] = set()
        self._waiting: asyncio.Queue[TransferRequest] | None = None

    async def requests(self) -> AsyncIterator[TransferRequest]:
        """Who asks; with the policy "always" these are accepted already."""
        waiting = self._waiting = self._waiting or asyncio.Queue(MAX_WAITING)
        while True:
            yield await waiting.get()

    async def close(self) -> None:
        """Nobody is called any more."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def receive(
        self, incoming: IncomingRequest, dialog: Callable[[], Usages | None], call: Call | None
    ) -> None:
        """Answer a REFER at once; what is done about it is decided afterwards (RFC 3515 §2.4.2).

        `dialog` gives its dialog: that of the call, or the one that the answer makes.
        """
        try:
            referral = Referral.of(incoming.request)
        except SipParseError as error:
            incoming.respond(400, error.reason)
            return
        refusal = self._refusal(referral, call)
        self._record(referral, refusal)
        if refusal is not None:
            incoming.respond(refusal)
            return
        usages = dialog()
        if usages is None:
            incoming.respond(400, "Bad Contact")
            return
        if call is None:
            # Without the subscription there would be nothing to keep the dialog for: RFC 4488 §4 lets us.
            referral = replace(referral, wants_subscription=True)
        refer = IncomingRefer(usages, incoming, referral)
        refer.accept()
        request = TransferRequest(refer, call, self._place)
        if self._around.account.sip.accept_transfers == "always" and call is not None:
            task = asyncio.ensure_future(request.accept())
            self._tasks.add(task)
            task.add_done_callback(self._accepted)
        if self._waiting is not None and not self._waiting.full():
            self._waiting.put_nowait(request)

    def _refusal(self, referral: Referral, call: Call | None) -> int | None:
        """The status for a REFER that nobody has to think about, None for others."""
        if not referral.refer_to.target.is_sip:
            return 416
        policy = self._around.account.sip.accept_transfers
        listening = self._waiting is not None and not self._waiting.full()
        decided = policy == "always" and call is not None
        if referral.refer_to.method != "INVITE" or policy == "never" or not (decided or listening):
            return 603
        return None

    def _accepted(self, task: asyncio.Task[Call]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._note("failed", reason=str(error))

    def _record(self, referral: Referral, refusal: int | None) -> None:
        self._note(
            "asked" if refusal is None else "refused",
            target=str(referral.refer_to.target),
            referred_by=referral.referred_by or "",
            status=refusal,
        )

    def _note(self, state: str, **data: object) -> None:
        self._around.log.record(clock.now(), self._around.party, "call", "transfer", state=state, **data)


def _status_of(error: UaError) -> int:
    """What a failed call is to the one who asked for it."""
    code = getattr(error, "sip_code", None)
    return code if isinstance(code, int) and 300 <= code < 700 else 503


def _uri_of(row: str | None) -> str:
    if row is None:
        return ""
    try:
        return str(NameAddr.parse(row).uri)
    except SipParseError:
        return ""
