"""Why we refuse an offer, and how SIP says it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ua.call import codec_mapping
from ua.sip.config import ICE_OPTION
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.syntax import warning
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.warning import WarningValue

WARNS: Final = "phone"
"""Who warns: a made-up name, it tells no address (RFC 3261 §20.43)."""

_CODES: Final = (
    ("no codec in common", warning.NO_FORMAT),
    ("no support for ", warning.NO_MEDIA_TYPE),
    ("multicast", warning.NO_MULTICAST),
)
"""What the reasons of `sdp.negotiation.offer_answer` begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an offer cannot be answered: the status code that says so, and the reason for people."""

    code: int
    reason: str

    @property
    def warnings(self) -> tuple[WarningValue, ...]:
        """What the Warning header tells of it (RFC 3261 §20.43, RFC 6337 §2.3)."""
        if not self.reason.isprintable() or not self.reason:
            return ()
        each = dict.fromkeys(self.reason.split("; "))
        return tuple(WarningValue(code=_code(reason), agent=WARNS, text=reason) for reason in each)


def _code(reason: str) -> int:
    code = next((code for begin, code in _CODES if reason.startswith(begin)), warning.OTHER)
    if code == warning.NO_MEDIA_TYPE and "/" in reason:
        return warning.NO_TRANSPORT
    return code


def reject(incoming: IncomingInvite | IncomingOffer, refusal: Refusal, codecs: Sequence[str]) -> None:
    """Refuse an offer.

    A 488 tells which codecs we have and warns of what did not fit (RFC 6337 §2.3), a 421 that ICE is missing.
    """
    body = b""
    headers = Headers.of(("Require", ICE_OPTION)) if refusal.code == 421 else Headers()
    if refusal.code == 488:
        body = codec_mapping.capabilities(codecs, session_id=secrets.randbits(62))
        headers = Headers.of(*(("Warning", str(each)) for each in refusal.warnings))
    reason = refusal.reason if refusal.reason.isprintable() else ""
    if isinstance(incoming, IncomingInvite):
        incoming.reject(refusal.code, reason, headers=headers, body=body)
    else:
        incoming.respond(refusal.code, reason, headers=headers, body=body)
