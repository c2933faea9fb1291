"""`[tls]` and `[websocket]`: what is read, what is refused, and what the phone makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ua.config.account import Account, AccountSettings, Settings, account_from, check_settings
from ua.config.file import load_settings, to_toml
from ua.config.tls import TlsSettings, WebSocketSettings
from ua.errors import ConfigurationError
from ua.sip.config import SipConfig
from ua.sip.transport.hop import SipTransport
from ua.transport_mapping import direct_uri, with_transports
from ua.web.page import phone_page

DIGITS = "0123456789ABCDEF" * 4
COLONS = ":".join(DIGITS[at : at + 2] for at in range(0, 64, 2))

FILE = f"""
[account]
uri = "sips:alice@example.com"
transport = "wss"
[tls]
ca_file = "ca.pem"
certificate = "own.crt"
key = "/etc/own.key"
fingerprint = ["{COLONS.lower()}", "sha-256 {COLONS}"]
verify = "chain"
listen_port = 5061
require_client_certificate = true
only = true
[websocket]
path = "/ws"
origin = "https://example.com"
listen_port = 0
secure_listen_port = 443
allowed_origins = ["https://example.com"]
page = true
"""


def test_all_of_it_reaches_the_endpoint(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(FILE, encoding="utf-8")
    settings = load_settings(path)
    account = account_from(settings, environ={})
    assert account.registrar == "sips:example.com"
    config = with_transports(SipConfig(), account)
    assert config.transports == ("wss", "tls")
    assert config.tls.ca_file == tmp_path / "ca.pem"
    assert config.tls.certificate == tmp_path / "own.crt"
    assert config.tls.key == Path("/etc/own.key")
    assert config.tls.fingerprints == (DIGITS, DIGITS)
    assert (config.tls.verify, config.tls.require_client_certificate) == ("chain", True)
    assert (config.tls_port, config.ws_port, config.wss_port) == (5061, 0, 443)
    assert (config.websocket.path, config.websocket.origin) == ("/ws", "https://example.com")
    assert config.websocket.origins == ("https://example.com",)
    assert config.websocket.page == phone_page()
    assert not SipConfig().websocket.page
    again = tmp_path / "again.toml"
    again.write_text(to_toml(settings), encoding="utf-8")
    assert load_settings(again) == settings


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"tls": TlsSettings(certificate=Path("a"))}, "tls.key"),
        ({"tls": TlsSettings(key=Path("a"))}, "tls.certificate"),
        ({"tls": TlsSettings(fingerprint=("AB:CD",))}, "tls.fingerprint.0"),
        ({"tls": TlsSettings(fingerprint=(COLONS, "x" * 64))}, "tls.fingerprint.1"),
        ({"tls": TlsSettings(listen_port=65536)}, "tls.listen_port"),
        ({"tls": TlsSettings(only=True)}, "tls.only"),
        ({"websocket": WebSocketSettings(path="ws")}, "websocket.path"),
        ({"websocket": WebSocketSettings(path="/a b")}, "websocket.path"),
        ({"websocket": WebSocketSettings(listen_port=-1)}, "websocket.listen_port"),
        ({"websocket": WebSocketSettings(secure_listen_port=443)}, "websocket.secure_listen_port"),
        (
            {"account": AccountSettings(uri="sips:alice@example.com", registrar="sip:example.com")},
            "account.registrar",
        ),
    ],
)
def test_what_means_nothing_is_refused_by_its_key(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{key}: "):
        check_settings(Settings(**settings))


@pytest.mark.parametrize(
    ("transport", "order"),
    [
        ("udp", ("udp", "tcp", "tls", "ws", "wss")),
        ("tcp", ("tcp", "udp", "tls", "ws", "wss")),
        ("tls", ("tls", "udp", "tcp", "ws", "wss")),
        ("ws", ("ws", "udp", "tcp", "tls", "wss")),
    ],
)
def test_the_preferred_transport_comes_first(
    transport: SipTransport, order: tuple[SipTransport, ...]
) -> None:
    assert with_transports(SipConfig(), Account(transport=transport)).transports == order


@pytest.mark.req("UAS-12")
def test_a_phone_may_be_reachable_over_tls_alone() -> None:
    assert with_transports(SipConfig(), Account(transport="tls", tls_only=True)).transports == ("tls", "wss")


@pytest.mark.parametrize(
    ("transport", "uri"),
    [
        ("udp", "sip:alice@192.0.2.1:5060"),
        ("tcp", "sip:alice@192.0.2.1:5060;transport=tcp"),
        ("tls", "sips:alice@192.0.2.1:5060"),
        ("ws", "sip:alice@192.0.2.1:5060;transport=ws"),
        ("wss", "sips:alice@192.0.2.1:5060;transport=ws"),
    ],
)
def test_uris_that_reach_us(transport: SipTransport, uri: str) -> None:
    assert str(direct_uri(transport, user="alice", host="192.0.2.1", port=5060)) == uri
