"""Refer-To and Referred-By: whom to call, and who says so (core; RFC 3515 §2.1, RFC 3892, RFC 4488)."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass, replace
from typing import Final, Self

from ua.sip.errors import SipParseError
from ua.sip.events.replaces import Replaces
from ua.sip.syntax.grammar import is_token, without_param
from ua.sip.syntax.headers import Headers, full_name
from ua.sip.syntax.message import Message, Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri

NO_SUBSCRIPTION: Final = "norefersub"
"""Option tag of those who can do without the subscription of a REFER (RFC 4488 §7)."""

_SAFE: Final = "-_.!~*'()"
_CONTROL_RE: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferTo:
    """Whom a REFER asks to call.

    Attributes:
        target: the URI to call, without headers.
        replaces: the call there whose place the new one shall take, None for a plain call.
        require_replaces: true where the new call must fail rather than ring beside that call.
    """

    target: Uri
    replaces: Replaces | None = None
    require_replaces: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a Refer-To value; raises SipParseError.

        Of the headers that its URI asks for only Replaces and Require are read here; the harmless others stay
        in the target.
        """
        uri = NameAddr.parse(text).uri
        if not uri.is_sip:
            return cls(target=uri)
        replaces: Replaces | None = None
        required = False
        others: list[str] = []
        for member in uri.headers.split("&") if uri.headers else ():
            raw_name, _, raw_value = member.partition("=")
            name = full_name(urllib.parse.unquote(raw_name))
            value = urllib.parse.unquote(raw_value)
            if not is_token(name) or _CONTROL_RE.search(value):
                raise SipParseError("Refer-To asks for a malformed header")
            if name == "replaces":
                if replaces is not None:
                    raise SipParseError("Refer-To with more than one Replaces")
                replaces = Replaces.parse(value)
            elif name == "require":
                required = "replaces" in (tag.strip().lower() for tag in value.split(","))
            else:
                others.append(member)
        target = replace(uri, headers="&".join(others))
        return cls(target=target, replaces=replaces, require_replaces=required and replaces is not None)

    def __str__(self) -> str:
        rows = [self.target.headers] if self.target.headers else []
        if self.replaces is not None:
            rows.append(f"Replaces={urllib.parse.quote(str(self.replaces), safe=_SAFE)}")
            if self.require_replaces:
                rows.append("Require=replaces")
        return f"<{replace(self.target, headers='&'.join(rows))}>"

    @property
    def method(self) -> str:
        """The method that the URI asks for, INVITE where it asks for none."""
        return (self.target.param("method") or "INVITE") if self.target.is_sip else "INVITE"

    def call_headers(self) -> Headers:
        """Replaces and Require of the call that is asked for (RFC 3891 §4)."""
        if self.replaces is None:
            return Headers()
        rows = Headers.of(("Replaces", self.replaces))
        return rows.with_added(("Require", "replaces")) if self.require_replaces else rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """What a REFER asks for.

    Attributes:
        refer_to: whom to call.
        referred_by: the Referred-By row as it came, to be copied unchanged; None without one.
        wants_subscription: false where the sender asked for no NOTIFYs (RFC 4488 §4).
    """

    refer_to: ReferTo
    referred_by: str | None = None
    wants_subscription: bool = True

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read a REFER; raises SipParseError where it is to be answered with 400.

        That is: not exactly one Refer-To, or more than one Referred-By (RFC 3515 §2.4.2, RFC 3892 §3).
        """
        targets = request.headers.members("refer-to")
        if len(targets) != 1:
            raise SipParseError("not exactly one Refer-To")
        wanted = (request.headers.first("refer-sub") or "").partition(";")[0].strip().lower()
        return cls(
            refer_to=ReferTo.parse(targets[0]),
            referred_by=referred_by_row(request),
            wants_subscription=wanted != "false",
        )

    def call_headers(self) -> Headers:
        """What the call that is asked for carries: Replaces, and Referred-By as it came (RFC 3892 §2.1)."""
        rows = self.refer_to.call_headers()
        return rows if self.referred_by is None else rows.with_added(("Referred-By", self.referred_by))


def referred_by_row(message: Message) -> str | None:
    """The Referred-By row of a message, None without one; raises SipParseError where there are several."""
    rows = message.headers.members("referred-by")
    if len(rows) > 1:
        raise SipParseError("more than one Referred-By")
    return rows[0] if rows else None


def referrer(message: Message) -> NameAddr | None:
    """Who is said to have referred the sender; unverified. None where nobody readable is named."""
    try:
        row = referred_by_row(message)
        return None if row is None else NameAddr.parse(row)
    except SipParseError:
        return None


def asks_for_call(target: Uri) -> Uri:
    """The URI to call: `target` without a method parameter that has been looked at."""
    return replace(target, params=without_param(target.params, "method"))
