"""Which addresses of this host are gone (RFC 8445 §5.1.1.4)."""

from __future__ import annotations

from collections.abc import Iterable


def plain(host: str) -> str:
    """An address without its zone."""
    return host.partition("%")[0]


class AddressWatch:
    """Compares what the interfaces have with what they had.

    An address that was never seen cannot go: somebody bound it who knows better.

    Args:
        hosts: the addresses of now.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self._present = {plain(host) for host in hosts}

    def look(self, hosts: Iterable[str]) -> tuple[str, ...]:
        """Take the addresses of now; gives those that were there the last time and are not, in order."""
        present = {plain(host) for host in hosts}
        gone = sorted(self._present - present)
        self._present = present
        return tuple(gone)
