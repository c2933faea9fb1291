"""Dialogs: what two user agents know of each other during a call (core; RFC 3261 §12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.security import as_sips, came_securely, is_sips
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Message, Request, Response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri

_REFRESHES_TARGET: Final = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})
FIRST_CSEQ: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogId:
    """Call-ID and both tags; an RFC 2543 peer may have none (RFC 3261 §12)."""

    call_id: str
    local_tag: str
    remote_tag: str


class Dialog:
    """One dialog.

    Attributes:
        call_id: its Call-ID.
        local: our address with our tag.
        remote: the peer's address with its tag, if it has one.
        target: the peer's Contact, where in-dialog requests go.
        routes: route set, nearest proxy first.
        local_cseq: number of our last request, None before the first one of a callee.
        remote_cseq: number of the peer's last request, None before the first one of a callee.
        secure: true where the INVITE was for a sips URI and went over TLS: so does all that follows, and a
            target of the peer that leaves this open is taken for a sips one (RFC 3261 §12.1).
        confirmed: true once a 2xx was seen or sent.
        is_caller: true where we sent the INVITE.
        contact_host: the host of our Contact that the peer knows, empty before.
    """

    def __init__(
        self,
        *,
        call_id: str,
        local: NameAddr,
        remote: NameAddr,
        target: Uri,
        routes: tuple[NameAddr, ...],
        local_cseq: int | None,
        remote_cseq: int | None,
        is_caller: bool,
        secure: bool = False,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.secure = secure
        self.target = as_sips(target) if secure else target
        self.routes = routes
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.is_caller = is_caller
        self.confirmed = False
        self.contact_host = ""

    @classmethod
    def of_caller(cls, request: Request, response: Response) -> Dialog:
        """The dialog that a 101-199 or 2xx to our INVITE makes (RFC 3261 §12.1.2).

        A preset route set is not kept. Raises SipParseError where Contact or Record-Route is unusable.
        """
        dialog = cls(
            call_id=request.call_id,
            local=request.from_,
            remote=response.to,
            target=_contact(response) or request.uri,
            routes=tuple(reversed(response.addresses("record-route"))),
            local_cseq=request.cseq.number,
            remote_cseq=None,
            is_caller=True,
            secure=is_sips(request.uri),
        )
        dialog.confirmed = response.is_success
        return dialog

    @classmethod
    def of_callee(cls, request: Request, local_tag: str) -> Dialog:
        """The dialog that our 101-199 or 2xx to an INVITE makes (RFC 3261 §12.1.1).

        An RFC 2543 peer may leave out Contact: From takes its place. Raises SipParseError where Contact or
        Record-Route is unusable.
        """
        target = _contact(request)
        if target is None and not request.via.has_cookie and request.from_.uri.is_sip:
            target = request.from_.uri
        if target is None:
            raise SipParseError("no Contact")
        return cls(
            call_id=request.call_id,
            local=request.to.with_tag(local_tag),
            remote=request.from_,
            target=target,
            routes=request.addresses("record-route"),
            local_cseq=None,
            remote_cseq=request.cseq.number,
            is_caller=False,
            secure=came_securely(request),
        )

    @property
    def id(self) -> DialogId:
        """What its messages are matched by."""
        return DialogId(
            call_id=self.call_id, local_tag=self.local.tag or "", remote_tag=self.remote.tag or ""
        )

    def confirm(self, response: Response) -> None:
        """The 2xx to the first INVITE: target and route set are computed anew (RFC 3261 §13.2.2.4)."""
        if not self.confirmed:
            self.confirmed = True
            self.routes = tuple(reversed(response.addresses("record-route")))
        self.refresh_target(response)

    def make_request(self, method: str, headers: Headers | None = None, body: bytes = b"") -> Request:
        """The next request of ours, without Via and Contact (RFC 3261 §12.2.1.1)."""
        self.local_cseq = FIRST_CSEQ if self.local_cseq is None else self.local_cseq + 1
        return self._request(method, self.local_cseq, headers, body)

    def make_ack(self, invite: Request, body: bytes = b"", content_type: str = "") -> Request:
        """The ACK to a 2xx of `invite`, without Via; it repeats the credentials (RFC 3261 §13.2.2.4)."""
        headers = invite.headers.only("authorization", "proxy-authorization")
        if body:
            headers = headers.with_added(("Content-Type", content_type))
        return self._request("ACK", invite.cseq.number, headers, body)

    def accepts(self, request: Request) -> bool:
        """Take the CSeq of a request of the peer; false where it is below the last (RFC 3261 §12.2.2)."""
        if request.method in ("ACK", "CANCEL"):
            return True
        number = request.cseq.number
        if self.remote_cseq is not None and number < self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh_target(self, message: Message) -> None:
        """Take the Contact of a target refresh request or its 2xx; never a route set (RFC 3261 §12.2)."""
        if message.cseq.method not in _REFRESHES_TARGET:
            return
        try:
            target = _contact(message)
        except SipParseError:
            return
        if target is not None:
            self.target = as_sips(target) if self.secure else target

    def told(self, message: Message) -> None:
        """The peer has a message of ours whose Contact counts from now on."""
        for contact in message.contacts[:1]:
            self.contact_host = contact.uri.host.strip("[]")

    def _request(self, method: str, number: int, headers: Headers | None, body: bytes) -> Request:
        uri, routes = route(self.target, self.routes)
        hops = () if headers is not None and "max-forwards" in headers else (("Max-Forwards", "70"),)
        rows = Headers.of(
            *(("Route", entry) for entry in routes),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            *hops,
            *(headers or ()),
        )
        return Request(method=method, uri=uri, headers=rows, body=body)


def glare_delay(*, owns_call_id: bool, random: Callable[[int], bytes]) -> float:
    """Seconds to wait after a 491 before the re-INVITE is tried again, in steps of 10 ms (RFC 3261 §14.1).

    2.1 to 4 for the side that made the Call-ID, 0 to 2 for the other. `random(n)` gives n bytes.
    """
    number = int.from_bytes(random(4), "big")
    return (210 + number % 191 if owns_call_id else number % 201) / 100


def route(target: Uri, routes: tuple[NameAddr, ...]) -> tuple[Uri, tuple[NameAddr, ...]]:
    """Request-URI and Route for a target behind a route set (RFC 3261 §12.2.1.1).

    A first entry without lr is a strict router: it becomes the Request-URI, the target the last Route.
    """
    if not routes or routes[0].uri.loose_router:
        return target.as_request_uri(), routes
    return routes[0].uri.as_request_uri(), (*routes[1:], NameAddr(uri=target))


def next_hop(request: Request) -> Uri:
    """Where a request is to be sent: its first Route, or the Request-URI (RFC 3261 §8.1.2).

    Behind a strict router the Request-URI is that router already. For a sips URI the way leads over TLS,
    whatever the Route says. Raises SipParseError for a bad Route.
    """
    routes = request.addresses("route")
    if not routes or not routes[0].uri.loose_router:
        return request.uri
    return as_sips(routes[0].uri) if is_sips(request.uri) else routes[0].uri


def preset_route(request: Request, preset: tuple[NameAddr, ...]) -> Request:
    """The request with a preset route set, e.g. an outbound proxy (RFC 3261 §8.1.1.1)."""
    if not preset:
        return request
    uri, routes = route(request.uri, preset)
    return replace(request, uri=uri, headers=request.headers.with_rows("route", *routes))


def _contact(message: Message) -> Uri | None:
    contacts = message.contacts
    if not contacts:
        return None
    if not contacts[0].uri.is_sip:
        raise SipParseError("a Contact that is no SIP URI")
    return contacts[0].uri
