"""What helps against 415, 416, 420, 421 and 422 (core; RFC 3261 §8.1.3.5, RFC 4028 §7.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ua.sip.retry.amendment import Amendment
from ua.sip.syntax.body import SDP, session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response
from ua.sip.syntax.uri import Uri

INDISPENSABLE: Final = frozenset({"ice", "replaces"})
"""Option tags without which a request would do something else than it was made for."""

MAX_MIN_SE: Final = 24 * 3600
"""Seconds; a server that wants longer sessions than a day gets none."""


def remedy(amendment: Amendment, request: Request, response: Response) -> Amendment | None:
    """The amendment, with what the response asks for; None where nothing can be done about it."""
    match response.status:
        case 415:
            return _plain_body(amendment, request, response)
        case 416:
            return _sip_uri(amendment, request)
        case 420:
            return _without_extensions(amendment, request, response)
        case 421:
            return _with_extensions(amendment, request, response)
        case 422:
            return _longer_session(amendment, request, response)
        case _:
            return None


def _plain_body(amendment: Amendment, request: Request, response: Response) -> Amendment | None:
    """415: the session description without its multipart, to a server that takes it so."""
    session = session_of(request)
    if session is None or not request.content_type.startswith("multipart/"):
        return None
    accepted = {kind.partition(";")[0].strip() for kind in response.headers.tokens("accept")}
    if accepted and not accepted & {SDP, "application/*", "*/*"}:
        return None
    return replace(amendment, body=(session, SDP))


def _sip_uri(amendment: Amendment, request: Request) -> Amendment | None:
    """416: a telephone number as a user of our own domain (RFC 3261 §19.1.6)."""
    if request.uri.scheme != "tel" or not request.from_.uri.is_sip:
        return None
    home = request.from_.uri
    uri = Uri(
        scheme=home.scheme,
        user=request.uri.opaque.replace(" ", ""),
        host=home.host,
        port=home.port,
        params=(("user", "phone"),),
    )
    return replace(amendment, uri=uri)


def _without_extensions(amendment: Amendment, request: Request, response: Response) -> Amendment | None:
    """420: without the tags that the server does not know."""
    headers = request.headers
    asked = headers.tokens("supported") | headers.tokens("require") | headers.tokens("proxy-require")
    refused = response.headers.tokens("unsupported") & asked
    if not refused or refused & INDISPENSABLE:
        return None
    dropped = amendment.dropped_tags | refused
    return replace(amendment, dropped_tags=dropped, rows=_supporting(amendment, request, dropped))


def _with_extensions(amendment: Amendment, request: Request, response: Response) -> Amendment | None:
    """421: an extension that was dropped before and is wanted after all."""
    wanted = response.headers.tokens("require")
    if not wanted or not wanted <= amendment.dropped_tags:
        return None  # what we speak stands in Supported already
    dropped = amendment.dropped_tags - wanted
    rows = _supporting(amendment, request, dropped, *sorted(wanted))
    return replace(amendment, dropped_tags=dropped, rows=rows)


def _supporting(amendment: Amendment, request: Request, dropped: frozenset[str], *more: str) -> Headers:
    """Headers with what is still supported; an empty Supported says that nothing is (RFC 3261 §20.37)."""
    listed = [tag.strip() for row in request.headers.all("supported") for tag in row.split(",")]
    kept = [tag for tag in listed if tag and tag.lower() not in dropped]
    return amendment.rows.with_rows("supported", ", ".join([*kept, *more]))


def _longer_session(amendment: Amendment, request: Request, response: Response) -> Amendment | None:
    """422: a session interval that the server finds long enough; the longest Min-SE seen counts."""
    wanted = response.seconds("min-se")
    before = request.seconds("min-se") or 0
    if wanted is None or not before < wanted <= MAX_MIN_SE:
        return None
    interval = max(wanted, request.seconds("session-expires") or 0)
    _, semicolon, params = (request.headers.first("session-expires") or "").partition(";")
    rows = Headers.of(("Session-Expires", f"{interval}{semicolon}{params}"), ("Min-SE", wanted))
    kept = amendment.rows.without("session-expires", "min-se")
    return replace(amendment, rows=kept.with_added(*rows))
