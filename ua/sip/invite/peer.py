"""What the other side of a dialog has told of its abilities (core; RFC 3261 §20.5, §20.37, RFC 6086 §5)."""

from __future__ import annotations

from ua.sip.syntax.message import Message, Response


class Peer:
    """Methods and extensions of a peer; nothing is known before its first Allow and Supported."""

    def __init__(self) -> None:
        self._allow: frozenset[str] = frozenset()
        self._supported: frozenset[str] = frozenset()
        self._packages: frozenset[str] = frozenset()

    def learn(self, message: Message) -> None:
        """Take Allow, Supported and Recv-Info of a message; one that has none of them says nothing.

        Recv-Info counts once its INVITE has a 2xx: that of a re-INVITE is to be learned then, and one that is
        refused leaves what was before (RFC 6086 §5.2.2).
        """
        if "allow" in message.headers:
            self._allow = frozenset(token.upper() for token in message.headers.tokens("allow"))
        if "supported" in message.headers:
            self._supported = message.headers.tokens("supported")
        if "recv-info" in message.headers and not _is_refusal(message):
            self._packages = message.headers.tokens("recv-info")

    def allows(self, method: str) -> bool:
        """True where the peer has said that it takes `method`."""
        return method in self._allow

    def refuses(self, method: str) -> None:
        """The peer has shown that it does not take `method`."""
        self._allow -= {method}

    def takes_package(self, package: str) -> bool:
        """True where the peer has said that it takes INFO requests of this package."""
        return package.lower() in self._packages

    def supports(self, tag: str) -> bool:
        """True where the peer has said that it has this extension."""
        return tag in self._supported


def _is_refusal(message: Message) -> bool:
    return isinstance(message, Response) and not message.is_success
