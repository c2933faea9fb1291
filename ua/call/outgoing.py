"""A call that we place: offer, ringing, answer, media (RFC 3261 §13.2)."""

from __future__ import annotations

from ua import clock
from ua.call.call import Call
from ua.call.media_leg import MediaLeg
from ua.call.state import CallState
from ua.call.surroundings import CallSurroundings
from ua.errors import AuthenticationError, Interrupted, NoMediaPath, UaError, UsageError
from ua.plan import MediaPlan
from ua.sip.config import ICE_OPTION
from ua.sip.digest.credentials import Credentials
from ua.sip.endpoint import SipEndpoint
from ua.sip.errors import SipParseError, SipRejected
from ua.sip.invite.outgoing import OutgoingInvite
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
    ) -> None:
        super().__init__(around, remote_uri=str(target))
        self._endpoint = endpoint
        self._target = target
        self._from = from_
        self._credentials = credentials
        self._plan = plan
        self._invite: OutgoingInvite | None = None
        self._early: dict[str, bytes] = {}
        self._begin(self._place())

    @property
    def id(self) -> str:
        """Call-ID, empty before the INVITE was sent."""
        request = None if self._invite is None else self._invite.request
        return super().id if request is None else request.call_id

    async def _place(self) -> None:
        self._enter(CallState.GATHERING)
        media = await self._open_media(self._plan, offers=True)
        if self._hung_up.is_set():
            raise Interrupted("hung up before the call was placed")
        self._enter(CallState.CALLING)
        self._times.invited = clock.now()
        try:
            invite = self._invite = self._endpoint.invite(
                self._target,
                from_=self._from,
                body=media.descriptions.offer(),
                headers=Headers.of(("Require", ICE_OPTION)) if self._around.account.ice_required else None,
                credentials=self._credentials,
            )
        except SipParseError as error:
            raise UsageError(f"{self._target} cannot be called: {error.reason}") from error
        # A re-INVITE on the heels of the 200 meets our open offer: it gets 491 and comes again.
        invite.on_leg = self._take_leg
        if not await self._first(self._ring(invite, media)):
            invite.cancel()
        try:
            response = await invite.answered()
        except SipRejected as rejection:
            raise self._explained(rejection, invite) from rejection
        self._times.answered = clock.now()
        if invite.leg is None:
            raise UaError("the call was answered without a dialog")
        self._enter(CallState.CONNECTING)
        body = self._answer_of(response)
        if body is None:
            raise NoMediaPath("the call was answered without a session description")
        await media.descriptions.final_answer(response.to.tag or "", body)
        await self._talk(invite.leg, self._plan)

    async def _ring(self, invite: OutgoingInvite, media: MediaLeg) -> None:
        """Follow the provisional responses to the final one."""
        async for response in invite.provisional():
            body = session_of(response)
            tag = response.to.tag or ""
            if body is not None and tag not in self._early:
                self._early[tag] = body
                await media.descriptions.early_answer(tag, body)
            if response.status in (180, 183) and self.state is CallState.CALLING:
                self._enter(CallState.RINGING)

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
        if self._leg is None and self._invite is not None:
            self._invite.cancel()
        await super()._end_signalling()

    def _explained(self, rejection: SipRejected, invite: OutgoingInvite) -> UaError:
        """What a refusal means to the user."""
        response: Response = rejection.response
        if self._hung_up.is_set() and response.status == 487:
            return Interrupted("hung up before the call was answered")
        if response.status in (401, 407):
            return refused_credentials(response, invite.auth_problem, wanted=not self._credentials)
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
    return AuthenticationError(
        "the server refused user name or password", seen=seen, hint="check auth_user and the password"
    )
