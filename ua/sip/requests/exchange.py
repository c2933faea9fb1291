"""A request and its final response, with the attempts in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ua.sip.digest.client import DigestClient
from ua.sip.errors import SipError, SipTimeout, SipUnreachable
from ua.sip.requests.preparation import ContactParams
from ua.sip.requests.sending import start_request
from ua.sip.retry.attempts import Attempts
from ua.sip.stack import Stack
from ua.sip.syntax.message import Request, Response
from ua.sip.transport.hop import Hop


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that was answered.

    Attributes:
        request: the last one sent, with Via, Contact and credentials.
        response: its final response, of any status.
        hop: where it went.
        auth_problem: why a 401 or 407 was not answered, empty otherwise.
    """

    request: Request
    response: Response
    hop: Hop
    auth_problem: str = ""


class Waiter:
    """Waits for one final response; hands further ones to `on_response`."""

    def __init__(self, on_response: Callable[[Response], None] | None = None) -> None:
        self._on_response = on_response
        self.final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def on_response(self, response: Response) -> None:
        """A response came."""
        if not response.is_final or self.final.done():
            if self._on_response is not None:
                self._on_response(response)
            return
        self.final.set_result(response)

    def on_failure(self, error: SipError) -> None:
        """None will come."""
        if not self.final.done():
            self.final.set_exception(error)
            self.final.exception()  # seen: the one who waits may have been cancelled

    def on_ended(self) -> None:
        """No response will come any more."""


async def exchange(
    stack: Stack,
    draft: Callable[[], Request],
    *,
    digest: DigestClient | None,
    contact: ContactParams = None,
    on_response: Callable[[Request, Response], None] | None = None,
) -> Exchange:
    """Send what `draft` makes (each call with the next CSeq), again where the response asks for it.

    Challenges are answered, redirections followed, what the other side does not know is left out: see
    `ua.sip.retry`. Raises SipTimeout or SipUnreachable.
    """
    attempts = Attempts(digest, stack.config.redirects)
    while True:
        request = attempts.amend(draft())
        sent_request: list[Request] = []

        def hand_on(response: Response, sent_request: list[Request] = sent_request) -> None:
            if on_response is not None and sent_request:
                on_response(sent_request[0], response)

        waiter = Waiter(hand_on)
        try:
            sent = await start_request(stack, request, waiter, contact=contact)
            sent_request.append(sent.request)
            response = await waiter.final
        except (SipTimeout, SipUnreachable):
            if not attempts.failed():
                raise
            stack.report.notes(attempts.take_notes())
            continue
        again = attempts.again(sent.request, response)
        stack.report.notes(attempts.take_notes())
        if not again:
            return Exchange(
                request=sent.request, response=response, hop=sent.hop, auth_problem=attempts.auth_problem
            )
