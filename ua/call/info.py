"""Requests within a call: INFO with late candidates (RFC 6086, RFC 8840) or digits, and what others take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sdp.ice.fragment import CONTENT_TYPE
from ua.call.descriptions import Descriptions
from ua.sip.errors import SipParseError
from ua.sip.events.dtmf import CONTENT_TYPES, Digit
from ua.sip.incoming_request import IncomingRequest
from ua.sip.syntax.headers import Headers

TRICKLE_ICE: Final = "trickle-ice"
"""Info package and option tag of RFC 8840."""


class InfoRequests:
    """Answers the requests of one leg that are not INVITE, BYE, ACK or OPTIONS.

    Args:
        descriptions: take the candidates.
        on_digit: called with each key that the other side presses.
        others: takes requests with other methods; false where it does not.
    """

    def __init__(
        self,
        descriptions: Descriptions,
        *,
        on_digit: Callable[[Digit], object],
        others: Callable[[IncomingRequest], bool],
    ) -> None:
        self._descriptions = descriptions
        self._on_digit = on_digit
        self._others = others

    def receive(self, request: IncomingRequest) -> None:
        """Answer one: INFO of the package that we know is taken, others learn what we know."""
        message = request.request
        if message.method != "INFO":
            if not self._others(request):
                request.respond(405)
            return
        package = message.headers.first("info-package")
        if package is None and not message.body:
            # RFC 6086 §4.2.2: an INFO of old; without a body it asks for nothing.
            request.respond(200)
        elif package is None:
            self._receive_digit(request)
        elif package.partition(";")[0].strip().lower() != TRICKLE_ICE:
            request.respond(469, headers=Headers.of(("Recv-Info", TRICKLE_ICE)))
        elif message.content_type != CONTENT_TYPE:
            request.respond(415, headers=Headers.of(("Accept", CONTENT_TYPE)))
        else:
            request.respond(200 if self._descriptions.take_fragment(message.body) else 400)

    def _receive_digit(self, request: IncomingRequest) -> None:
        message = request.request
        if message.content_type not in CONTENT_TYPES:
            request.respond(415, headers=Headers.of(("Accept", ", ".join(CONTENT_TYPES))))
            return
        try:
            digit = Digit.parse(message.content_type, message.body)
        except SipParseError as error:
            request.respond(400, error.reason)
            return
        request.respond(200)
        self._on_digit(digit)
