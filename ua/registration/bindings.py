"""What a registrar granted (core; RFC 3261 §10.2.4, §10.2.8)."""

from __future__ import annotations

from typing import Final

from ua.sip.errors import SipParseError
from ua.sip.syntax.message import Request, Response
from ua.sip.syntax.name_addr import NameAddr

DEFAULT_EXPIRES: Final = 3600
"""Seconds where the answer says nothing that can be read (RFC 3261 §10.2.1.1)."""


def granted_expires(request: Request, response: Response) -> int | None:
    """Seconds granted for the Contact of `request` by the 2xx to it; None where it is not bound.

    Our Contact is found by comparing URIs (RFC 3261 §19.1.4); contacts of others do not count. Its expires
    parameter decides, else the Expires header, else 3600.
    """
    ours = request.contacts[0].uri
    try:
        bound = [contact for contact in response.contacts if contact.uri.same_as(ours)]
    except SipParseError:
        return None
    if not bound:
        return None
    expires = _seconds(bound[0])
    if expires is None:
        expires = response.seconds("expires")
    return DEFAULT_EXPIRES if expires is None else expires


def _seconds(contact: NameAddr) -> int | None:
    text = contact.param("expires")
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 10 else None
