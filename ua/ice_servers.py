"""`[ice]` of a configuration as the policy of ICE; its STUN and TURN servers (RFC 7064, RFC 7065)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ice.config import IceConfig
from ice.errors import ServerUriError
from ice.servers import StunServer, TurnServer, parse_stun_uri, parse_turn_uri
from ua.errors import ConfigurationError

if TYPE_CHECKING:
    from ua.config import IceSettings

STUN_HINT = "write it as stun:192.0.2.1 or stun:stun.example.com:3478"
TURN_HINT = "write it as turn:192.0.2.1, turn:192.0.2.1?transport=tcp or turns:turn.example.com:443"


def stun_server(uri: str) -> StunServer:
    """The server of a URI; ValueError, with a sentence for people, where it is none that can be used."""
    try:
        server = parse_stun_uri(uri)
    except ServerUriError as error:
        raise ValueError(str(error)) from None
    if server.transport != "udp":
        raise ValueError(f"{uri!r}: over TLS a server cannot tell UDP addresses; write stun:")
    return server


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


def check_servers(ice: IceSettings) -> None:
    """ConfigurationError names the key of what cannot be."""
    for number, uri in enumerate(ice.stun):
        try:
            stun_server(uri)
        except ValueError as error:
            raise ConfigurationError(f"ice.stun.{number}: {error}", hint=STUN_HINT) from None
    for number, uri in enumerate(ice.turn):
        try:
            turn_server(uri, server_name=ice.turn_server_name)
        except ValueError as error:
            raise ConfigurationError(f"ice.turn.{number}: {error}", hint=TURN_HINT) from None
    if ice.turn_password_file is not None and ice.turn_password_env is not None:
        raise ConfigurationError(
            "ice.turn_password_env: turn_password_file is set as well", hint="keep one of the two"
        )
    if ice.relay_only and not ice.turn:
        raise ConfigurationError("ice.relay_only: there is no TURN server in ice.turn", hint=TURN_HINT)


def ice_config(ice: IceSettings, turn_password: str) -> IceConfig:
    """The policy that these settings, which were checked, describe."""
    turn_servers = (
        turn_server(
            uri,
            user=ice.turn_user,
            password=turn_password,
            server_name=ice.turn_server_name,
            ca_file=ice.turn_ca_file,
        )
        for uri in ice.turn
    )
    return IceConfig(
        udp=ice.udp,
        tcp=ice.tcp,
        loopback=ice.loopback,
        interfaces=ice.interfaces,
        pacing_ms=ice.pacing_ms,
        stun_servers=tuple(stun_server(uri) for uri in ice.stun),
        turn_servers=tuple(turn_servers),
        relay_only=ice.relay_only,
        gather_timeout_s=ice.gather_timeout_ms / 1000,
    )
