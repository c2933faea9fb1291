"""The made-up names of WebSocket clients, and the connections that they stand for (core; RFC 7118 §5).

A browser does not know its address: it calls itself by a random name under .invalid in Via and Contact. There
is no way to such a name but the connection that it came by.
"""

from __future__ import annotations

from ua.sip.errors import SipParseError
from ua.sip.location.target import Target
from ua.sip.syntax.message import Message, Request
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import OVER_WEBSOCKET, Hop

MAX_NAMES_PER_CONNECTION = 16
"""A client needs one."""


class WebSocketNames:
    """Who calls itself what. A name belongs to its first owner as long as that one is connected."""

    def __init__(self) -> None:
        self._hops: dict[tuple[str, int | None], Hop] = {}

    def note(self, message: Message, source: Hop) -> None:
        """A message came by this hop: learn the names in its Via and Contact."""
        if source.transport not in OVER_WEBSOCKET:
            return
        names: set[tuple[str, int | None]] = set()
        try:
            if isinstance(message, Request):
                names.add((message.via.host, message.via.port))
            names |= {(each.uri.host, each.uri.port) for each in message.contacts if each.uri.is_sip}
        except SipParseError:
            return  # refused elsewhere
        owned = sum(hop == source for hop in self._hops.values())
        for host, port in sorted(names, key=str)[: MAX_NAMES_PER_CONNECTION - owned]:
            if is_made_up(host):
                self._hops.setdefault((host.lower(), port), source)

    def forget(self, connection: int) -> None:
        """A connection has ended."""
        self._hops = {name: hop for name, hop in self._hops.items() if hop.connection != connection}

    def target(self, uri: Uri) -> Target | None:
        """Where this URI is to be reached; None where it is none of these names."""
        hop = self._hops.get((uri.host.lower(), uri.port))
        if hop is None or (uri.scheme == "sips" and not hop.secure):
            return None
        return Target(transport=hop.transport, address=hop.remote, domain=uri.host)


def is_made_up(host: str) -> bool:
    """True for a name that no DNS has: there is no way to it but a connection that is open (RFC 2606 §2)."""
    return host.lower().rstrip(".").endswith(".invalid")
