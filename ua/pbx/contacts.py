"""What a REGISTER asks for: its Contacts and how long they shall last (core; RFC 3261 §10.3 steps 6, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ua.pbx.binding import Binding, stored
from ua.sip.errors import SipParseError
from ua.sip.syntax.message import Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.transport.hop import Hop

DEFAULT_EXPIRES_S: Final = 3600
"""Seconds of a binding that names none, or none that can be read (RFC 3261 §10.3 step 7)."""

OUTBOUND: Final = "outbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a binding may last, and how many a user may have.

    Attributes:
        min_s: shorter ones get 423.
        max_s: longer ones are cut to this.
        bindings: of one user at a time.
    """

    min_s: int = 60
    max_s: int = 3600
    bindings: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The REGISTER fails, and nothing has changed.

    Attributes:
        status: what it gets; never 6xx, which would end the search elsewhere (RFC 3261 §10.3).
        reason: for the log and the reason phrase.
        min_expires: for a 423.
    """

    status: int
    reason: str
    min_expires: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be done with the bindings of the user, in this order.

    Attributes:
        removes_all: true for `*`.
        bindings: as they would be stored; those whose time is over at once are removals.
        outbound: flows are kept (RFC 5626).
    """

    removes_all: bool = False
    bindings: tuple[Binding, ...] = ()
    outbound: bool = False


def changes_of(request: Request, source: Hop, now: float, limits: Limits) -> Changes | Refused:
    """Read the Contacts of a REGISTER that came from `source`."""
    try:
        path = request.addresses("path")
        hops = len(request.headers.members("via"))
        members = request.headers.members("contact")
        contacts = request.contacts
    except SipParseError as error:
        return Refused(status=400, reason=f"Malformed Contact or Path: {error.reason}")
    if "*" in members:
        alone = len(members) == 1 and request.seconds("expires") == 0
        return Changes(removes_all=True) if alone else Refused(status=400, reason="Contact * is not alone")
    asks = OUTBOUND in request.headers.tokens("supported")
    numbered = [each for each in contacts if _flow_number(each) is not None]
    direct = hops == 1 and not path
    keeps_flows = bool(numbered) and (direct or (bool(path) and path[-1].uri.param("ob") is not None))
    if numbered and not keeps_flows and asks:
        return Refused(status=439, reason="First Hop Lacks Outbound Support")
    lasting = [each for each in contacts if _asked_seconds(each, request) != 0]
    if keeps_flows and len(lasting) > 1 and any(_flow_number(each) is not None for each in lasting):
        return Refused(status=400, reason="More than one Contact beside a reg-id")
    wanted: list[Binding] = []
    for contact in contacts:
        seconds = _asked_seconds(contact, request)
        if 0 < seconds < min(limits.min_s, 3600):
            return Refused(status=423, reason="Interval Too Brief", min_expires=limits.min_s)
        number = _flow_number(contact) if keeps_flows else None
        wanted.append(
            Binding(
                contact=stored(contact),
                call_id=request.call_id,
                cseq=request.cseq.number,
                expires_at=now + min(seconds, limits.max_s),
                updated_at=now,
                path=path,
                instance="" if number is None else contact.param("+sip.instance") or "",
                reg_id=number,
                flow=source if number is not None and direct else None,
            )
        )
    return Changes(bindings=tuple(wanted), outbound=keeps_flows and asks)


def changed(
    current: tuple[Binding, ...], changes: Changes, request: Request, now: float, limits: Limits
) -> tuple[Binding, ...] | Refused:
    """The bindings after a REGISTER; all of it is done, or nothing (RFC 3261 §10.3 step 7)."""
    late = Refused(status=500, reason="CSeq is not above that of a binding")
    if changes.removes_all:
        return late if any(_is_late(each, request) for each in current) else ()
    bindings = list(current)
    for wanted in changes.bindings:
        places = [at for at, known in enumerate(bindings) if known.is_same_as(wanted)]
        if any(known in current and _is_late(known, request) for known in (bindings[at] for at in places)):
            return late
        bindings = [each for at, each in enumerate(bindings) if at not in places]
        if wanted.expires_at > now:
            bindings.append(wanted)
    if len(bindings) > max(limits.bindings, len(current)):
        return Refused(status=403, reason="Too Many Bindings")
    return tuple(bindings)


def _is_late(binding: Binding, request: Request) -> bool:
    return binding.call_id == request.call_id and request.cseq.number <= binding.cseq


def _asked_seconds(contact: NameAddr, request: Request) -> int:
    """By the parameter, else by the header, else by default; malformed values count as the default."""
    text = contact.param("expires")
    if text is not None:
        readable = text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32
        return int(text) if readable else DEFAULT_EXPIRES_S
    seconds = request.seconds("expires")
    return DEFAULT_EXPIRES_S if seconds is None else seconds


def _flow_number(contact: NameAddr) -> int | None:
    """The reg-id where there is an instance too: without one it is ignored (RFC 5626 §6)."""
    text = contact.param("reg-id") or ""
    readable = text.isascii() and text.isdigit() and 0 < len(text) <= 10 and 0 < int(text) < 2**31
    return int(text) if readable and contact.param("+sip.instance") else None
