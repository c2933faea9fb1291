"""What a user agent server looks at before it acts on a request (core; RFC 3261 §8.2)."""

from __future__ import annotations

from typing import Final

from ua.sip.config import SipConfig
from ua.sip.errors import SipParseError
from ua.sip.security import is_sips
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.transport.hop import OVER_TLS

KNOWN_METHODS: Final = frozenset(
    {
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER",
        "REGISTER", "SUBSCRIBE", "UPDATE",
    }
)  # fmt: skip
"""Registered methods: not allowed here is 405, anything else 501."""

Refusal = tuple[int, str, Headers]
"""Status, reason phrase (empty: the usual one) and headers of a rejection."""


def capabilities(config: SipConfig) -> Headers:
    """Allow, Accept, Accept-Encoding, Accept-Language and Supported (RFC 3261 §11.2)."""
    headers = Headers.of(
        ("Allow", ", ".join(config.allow)),
        ("Accept", ", ".join(config.accept)),
        ("Accept-Encoding", "identity"),
        ("Accept-Language", "en"),
    )
    if config.supported:
        headers = headers.with_added(("Supported", ", ".join(config.supported)))
    if config.info_packages:
        headers = headers.with_added(("Recv-Info", ", ".join(config.info_packages)))
    return headers


def call_capabilities(config: SipConfig) -> Headers:
    """Allow, Supported and Recv-Info, for an INVITE and its 2xx (RFC 3261 §13, RFC 6086 §5.2)."""
    return capabilities(config).only("allow", "supported", "recv-info")


def inspect(request: Request, config: SipConfig) -> Refusal | None:
    """Why a request is rejected, in the order of RFC 3261 §8.2; None where it may be acted on."""
    if request.method not in config.allow:
        status = 405 if request.method in KNOWN_METHODS else 501
        return status, "", Headers.of(("Allow", ", ".join(config.allow)))
    if not request.uri.is_sip or (is_sips(request.uri) and not OVER_TLS & set(config.transports)):
        return 416, "", Headers()
    unknown = _unknown_extensions(request, config)
    if unknown:
        return 420, "", Headers.of(("Unsupported", ", ".join(unknown)))
    return _inspect_invite(request, config) if request.method == "INVITE" else None


def _unknown_extensions(request: Request, config: SipConfig) -> list[str]:
    supported = {tag.lower() for tag in (*config.supported, *config.understood)}
    wanted = [part.strip() for row in request.headers.all("require") for part in row.split(",")]
    return [tag for tag in wanted if tag and tag.lower() not in supported]


def _inspect_invite(request: Request, config: SipConfig) -> Refusal | None:
    encoding = (request.headers.first("content-encoding") or "identity").strip().lower()
    if request.body and encoding != "identity":
        return 415, "", Headers.of(("Accept-Encoding", "identity"))
    if request.body and not _is_acceptable(request, config):
        return 415, "", Headers.of(("Accept", ", ".join(config.accept)))
    if not accepts_session(request):
        return 406, "", Headers()
    try:
        contacts = request.contacts
        _ = request.addresses("record-route")
    except SipParseError:
        return 400, "Malformed Contact or Record-Route", Headers()
    if not contacts and not request.via.has_cookie:
        return None  # RFC 2543 did not ask for one
    if len(contacts) != 1:
        return 400, "Missing Contact" if not contacts else "More than one Contact", Headers()
    return None if contacts[0].uri.is_sip else (400, "Contact is no SIP URI", Headers())


def _is_acceptable(request: Request, config: SipConfig) -> bool:
    if request.content_type in config.accept or session_of(request) is not None:
        return True
    handling = (request.headers.first("content-disposition") or "").lower().replace(" ", "")
    return "handling=optional" in handling


def accepts_session(request: Request) -> bool:
    """False where Accept leaves no room for an SDP answer (RFC 3261 §21.4.7)."""
    if "accept" not in request.headers:
        return True
    kinds = {
        part.partition(";")[0].strip().lower()
        for row in request.headers.all("accept")
        for part in row.split(",")
    }
    return bool(kinds & {"application/sdp", "application/*", "*/*"})
