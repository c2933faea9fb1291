"""STUN and TURN servers as a user writes them: URIs (RFC 7064, RFC 7065)."""

from __future__ import annotations

from pathlib import Path

from ice.errors import ServerUriError
from ice.gathering.servers import StunServer, TurnServer, parse_stun_uri, parse_turn_uri

STUN_HINT = "write it as stun:192.0.2.1, stun:stun.example.com:3478 or stun:192.0.2.1?transport=tcp"
TURN_HINT = "write it as turn:192.0.2.1, turn:192.0.2.1?transport=tcp or turns:turn.example.com:443"


def stun_server(uri: str) -> StunServer:
    """The server of a URI; ValueError, with a sentence for people, where it is none that can be used."""
    try:
        return parse_stun_uri(uri)
    except ServerUriError as error:
        raise ValueError(str(error)) from None


def turn_server(
    uri: str,
    *,
    user: str = "",
    password: str = "",
    server_name: str | None = None,
    ca_file: Path | None = None,
) -> TurnServer:
    """The server of a URI, with our account there; ValueError where it is none that can be used."""
    try:
        return parse_turn_uri(uri, username=user, password=password, server_name=server_name, ca_file=ca_file)
    except ServerUriError as error:
        raise ValueError(str(error)) from None
