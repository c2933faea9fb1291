"""The INVITEs of one call: each that follows one that failed offers less (RFC 3261 §8.1.3.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ua import clock
from ua.call.descriptions import Descriptions
from ua.call.offer_policy import OfferForm
from ua.call.surroundings import CallSurroundings
from ua.call.waiting import pause
from ua.errors import UsageError
from ua.sip.config import ICE_OPTION
from ua.sip.digest.credentials import Credentials
from ua.sip.endpoint import SipEndpoint
from ua.sip.errors import SipParseError
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.invite.pracks import MakeAnswer
from ua.sip.requests.series import RequestSeries
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri


class Invites:
    """Makes them.

    Args:
        around: what the phone lends.
        endpoint: the SIP side of the phone.
        target: whom to call.
        from_: who we say we are.
        credentials: for proxies and servers that ask.
        headers: further headers of each.

    Attributes:
        last: the one that was sent last, None before.
    """

    def __init__(
        self,
        around: CallSurroundings,
        endpoint: SipEndpoint,
        *,
        target: Uri,
        from_: NameAddr,
        credentials: tuple[Credentials, ...],
        headers: Headers | None = None,
    ) -> None:
        self._around = around
        self._endpoint = endpoint
        self._target = target
        self._from = from_
        self._credentials = credentials
        self._series: RequestSeries | None = None
        needed = (("Require", ICE_OPTION),) if around.account.ice_required else ()
        self._headers = Headers.of(*needed, *(headers or ()))
        self.last: OutgoingInvite | None = None

    def forms(self, ice_forms: Sequence[OfferForm]) -> tuple[OfferForm, ...]:
        """What is to be offered in turn, by what is known of this peer."""
        return self._around.peers.left(self._target.host, tuple(ice_forms), clock.now())

    def worked(self, form: OfferForm) -> None:
        """The peer took this form."""
        self._around.peers.remember(self._target.host, form, clock.now())

    def send(self, descriptions: Descriptions, form: OfferForm) -> OutgoingInvite:
        """Send the next INVITE; raises UsageError where the target cannot be called."""
        descriptions.tell(form)
        if self._series is None:
            self._series = self._endpoint.series(target=self._target, from_=self._from)
        try:
            self.last = self._endpoint.invite(
                self._target,
                from_=self._from,
                body=descriptions.offer(room=self._room()),
                headers=self._headers,
                credentials=self._credentials,
                series=self._series,
            )
        except SipParseError as error:
            raise UsageError(f"{self._target} cannot be called: {error.reason}") from error
        return self.last

    def ask(self, make_answer: MakeAnswer) -> OutgoingInvite:
        """Send an INVITE that leaves the offer to the other side; raises UsageError as `send` does."""
        try:
            self.last = self._endpoint.invite(
                self._target,
                from_=self._from,
                headers=self._headers,
                credentials=self._credentials,
                make_answer=make_answer,
            )
        except SipParseError as error:
            raise UsageError(f"{self._target} cannot be called: {error.reason}") from error
        return self.last

    async def silence(self, invite: OutgoingInvite) -> None:
        """Return where nothing at all has come back for too long; never where something has."""
        try:
            async with asyncio.timeout(self._around.account.sip.silence_ms / 1000):
                await invite.heard.wait()
        except TimeoutError:
            return
        await pause(None)

    def give_up(self, invite: OutgoingInvite) -> None:
        """Nobody answered it; the next one is another call to whoever gets both."""
        invite.cancel()
        self._series = None

    def _room(self) -> int | None:
        """Bytes for the description; None where it does not go by UDP."""
        account = self._around.account
        most = account.sip.invite_bytes
        hop = self._target if account.proxy is None else Uri.parse(account.proxy)
        transport = hop.param("transport") or account.transport
        if not most or hop.scheme != "sip" or transport.lower() != "udp":
            return None
        taken = self._endpoint.bytes_without_body(
            self._target, from_=self._from, headers=self._headers, authenticated=bool(self._credentials)
        )
        return most - taken
