"""Why we refuse an offer, and how SIP says it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ua import codec_mapping
from ua.sip.config import ICE_OPTION
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.syntax.headers import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an offer cannot be answered: the status code that says so, and the reason for people."""

    code: int
    reason: str


def reject(incoming: IncomingInvite | IncomingOffer, refusal: Refusal, codecs: Sequence[str]) -> None:
    """Refuse an offer; a 488 tells which codecs we have (RFC 6337 §2.3), a 421 that ICE is missing."""
    body = b""
    headers = Headers.of(("Require", ICE_OPTION)) if refusal.code == 421 else None
    if refusal.code == 488:
        body = codec_mapping.capabilities(codecs, session_id=secrets.randbits(62))
    reason = refusal.reason if refusal.reason.isprintable() else ""
    if isinstance(incoming, IncomingInvite):
        incoming.reject(refusal.code, reason, headers=headers, body=body)
    else:
        incoming.respond(refusal.code, reason, headers=headers, body=body)
