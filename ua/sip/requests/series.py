"""Requests outside dialogs that belong together: one Call-ID, one From tag, rising CSeq (RFC 3261 §10.2)."""

from __future__ import annotations

from ua.sip.dialog import preset_route
from ua.sip.digest.client import DigestClient
from ua.sip.requests.exchange import Exchange, exchange
from ua.sip.requests.preparation import ContactParams
from ua.sip.stack import Stack
from ua.sip.syntax.body import SDP
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri


class RequestSeries:
    """REGISTER and its refreshes, or any request that stands alone.

    Credentials are sent unasked once a server has challenged. One request at a time (RFC 3261 §10.2).

    Attributes:
        call_id: the Call-ID of all its requests.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        target: Uri,
        from_: NameAddr,
        to: NameAddr,
        digest: DigestClient | None,
        routes: tuple[NameAddr, ...] | None = None,
    ) -> None:
        self._stack = stack
        self._target = target
        self._from = from_.with_tag(stack.layer.new_tag())
        self._to = to
        self._digest = digest
        self._routes = routes
        self._cseq = 0
        self.call_id = stack.random(16).hex()

    async def request(
        self,
        method: str,
        *,
        headers: Headers | None = None,
        body: bytes = b"",
        content_type: str = SDP,
        contact: ContactParams = None,
    ) -> Exchange:
        """Send a request and wait for its final response, whatever its status.

        `contact` gives the parameters of our Contact, e.g. (("expires", "60"),); None leaves Contact out.
        Raises SipTimeout or SipUnreachable.
        """

        def draft() -> Request:
            return self.draft(method, headers, body, content_type)

        return await exchange(self._stack, draft, digest=self._digest, contact=contact)

    def draft(
        self, method: str, headers: Headers | None = None, body: bytes = b"", content_type: str = SDP
    ) -> Request:
        """The next request, without Via and Contact; Max-Forwards is 70 where `headers` have none."""
        self._cseq += 1
        hops = () if headers is not None and "max-forwards" in headers else (("Max-Forwards", "70"),)
        rows = Headers.of(
            *hops,
            ("From", self._from),
            ("To", self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._cseq} {method}"),
            *(headers or ()),
        )
        if body:
            rows = rows.with_rows("content-type", content_type)
        request = Request(method=method, uri=self._target.as_request_uri(), headers=rows, body=body)
        return preset_route(request, self._stack.routing.preset if self._routes is None else self._routes)
