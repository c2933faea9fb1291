"""INFO requests within a call: candidates that the other side found late (RFC 6086, RFC 8840)."""

from __future__ import annotations

from typing import Final

from sdp.fragment import CONTENT_TYPE
from ua.call.descriptions import Descriptions
from ua.sip.invite.incoming import IncomingRequest
from ua.sip.syntax.headers import Headers

TRICKLE_ICE: Final = "trickle-ice"
"""Info package and option tag of RFC 8840."""


class InfoRequests:
    """Answers the requests of one leg that are not INVITE, BYE, ACK or OPTIONS.

    Args:
        descriptions: take the candidates.
    """

    def __init__(self, descriptions: Descriptions) -> None:
        self._descriptions = descriptions

    def receive(self, request: IncomingRequest) -> None:
        """Answer one: INFO of the package that we know is taken, others learn what we know."""
        message = request.request
        if message.method != "INFO":
            request.respond(405)
            return
        package = message.headers.first("info-package")
        if package is None and not message.body:
            # RFC 6086 §4.2.2: an INFO of old; without a body it asks for nothing.
            request.respond(200)
        elif package is None:
            request.respond(415, headers=Headers.of(("Accept", "application/sdp")))
        elif package.partition(";")[0].strip().lower() != TRICKLE_ICE:
            request.respond(469, headers=Headers.of(("Recv-Info", TRICKLE_ICE)))
        elif message.content_type != CONTENT_TYPE:
            request.respond(415, headers=Headers.of(("Accept", CONTENT_TYPE)))
        else:
            request.respond(200 if self._descriptions.take_fragment(message.body) else 400)
