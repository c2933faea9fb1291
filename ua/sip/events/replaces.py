"""Replaces: the call that a new one takes the place of (core; RFC 3891)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final, Self

from ua.sip.dialog import Dialog, DialogId
from ua.sip.errors import SipParseError
from ua.sip.syntax.grammar import is_token, read_params
from ua.sip.syntax.message import Request

TAG: Final = "replaces"
"""Option tag of those who understand the header."""

_CALL_ID_RE: Final = re.compile(r"[ \t]*([^\s;,]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaces:
    """A dialog as its recipient names it.

    Attributes:
        call_id: its Call-ID.
        to_tag: tag of the one who is asked to replace it.
        from_tag: tag of the other side.
        early_only: true where a call that is answered shall not be replaced.
    """

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value with one to-tag and one from-tag; raises SipParseError (RFC 3891 §6.1)."""
        match = _CALL_ID_RE.match(text)
        if match is None:
            raise SipParseError("Replaces without a Call-ID")
        params = {name.lower(): value for name, value in read_params(text, match.end())}
        to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
        if not to_tag or not from_tag or not is_token(to_tag) or not is_token(from_tag):
            raise SipParseError("Replaces without its two tags")
        return cls(call_id=match[1], to_tag=to_tag, from_tag=from_tag, early_only="early-only" in params)

    @classmethod
    def of(cls, dialog: Dialog) -> Self:
        """What asks the other side of `dialog` to replace it: the tags as that side sees them.

        Raises SipParseError for a dialog without tags or with a Call-ID that cannot be written (an RFC 2543
        peer's).
        """
        value = cls(call_id=dialog.call_id, to_tag=dialog.remote.tag or "", from_tag=dialog.local.tag or "")
        return cls.parse(str(value))

    @property
    def dialog_id(self) -> DialogId:
        """The dialog of ours that is meant: to-tag is our tag, from-tag the peer's (RFC 3891 §3)."""
        return DialogId(call_id=self.call_id, local_tag=self.to_tag, remote_tag=self.from_tag)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


def replaces_of(request: Request) -> Replaces | None:
    """The Replaces of an INVITE, None without one.

    Raises SipParseError where there are several, one is malformed, or the request is no INVITE (400 then).
    """
    rows = request.headers.all("replaces")
    if not rows:
        return None
    if request.method != "INVITE":
        raise SipParseError(f"Replaces in {request.method}")
    if len(rows) > 1 or "," in rows[0]:
        raise SipParseError("more than one Replaces")
    return Replaces.parse(rows[0])


class Standing(enum.Enum):
    """What stands behind the dialog that an INVITE asks us to replace."""

    UNKNOWN = "unknown"
    NO_CALL = "no call"
    ENDED = "ended"
    THEIR_EARLY = "early, and not of our making"
    OUR_EARLY = "early, of our making"
    CONFIRMED = "confirmed"


def refusal(replaces: Replaces, standing: Standing, *, authorised: bool) -> int | None:
    """The status that refuses a replacement, None where it is to be done (RFC 3891 §3)."""
    if standing is Standing.ENDED:
        return 603
    if standing in (Standing.UNKNOWN, Standing.NO_CALL, Standing.THEIR_EARLY):
        return 481
    if standing is Standing.CONFIRMED and replaces.early_only:
        return 486
    return None if authorised else 403
