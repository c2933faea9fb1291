"""What passes from one leg to the other (core; RFC 3261 §16.6, §20; RFC 7092 §3.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ua.sip.events import replaces
from ua.sip.events.replaces import Replaces
from ua.sip.invite.rack import RELIABLE
from ua.sip.invite.session_timer import TIMER
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response

MAX_FORWARDS: Final = 70
"""Of a request that says nothing (RFC 3261 §16.6 step 3)."""

_OF_REQUESTS: Final = (
    "accept", "alert-info", "answer-mode", "call-info", "content-disposition", "content-encoding",
    "content-language", "event", "in-reply-to", "info-package", "mime-version", "organization", "priority",
    "privacy", "reason", "recv-info", "refer-sub", "refer-to", "referred-by", "reply-to", "subject",
    "subscription-state", "user-to-user",
)  # fmt: skip
_OF_RESPONSES: Final = (
    "accept", "accept-encoding", "accept-language", "alert-info", "call-info", "content-disposition",
    "content-encoding", "content-language", "error-info", "mime-version", "organization",
    "proxy-authenticate", "reason", "recv-info", "refer-sub", "retry-after", "unsupported",
    "user-to-user", "warning", "www-authenticate",
)  # fmt: skip
_OWN_TAGS: Final = frozenset({RELIABLE, TIMER, replaces.TAG, "outbound", "path"})
"""Extensions that each leg has for itself; all others are the matter of the phones."""
_END_TO_END: Final = frozenset({"norefersub", "trickle-ice"})
"""Extensions of the phones that they may tell each other of."""


def hops_left(request: Request) -> int:
    """Max-Forwards for the other leg: one less; negative where the request may not go on (483)."""
    hops = request.max_forwards
    return (MAX_FORWARDS if hops is None else hops) - 1


def request_headers(request: Request) -> Headers:
    """What a request of one leg has on the other one."""
    rows = request.headers.only(*_OF_REQUESTS).with_rows("max-forwards", hops_left(request))
    required = [tag for tag in _tags(request, "require") if tag.lower() not in _OWN_TAGS]
    return rows.with_rows("require", ", ".join(required)) if required else rows


def invite_headers(request: Request, *, reliable: bool) -> Headers:
    """The same for an INVITE: `reliable` where the caller takes reliable responses, as the callee is told."""
    own = [*([RELIABLE] if reliable else []), TIMER, replaces.TAG]
    theirs = [tag for tag in _tags(request, "supported") if tag.lower() in _END_TO_END]
    return request_headers(request).with_rows("supported", ", ".join([*own, *theirs]))


def response_headers(response: Response) -> Headers:
    """What a response of one leg has on the other one; a redirection its Contacts too."""
    rows = response.headers.only(*_OF_RESPONSES)
    if 300 <= response.status < 400:
        rows = rows.with_rows("contact", *response.headers.all("contact"))
    theirs = [tag for tag in _tags(response, "supported") if tag.lower() in _END_TO_END]
    if theirs and response.is_success and response.cseq.method == "INVITE":
        rows = rows.with_rows("supported", ", ".join(theirs))
    return rows


def content_type(message: Request | Response) -> str:
    """The whole Content-Type, with its parameters."""
    return message.headers.first("content-type") or ""


def crossed(asked: Replaces, partner: Replaces) -> Replaces:
    """The dialog of the other leg, for an INVITE that names the one of this leg."""
    return replace(partner, early_only=asked.early_only)


def _tags(message: Request | Response, name: str) -> list[str]:
    return [tag for row in message.headers.all(name) for part in row.split(",") if (tag := part.strip())]
