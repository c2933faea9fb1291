"""What the other side of a dialog has told of its abilities (core; RFC 3261 §20.5, §20.37)."""

from __future__ import annotations

from ua.sip.syntax.message import Message


class Peer:
    """Methods and extensions of a peer; nothing is known before its first Allow and Supported."""

    def __init__(self) -> None:
        self._allow: frozenset[str] = frozenset()
        self._supported: frozenset[str] = frozenset()

    def learn(self, message: Message) -> None:
        """Take Allow and Supported of a message; one that has none of them says nothing."""
        if "allow" in message.headers:
            self._allow = frozenset(token.upper() for token in message.headers.tokens("allow"))
        if "supported" in message.headers:
            self._supported = message.headers.tokens("supported")

    def allows(self, method: str) -> bool:
        """True where the peer has said that it takes `method`."""
        return method in self._allow

    def refuses(self, method: str) -> None:
        """The peer has shown that it does not take `method`."""
        self._allow -= {method}

    def supports(self, tag: str) -> bool:
        """True where the peer has said that it has this extension."""
        return tag in self._supported
