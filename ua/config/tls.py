"""`[tls]` and `[websocket]` of a configuration file: SIP over TLS and over WebSockets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ua.config.ice import STRICT
from ua.errors import ConfigurationError
from ua.sip.transport.tls.config import TlsConfig, Verify
from ua.sip.transport.websocket.config import WebSocketConfig
from ua.web.page import phone_page

_FINGERPRINT = re.compile(r"(?:sha-?256[ :=]*)?((?:[0-9A-F]{2}:?){31}[0-9A-F]{2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """`[tls]`: whom we trust, and who we are, where SIP goes over TLS.

    Attributes:
        ca_file: certificates (PEM) to trust instead of those of the system.
        fingerprint: SHA-256 fingerprints of server certificates, e.g. "AB:CD:..."; where there are any, these
            certificates are trusted and no others.
        verify: what is checked of a server where nothing is pinned: "full" is issuer and name, "chain" the
            issuer alone, "off" nothing.
        certificate: our own (PEM), with those between it and its issuer: for who connects to us, and for
            servers that ask who we are.
        key: its private key (PEM, without a password).
        listen_port: port for who connects to us by TLS, 0 for any; only with a certificate.
        require_client_certificate: who connects to us without a certificate is sent away.
        only: no SIP over UDP or plain TCP at all.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    ca_file: Path | None = None
    fingerprint: tuple[str, ...] = ()
    verify: Verify = "full"
    certificate: Path | None = None
    key: Path | None = None
    listen_port: int = 0
    require_client_certificate: bool = False
    only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSettings:
    """`[websocket]`: SIP over WebSockets (RFC 7118); `[tls]` counts for those over TLS.

    Attributes:
        path: path of the HTTP request that opens one, at servers and here.
        origin: Origin that we give to servers, None for none.
        listen_port: port for who connects to us (ws), 0 for any, None for nobody.
        secure_listen_port: the same over TLS (wss); only with a certificate.
        allowed_origins: web pages that may connect to us, by their origins; empty for all, or, where we give
            away a page, for that one, which may in any case.
        page: who opens our address in a browser gets a phone to call us with.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    path: str = "/"
    origin: str | None = None
    listen_port: int | None = None
    secure_listen_port: int | None = None
    allowed_origins: tuple[str, ...] = ()
    page: bool = False


def check_tls(tls: TlsSettings, websocket: WebSocketSettings) -> None:
    """Check what types cannot say; ConfigurationError names the key."""
    if (tls.certificate is None) != (tls.key is None):
        lacking = "key" if tls.key is None else "certificate"
        raise ConfigurationError(f"tls.{lacking}: certificate and key belong together, and this one lacks")
    for number, text in enumerate(tls.fingerprint):
        if _FINGERPRINT.fullmatch(text.strip()) is None:
            raise ConfigurationError(
                f"tls.fingerprint.{number}: {text!r} is no SHA-256 fingerprint",
                hint="32 bytes in hexadecimal: openssl x509 -noout -fingerprint -sha256 -in certificate.pem",
            )
    for key, port in (
        ("tls.listen_port", tls.listen_port),
        ("websocket.listen_port", websocket.listen_port),
        ("websocket.secure_listen_port", websocket.secure_listen_port),
    ):
        if port is not None and not 0 <= port < 65536:
            raise ConfigurationError(f"{key}: {port} is not between 0 and 65535")
    if websocket.secure_listen_port is not None and tls.certificate is None:
        raise ConfigurationError("websocket.secure_listen_port: there is no certificate in [tls]")
    if not websocket.path.startswith("/") or re.search(r"[\s?#]", websocket.path):
        raise ConfigurationError(
            f"websocket.path: {websocket.path!r} is no path", hint="it begins with a slash"
        )


def tls_config(tls: TlsSettings) -> TlsConfig:
    """What these settings, which were checked, mean for the transport."""
    return TlsConfig(
        ca_file=tls.ca_file,
        certificate=tls.certificate,
        key=tls.key,
        fingerprints=tuple(_digits(text) for text in tls.fingerprint),
        verify=tls.verify,
        require_client_certificate=tls.require_client_certificate,
    )


def websocket_config(websocket: WebSocketSettings) -> WebSocketConfig:
    """What these settings, which were checked, mean for the transport."""
    return WebSocketConfig(
        path=websocket.path,
        origin=websocket.origin,
        origins=websocket.allowed_origins,
        page=phone_page() if websocket.page else b"",
    )


def _digits(fingerprint: str) -> str:
    match = _FINGERPRINT.fullmatch(fingerprint.strip())
    return "" if match is None else match[1].replace(":", "").upper()
