"""The subscription that a passed REFER makes: its NOTIFYs cross from leg to leg (RFC 3515 §2.4.4)."""

from __future__ import annotations

from ua.pbx.errands import Errands
from ua.pbx.passing import content_type, hops_left, request_headers, response_headers
from ua.sip.errors import SipError
from ua.sip.incoming_request import IncomingRequest
from ua.sip.requests.exchange import Exchange
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.usages import Usages

_REFER = "refer"


class PassedSubscription:
    """A REFER from one leg that went out on the other one, and what follows it.

    It is a usage of both dialogs: both live until it has ended, also where the call is over before.

    Args:
        asked: the REFER.
        here: usages of the leg that it came from.
        there: usages of the other leg.
        errands: runs what takes time.
    """

    def __init__(self, asked: IncomingRequest, here: Usages, there: Usages, errands: Errands) -> None:
        self._asked = asked
        self._here = here
        self._there = there
        self._errands = errands
        self._sent_number = 0
        self._sides = (_Side(self, from_there=False), _Side(self, from_there=True))

    async def pass_on(self) -> None:
        """Send the REFER on and answer it with what comes back."""
        request = self._asked.request
        self._here.add(self._sides[0])
        self._there.add(self._sides[1])
        try:
            done = await self._there.request(
                "REFER",
                headers=request_headers(request),
                body=request.body,
                content_type=content_type(request),
                on_draft=self._note,
            )
        except SipError:
            self._end()
            self._asked.respond(503)
            return
        response = done.response
        if not response.is_success or _declines(response.headers):
            self._end()
        answer_with(self._asked, done)

    def takes(self, request: Request, *, from_there: bool) -> bool:
        """True for NOTIFYs from there, and for what refreshes the subscription from here."""
        if request.method != ("NOTIFY" if from_there else "SUBSCRIBE"):
            return False
        package, number = _event(request)
        mine = self._sent_number if from_there else self._asked.request.cseq.number
        return package == _REFER and number in ("", str(mine))

    def receive(self, incoming: IncomingRequest, *, from_there: bool) -> None:
        """Pass one on."""
        self._errands.run(self._cross(incoming, self._here if from_there else self._there, from_there))

    async def _cross(self, incoming: IncomingRequest, to: Usages, from_there: bool) -> None:
        request = incoming.request
        if hops_left(request) < 0:
            incoming.respond(483)
            return
        rows = request_headers(request)
        if _event(request)[1]:
            number = self._asked.request.cseq.number if from_there else self._sent_number
            rows = rows.with_rows("event", f"{_REFER};id={number}")
        rows = rows.with_rows("expires", *request.headers.all("expires"))
        try:
            done = await to.request(
                request.method, headers=rows, body=request.body, content_type=content_type(request)
            )
        except SipError:
            incoming.respond(481)
            self._end()
            return
        answer_with(incoming, done)
        state = (request.headers.first("subscription-state") or "").partition(";")[0].strip().lower()
        if done.response.status == 481 or (from_there and state == "terminated"):
            self._end()

    def _note(self, draft: Request) -> None:
        self._sent_number = draft.cseq.number

    def _end(self) -> None:
        self._here.remove(self._sides[0])
        self._there.remove(self._sides[1])


class _Side:
    """The subscription in one of the two dialogs."""

    def __init__(self, subscription: PassedSubscription, *, from_there: bool) -> None:
        self._subscription = subscription
        self._from_there = from_there

    def takes(self, request: Request) -> bool:
        """True for a request of this subscription."""
        return self._subscription.takes(request, from_there=self._from_there)

    def receive(self, request: IncomingRequest) -> None:
        """Pass one on."""
        self._subscription.receive(request, from_there=self._from_there)

    def abandon(self) -> None:
        """The endpoint is closed: the errands end with it."""


def answer_with(incoming: IncomingRequest, done: Exchange) -> None:
    """Answer a request with the response that it got on the other leg."""
    response = done.response
    incoming.respond(
        response.status,
        response.reason,
        headers=response_headers(response),
        body=response.body,
        content_type=content_type(response),
    )


def _declines(headers: Headers) -> bool:
    """True where no subscription was made (RFC 4488 §4)."""
    return (headers.first("refer-sub") or "").strip().lower() == "false"


def _event(request: Request) -> tuple[str, str]:
    """Package and id."""
    package, _, params = (request.headers.first("event") or "").partition(";")
    number = next((part.strip()[3:] for part in params.split(";") if part.strip().startswith("id=")), "")
    return package.strip().lower(), number
