"""STUN and TURN servers as values, and their URIs (RFC 7064, RFC 7065).

The URIs look like hierarchical ones and are none: they are read and written by hand (RFC 7064 §3.1).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ice.errors import ServerUriError

ServerTransport = Literal["udp", "tcp", "tls"]
"""How a server is reached; "tls" is TLS over TCP."""

DEFAULT_PORT = 3478
DEFAULT_TLS_PORT = 5349
"""RFC 8489 §8.1, RFC 8656 §4.1."""

_REFERENCE = re.compile(
    r"(?P<scheme>[a-z]+):(?P<host>\[[^\[\]]*\]|[^:?\[\]]*)(?::(?P<port>[^:?]*))?(?:\?(?P<query>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_HOST_NAME = re.compile(
    r"(?=.{1,253}\.?\Z)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?\Z"
)
_TRANSPORT = re.compile(r"transport=(?P<value>[A-Za-z0-9._~-]+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class StunServer:
    """A STUN server.

    Attributes:
        host: IP literal (no brackets) or domain name.
        port: 1 to 65535.
        transport: how it is reached.
        srv: the service under which the domain `host` tells of it by SRV records, "stun", "stuns", "turn" or
            "turns"; empty: it is at `host` and `port`, which count where there are no such records too.
    """

    host: str
    port: int = DEFAULT_PORT
    transport: ServerTransport = "udp"
    srv: str = field(default="", compare=False)

    def __str__(self) -> str:
        return stun_uri(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnServer:
    """A TURN server and our account there.

    Attributes:
        host: IP literal (no brackets) or domain name.
        port: 1 to 65535.
        transport: how it is reached; what it relays to peers is another matter.
        username: user name of long-term credentials (RFC 8489 §9.2); empty where the server wants none.
        password: its password, kept out of repr.
        server_name: name in the server's certificate; None takes `host`. For TLS only.
        ca_file: certificates to trust instead of the system's. For TLS only.
        srv: as of a `StunServer`.
    """

    host: str
    port: int = DEFAULT_PORT
    transport: ServerTransport = "udp"
    username: str = ""
    password: str = field(default="", repr=False)
    server_name: str | None = None
    ca_file: Path | None = None
    srv: str = field(default="", compare=False)

    def __str__(self) -> str:
        return turn_uri(self)


def parse_stun_uri(uri: str) -> StunServer:
    """Read "stun:host", "stun:host:port" or "stuns:name" (RFC 7064 §3.1).

    "stun:host?transport=tcp" is none of RFC 7064, and what many write for a server that is asked over TCP.

    Raises:
        ServerUriError: it is none; the text says what is wrong.
    """
    scheme, host, port, query = _split(uri, ("stun", "stuns"))
    over_tcp = query is not None and _asked_transport(uri, query) == "tcp" and scheme == "stun"
    if query is not None and not over_tcp:
        raise ServerUriError(f"{uri!r}: a {scheme}: URI has nothing behind '?', or stun: transport=tcp")
    if scheme == "stuns" and _is_address(host):
        # RFC 8489 §8.1: there is no name that its certificate could be compared with.
        raise ServerUriError(f"{uri!r}: stuns: needs a domain name, for the server's certificate")
    transport: ServerTransport = "tls" if scheme == "stuns" else "tcp" if over_tcp else "udp"
    return StunServer(
        host=host,
        port=port or _default_port(transport),
        transport=transport,
        srv=_service(scheme, host, port),
    )


def parse_turn_uri(
    uri: str,
    *,
    username: str = "",
    password: str = "",
    server_name: str | None = None,
    ca_file: Path | None = None,
) -> TurnServer:
    """Read "turn:host[:port][?transport=udp|tcp]" or "turns:..." (RFC 7065 §3.1).

    Credentials are no part of the URI, the other values come from elsewhere too.

    Raises:
        ServerUriError: it is none, or names a transport that is not spoken (DTLS, an extension).
    """
    scheme, host, port, query = _split(uri, ("turn", "turns"))
    asked = "tcp" if scheme == "turns" else "udp"
    if query is not None:
        asked = _asked_transport(uri, query)
    transport: ServerTransport
    match scheme, asked:
        case "turn", "udp":
            transport = "udp"
        case "turn", "tcp":
            transport = "tcp"
        case "turns", "tcp":
            transport = "tls"
        case "turns", "udp":
            raise ServerUriError(f"{uri!r}: TURN over DTLS is not spoken; use ?transport=tcp")
        case _:
            raise ServerUriError(f"{uri!r}: transport {asked!r} is not spoken; it is udp or tcp")
    if transport == "tls" and server_name is None and _is_address(host):
        raise ServerUriError(f"{uri!r}: turns: needs a domain name, for the server's certificate")
    return TurnServer(
        host=host,
        port=port or _default_port(transport),
        transport=transport,
        username=username,
        password=password,
        server_name=server_name,
        ca_file=ca_file,
        srv=_service(scheme, host, port),
    )


def stun_uri(server: StunServer) -> str:
    """What `parse_stun_uri` reads."""
    scheme = "stuns" if server.transport == "tls" else "stun"
    query = "?transport=tcp" if server.transport == "tcp" else ""
    return f"{scheme}:{_authority(server.host, server.port, server.transport)}{query}"


def turn_uri(server: TurnServer) -> str:
    """What `parse_turn_uri` reads; without credentials."""
    scheme = "turns" if server.transport == "tls" else "turn"
    query = "?transport=tcp" if server.transport == "tcp" else ""
    return f"{scheme}:{_authority(server.host, server.port, server.transport)}{query}"


def stream_servers(stun: Iterable[StunServer], turn: Iterable[TurnServer]) -> tuple[StunServer, ...]:
    """Who is asked over TCP how it sees a TCP port: STUN servers, and TURN servers (RFC 8656 §1).

    TURN servers over TLS are left out: a handshake for each port is much for what may be one more address.
    """
    asked = [server for server in stun if server.transport != "udp"]
    asked += [
        StunServer(host=server.host, port=server.port, transport="tcp", srv=server.srv)
        for server in turn
        if server.transport == "tcp"
    ]
    return tuple(dict.fromkeys(asked))


def _asked_transport(uri: str, query: str) -> str:
    match = _TRANSPORT.match(query)
    if match is None:
        raise ServerUriError(f"{uri!r}: behind '?' stands transport=udp or transport=tcp")
    return match["value"].lower()


def _service(scheme: str, host: str, port: int | None) -> str:
    """A domain without a port tells by SRV records where its servers are (RFC 7064 §3.2, RFC 7065 §3.2)."""
    return "" if port or _is_address(host) else scheme


def _default_port(transport: ServerTransport) -> int:
    return DEFAULT_TLS_PORT if transport == "tls" else DEFAULT_PORT


def _authority(host: str, port: int, transport: ServerTransport) -> str:
    literal = f"[{host}]" if ":" in host else host
    return literal if port == _default_port(transport) else f"{literal}:{port}"


def _split(uri: str, schemes: tuple[str, str]) -> tuple[str, str, int | None, str | None]:
    """Scheme, host, port and query."""
    form = f"{schemes[0]}:host:port"
    if "@" in uri:
        # RFC 7064 and RFC 7065 know no userinfo; a password in a URI ends up in logs.
        raise ServerUriError(f"a {schemes[0]}: URI holds no user name or password ('@')")
    match = _REFERENCE.fullmatch(uri)
    if match is None or match["scheme"].lower() not in schemes:
        raise ServerUriError(f"{uri!r} is no URI of the form {form}")
    if match["host"].startswith("/"):
        raise ServerUriError(f"{uri!r} is not hierarchical: no slashes behind {match['scheme']}:")
    port = match["port"]
    number: int | None = None
    if port:
        if not (port.isascii() and port.isdigit()) or len(port) > 5 or not 0 < int(port) < 65536:
            raise ServerUriError(f"{uri!r}: port {port!r} is not between 1 and 65535")
        number = int(port)
    return match["scheme"].lower(), _host(uri, match["host"]), number, match["query"]


def _host(uri: str, host: str) -> str:
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(_without_zone(host[1:-1])))
        except ValueError:
            raise ServerUriError(f"{uri!r}: {host} is no IPv6 address") from None
    if re.fullmatch(r"[0-9.]+", host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ServerUriError(f"{uri!r}: {host!r} is no IPv4 address") from None
    if _HOST_NAME.match(host) is None:
        raise ServerUriError(f"{uri!r}: {host!r} is no host name or address")
    return host.lower()


def _without_zone(host: str) -> str:
    # ipaddress takes zones ("fe80::1%eth0"); a URI of a server has none.
    if "%" in host:
        raise ValueError("a zone")
    return host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
