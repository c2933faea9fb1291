"""From the account to the transports of its SIP endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ua.config.account import Account
from ua.sip.config import SipConfig
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import SipTransport

_ORDER: Final[tuple[SipTransport, ...]] = ("udp", "tcp", "tls", "ws", "wss")
_SECURE: Final = frozenset({"tls", "wss"})


def with_transports(config: SipConfig, account: Account) -> SipConfig:
    """The configuration with what the account says of transports, the preferred one first."""
    allowed = [each for each in _ORDER if each in _SECURE or not account.tls_only]
    return replace(
        config,
        transports=tuple(sorted(allowed, key=lambda each: each != account.transport)),
        tls=account.tls,
        tls_port=account.tls_port,
        websocket=account.websocket,
        ws_port=account.ws_port,
        wss_port=account.wss_port,
    )


def direct_uri(transport: SipTransport, *, user: str | None, host: str, port: int) -> Uri:
    """A URI that reaches us at this address over this transport (RFC 3261 §26.2.2, RFC 7118 §5.2)."""
    named = {"udp": None, "tcp": "tcp", "tls": None, "ws": "ws", "wss": "ws"}[transport]
    return Uri(
        scheme="sips" if transport in _SECURE else "sip",
        user=user,
        host=host,
        port=port,
        params=() if named is None else (("transport", named),),
    )
