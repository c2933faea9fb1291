"""SIP URIs and addresses as people type them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SipUriParts:
    """The parts of a SIP URI that a person types.

    Attributes:
        secure: true for sips, which is reached over TLS alone.
        user: user part, None without one.
        host: name or address, without brackets.
        port: None where it is left open.
        parameters: the rest, with its semicolon; may be empty.
    """

    secure: bool
    user: str | None
    host: str
    port: int | None
    parameters: str


_SIP_URI = re.compile(
    r"sips?:(?:(?P<user>[A-Za-z0-9\-_.!~*'()&=+$,;?/%]+)(?::[^@\s]*)?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?\.?)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<parameters>(?:;[^\s;?]+)*)(?:\?[^\s]*)?",
    re.IGNORECASE,
)


def split_sip_uri(uri: str) -> SipUriParts:
    """The parts of `uri` (RFC 3261 §19.1); ValueError, with a sentence for people, where it is none."""
    if not uri.lower().startswith(("sip:", "sips:")):
        raise ValueError(f"{uri!r} is not a SIP URI: it does not begin with sip:")
    match = _SIP_URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is not a SIP URI: expected sip:user@host or sip:host:port")
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{uri!r} has port {port}, which is not between 1 and 65535")
    secure = uri[:5].lower() == "sips:"
    if secure and re.search(r";transport=udp(?:;|$)", match["parameters"], re.IGNORECASE):
        raise ValueError(f"{uri!r} asks for TLS (sips:) and for UDP; leave out transport=udp")
    return SipUriParts(
        secure=secure,
        user=match["user"],
        host=match["host"].strip("[]"),
        port=port,
        parameters=match["parameters"],
    )


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of "host:port", "[v6]:port", "host" or ":port"; ValueError where it is none."""
    match = re.fullmatch(
        r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]\s]*))(?::(?P<port>[0-9]{1,5}))?", listen
    )
    if match is None or int(match["port"] or 0) > 65535:
        raise ValueError(f"{listen!r} is no address to listen on: expected host:port, e.g. 0.0.0.0:5060")
    return match["v6"] or match["host"] or "0.0.0.0", int(match["port"] or 0)  # noqa: S104


def is_loopback(host: str) -> bool:
    """True for an address of the loopback interface and for the name localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
