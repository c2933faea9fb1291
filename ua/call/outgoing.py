"""A call that we place: offer, ringing, answer, media (RFC 3261 §13.2)."""

from __future__ import annotations

import asyncio

from ua import clock
from ua.call import gathering, offer_policy
from ua.call.call import Call
from ua.call.descriptions import Descriptions
from ua.call.early_media import EarlyMedia
from ua.call.invites import Invites
from ua.call.offer_policy import OfferForm
from ua.call.offer_refusal import may_take_less
from ua.call.protection import is_protected
from ua.call.refusal import Refusal
from ua.call.ringback import Ringback
from ua.call.state import CallState
from ua.call.surroundings import CallSurroundings
from ua.call.waiting import pause
from ua.errors import AuthenticationError, Interrupted, NoMediaPath, UaError
from ua.plan import MediaPlan
from ua.sip.digest.credentials import Credentials
from ua.sip.endpoint import SipEndpoint
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.rejection import SipRejected
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri


class OutgoingCall(Call):
    """Rings somebody.

    Args:
        around: what the phone lends.
        endpoint: the SIP side of the phone.
        target: whom to call.
        from_: who we say we are.
        credentials: for proxies and servers that ask.
        plan: the media side.
        headers: further headers of the INVITE: who has referred us, which call it replaces.
    """

    def __init__(
        self,
        around: CallSurroundings,
        endpoint: SipEndpoint,
        *,
        target: Uri,
        from_: NameAddr,
        credentials: tuple[Credentials, ...],
        plan: MediaPlan,
        headers: Headers | None = None,
    ) -> None:
        super().__init__(around, remote_uri=str(target))
        self._invites = Invites(
            around, endpoint, target=target, from_=from_, credentials=credentials, headers=headers
        )
        self._has_password = bool(credentials)
        self._is_protected = is_protected(around.account, target)
        self._plan = plan
        self._early: dict[str, bytes] = {}
        self._offer_taken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._early_media: EarlyMedia | None = None
        self._ringback = Ringback(lambda on: self._record("ringback", state="on" if on else "off"))
        self._begin(self._place())

    @property
    def id(self) -> str:
        """Call-ID, empty before the INVITE was sent."""
        request = None if self._invites.last is None else self._invites.last.request
        return super().id if request is None else request.call_id

    async def _place(self) -> None:
        self._enter(CallState.GATHERING)
        media = await self._open_media(self._plan, offers=not self._plan.leaves_offer)
        if self._hung_up.is_set():
            raise Interrupted("hung up before the call was placed")
        self._enter(CallState.CALLING)
        self._times.invited = clock.now()
        early = self._early_media = media.early_media(self._ringback.end)
        try:
            if self._plan.leaves_offer:
                response = await self._ask(media.descriptions)
            else:
                response = await self._invite(media.descriptions)
        finally:
            early.stop()
            self._ringback.end()
        self._times.answered = clock.now()
        if self._leg is None:
            raise UaError("the call was answered without a dialog")
        self._enter(CallState.CONNECTING)
        if self._plan.leaves_offer:
            await self._before_end(self._leg, self._offered(media.descriptions))
        else:
            body = self._answer_of(response)
            if body is None:
                raise NoMediaPath("the call was answered without a session description")
            await media.descriptions.final_answer(response.to.tag or "", body)
        await self._talk(self._leg, self._plan)

    async def _ask(self, descriptions: Descriptions) -> Response:
        """Leave the offer to the other side; gives the 2xx."""

        async def make_answer(response: Response) -> bytes:
            """For the ACK, or the PRACK to a reliable 1xx; ports 0 where nothing is acceptable."""
            if self._offer_taken.done():
                return b""  # of another fork
            body = await descriptions.answer(session_of(response) or b"")
            if isinstance(body, Refusal):
                self._offer_taken.set_result(body.reason)
                return descriptions.refusal
            descriptions.answer_sent()
            self._offer_taken.set_result("")
            return body

        invite = self._invites.ask(make_answer)
        invite.on_leg = self._take_leg
        if not await self._first(self._follow(invite)):
            self._give_up(invite)
        try:
            return await invite.answered()
        except SipRejected as rejection:
            raise self._explained(rejection, invite) from rejection

    async def _follow(self, invite: OutgoingInvite) -> None:
        async for response in invite.provisional():
            self._ringback.rings(response.status)
            if response.status in (180, 183) and self.state is CallState.CALLING:
                self._enter(CallState.RINGING)

    async def _offered(self, descriptions: Descriptions) -> None:
        """Wait for the offer of the 2xx, or of a reliable 1xx before, to be answered."""
        if self._leg is not None and self._leg.descriptions.open is None and not self._offer_taken.done():
            raise NoMediaPath("the call was answered without an offer")
        problem = await self._offer_taken
        if problem or descriptions.agreed is None:
            raise NoMediaPath(
                f"the offer of the other side leaves no media: {problem}",
                hint="it was asked for an offer and named nothing that we have",
            )

    async def _invite(self, descriptions: Descriptions) -> Response:
        """Offer, and with less where that is refused or meets with silence; gives the 2xx."""
        account = self._around.account
        ice = self._plan.ice_config(account.ice)
        without_ice = gathering.tcp_setup(self._plan, account) is not None
        wanted = offer_policy.forms(ice, required=account.ice_required, enabled=account.ice_enabled)
        forms = (OfferForm.ALL,) if without_ice else self._invites.forms(wanted)
        for form, less in zip(forms, (*forms[1:], None), strict=True):
            invite = self._invites.send(descriptions, form)
            # A re-INVITE on the heels of the 200 meets our open offer: it gets 491 and comes again.
            invite.on_leg = self._take_leg
            if self._early_media is not None and (heard_at := descriptions.heard_unannounced()) is not None:
                self._early_media.listen(*heard_at)
            silence = pause(None) if less is None else self._invites.silence(invite)
            heard = await self._first(self._ring(invite, descriptions), silence)
            if not heard and not self._hung_up.is_set():
                reason = f"no response in {account.sip.silence_ms / 1000:g} s"
                self._invites.give_up(invite)
            else:
                if not heard:
                    self._give_up(invite)
                try:
                    response = await invite.answered()
                except SipRejected as rejection:
                    if (
                        less is None
                        or self._hung_up.is_set()
                        or not self._may_take_less(rejection.response, descriptions)
                    ):
                        raise self._explained(rejection, invite) from rejection
                    reason = f"{rejection.response.status} {rejection.response.reason}"
                else:
                    self._invites.worked(form)
                    return response
            descriptions.record("offer_retried", offered=form, next=less, reason=reason)
            self._early.clear()
            await descriptions.begin_again()
        raise UaError("there is nothing to offer")

    def _give_up(self, invite: OutgoingInvite) -> None:
        """We hang up; raises Interrupted where nobody has said anything so far, so that nobody waits for it.

        A CANCEL must not leave before the first response (RFC 3261 §9.1); the stack sees to it.
        """
        invite.cancel()
        if invite.heard.is_set():
            return
        lingering = self._around.lingering
        task = asyncio.ensure_future(invite.answered())
        lingering.add(task)
        task.add_done_callback(lingering.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise Interrupted("hung up before anybody answered")

    def _may_take_less(self, response: Response, descriptions: Descriptions) -> bool:
        codecs, protection = self._around.account.media.codecs, descriptions.wish.keying.offers
        return may_take_less(response, codecs=codecs, protection=protection)

    async def _ring(self, invite: OutgoingInvite, descriptions: Descriptions) -> None:
        """Follow the provisional responses to the final one."""
        async for response in invite.provisional():
            body = session_of(response)
            tag = response.to.tag or ""
            descriptions.rings(tag)
            if body is not None and tag not in self._early:
                self._early[tag] = body
                await self._hear(descriptions, tag, body)
            self._ringback.rings(response.status)
            if response.status in (180, 183) and self.state is CallState.CALLING:
                self._enter(CallState.RINGING)

    async def _hear(self, descriptions: Descriptions, tag: str, body: bytes) -> None:
        """A phone that rings has told where it is: ICE with it begins, and what it sends is played."""
        fork = await descriptions.early_answer(tag, body)
        if self._early_media is None:
            return
        if fork is not None:
            self._early_media.follow(fork.binding, fork.negotiated)
        elif (plain := descriptions.heard_early(body)) is not None:
            self._early_media.hear(*plain)

    def _record(self, name: str, **data: object) -> None:
        self._around.log.record(clock.now(), self._around.party, "call", name, **data)

    def _answer_of(self, response: Response) -> bytes | None:
        """The answer to our offer: the first description of this fork counts (RFC 3261 §13.2.1)."""
        last = session_of(response)
        first = self._early.get(response.to.tag or "", last)
        if last not in (None, first):
            self._around.log.record(
                clock.now(),
                self._around.party,
                "sdp",
                "refused",
                line=None,
                reason="the 200 changed the answer of an earlier response",
            )
        return first

    async def _end_signalling(self) -> None:
        if self._leg is None and self._invites.last is not None:
            self._invites.last.cancel()
        await super()._end_signalling()

    def _explained(self, rejection: SipRejected, invite: OutgoingInvite) -> UaError:
        """What a refusal means to the user."""
        response: Response = rejection.response
        if self._hung_up.is_set() and response.status == 487:
            return Interrupted("hung up before the call was answered")
        if response.status in (401, 407):
            return refused_credentials(response, invite.auth_problem, wanted=not self._has_password)
        return rejection


def refused_credentials(response: Response, problem: str, *, wanted: bool) -> AuthenticationError:
    """The error of a 401 or 407 that was not answered, or answered in vain."""
    seen = f"{response.status} {response.reason}" + (f" ({problem})" if problem else "")
    if wanted:
        return AuthenticationError(
            "the server asks for a password",
            seen=seen,
            hint="set password_file or password_env in [account], or use --password-file",
            password_wanted=True,
        )
    if problem.startswith("no credentials for realm"):
        return AuthenticationError(
            "a server that is none of ours asks for the password",
            seen=seen,
            hint="set realm in [account] where it is to have a proof of it",
        )
    return AuthenticationError(
        "the server refused user name or password", seen=seen, hint="check auth_user and the password"
    )
