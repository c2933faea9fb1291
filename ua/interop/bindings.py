"""What a registrar lists in its 200 (core; RFC 3261 §10.3 step 8)."""

from __future__ import annotations

from ua.interop.wire import WireMessage
from ua.sip.errors import SipParseError
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri


def listed(answer: WireMessage) -> tuple[str, ...]:
    """The Contacts, as they stand there."""
    return answer.headers.members("contact")


def lists(answer: WireMessage, contact: str) -> int:
    """How often this URI is among them."""
    return len(_bindings(answer, contact))


def expires_of(answer: WireMessage, contact: str) -> int | None:
    """Seconds that are granted to this URI, None where nothing is said.

    A registrar that lists one Contact alone, rewritten, means ours.
    """
    found = _bindings(answer, contact)
    if not found and len(listed(answer)) == 1:
        found = _readable(answer)
    texts = [*(each.param("expires") for each in found), *(answer.headers.all("expires") if found else ())]
    return next((int(text) for text in texts if text is not None and text.strip().isdecimal()), None)


def _bindings(answer: WireMessage, contact: str) -> list[NameAddr]:
    ours = Uri.parse(contact)
    return [each for each in _readable(answer) if each.uri.same_as(ours)]


def _readable(answer: WireMessage) -> list[NameAddr]:
    found: list[NameAddr] = []
    for text in listed(answer):
        try:
            found.append(NameAddr.parse(text))
        except SipParseError:
            continue
    return found
