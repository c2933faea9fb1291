"""Changes that stay with all further attempts of a request (core; RFC 3261 §8.1.3.5)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ua.sip.retry.targets import Target
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """What is different from the draft.

    Attributes:
        target: where a redirection leads, None for the address of the draft.
        uri: Request-URI in place of one whose scheme the server does not know.
        dropped_tags: option tags, in lower case, that are no longer required; what is still supported stands
            in `rows`.
        rows: headers that take the place of the draft's.
        body: body and its type in place of the draft's.
    """

    target: Target | None = None
    uri: Uri | None = None
    dropped_tags: frozenset[str] = frozenset()
    rows: Headers = field(default_factory=Headers)
    body: tuple[bytes, str] | None = None

    def apply(self, draft: Request) -> Request:
        """The draft, changed."""
        request = draft
        if self.uri is not None:
            request = _redirected(request, self.uri)
        if self.target is not None:
            request = _redirected(request, self.target.uri)
            request = _with_rows(request, self.target.headers)
            if self.target.proxy is not None:
                headers = request.headers.with_rows("route", NameAddr(uri=self.target.proxy))
                request = replace(request, headers=headers)
        if self.body is not None:
            headers = request.headers.with_rows("content-type", self.body[1])
            request = replace(request, headers=headers, body=self.body[0])
        request = _with_rows(request, self.rows)
        for name in ("require", "proxy-require"):
            request = _without_tags(request, name, self.dropped_tags)
        return request


def _redirected(request: Request, uri: Uri) -> Request:
    """To another target, over the same route set (RFC 3261 §8.1.3.4, §12.2.1.1)."""
    routes = request.addresses("route")
    if routes and not routes[0].uri.loose_router:
        # Behind a strict router the target is the last Route, and the Request-URI is the router's.
        routes = (*routes[:-1], NameAddr(uri=uri))
        return replace(request, headers=request.headers.with_rows("route", *routes))
    return replace(request, uri=uri)


def _with_rows(request: Request, rows: Headers) -> Request:
    headers = request.headers
    for name in dict.fromkeys(name for name, _ in rows):
        headers = headers.with_rows(name, *rows.all(name))
    return replace(request, headers=headers)


def _without_tags(request: Request, name: str, tags: frozenset[str]) -> Request:
    listed = [tag.strip() for row in request.headers.all(name) for tag in row.split(",") if tag.strip()]
    kept = [tag for tag in listed if tag.lower() not in tags]
    if len(kept) == len(listed):
        return request
    rows = (", ".join(kept),) if kept else ()
    return replace(request, headers=request.headers.with_rows(name, *rows))
