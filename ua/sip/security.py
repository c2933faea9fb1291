"""Where sips: is owed: in Contacts, in dialogs, on the next hop (core; RFC 3261 §8.1.1.8, §12.1, §26.2.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.message import Request
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.via import Via

DOWNGRADED: Final = "the call is for a sips address and To names a sip one: not all of its way may be secure"
"""What the user is told of such an INVITE (RFC 3261 §26.4.4)."""


def is_sips(uri: Uri) -> bool:
    """True for a URI that may be reached over TLS alone."""
    return uri.scheme == "sips"


def as_sips(uri: Uri) -> Uri:
    """The same place, over TLS alone; transport=tls says nothing more then (RFC 3261 §26.2.2)."""
    if not uri.is_sip or is_sips(uri):
        return uri
    params = tuple(
        (name, value) for name, value in uri.params if (name.lower(), value) != ("transport", "tls")
    )
    return replace(uri, scheme="sips", params=params)


def demands_sips(request: Request) -> bool:
    """True where the Contact of our request is to be sips: its Request-URI or top Route is (§8.1.1.8)."""
    if is_sips(request.uri):
        return True
    routes = request.addresses("route")
    return bool(routes) and is_sips(routes[0].uri)


def answer_demands_sips(request: Request) -> bool:
    """True where the Contact of our answer is to be sips (RFC 3261 §12.1.1).

    The Request-URI is, or the top Record-Route, or without one the Contact of the request.
    """
    if is_sips(request.uri):
        return True
    try:
        rows = request.addresses("record-route") or request.contacts
    except SipParseError:
        return False
    return bool(rows) and is_sips(rows[0].uri)


def came_securely(request: Request) -> bool:
    """True where a request for a sips URI came over TLS: its dialog is secure (RFC 3261 §12.1.1)."""
    via: Via = request.via
    return is_sips(request.uri) and via.transport in ("TLS", "WSS")


def is_downgraded(request: Request) -> bool:
    """True where a sips Request-URI stands beside a sip To: the caller may have asked for less (§26.4.4)."""
    return is_sips(request.uri) and request.to.uri.scheme == "sip"
