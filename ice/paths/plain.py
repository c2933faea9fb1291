"""Media from a peer without ICE: which source addresses are believed."""

from __future__ import annotations

from ice.types import TransportAddress


class PlainSource:
    """Tells the peer's packets from others without any check, as far as that is possible.

    The host that was signalled is believed, whatever the port: peers may send from another one than they
    receive on. As long as that host is silent, the first other host that sends is believed: media may leave
    from another machine than the one that signals.
    """

    def __init__(self, remote: TransportAddress) -> None:
        """Expect packets of the peer whose signalled address is `remote`."""
        self._signalled = remote.host
        self._believed = ""

    def accepts(self, source: TransportAddress) -> bool:
        """True where a packet from `source` counts as the peer's."""
        if source.host == self._signalled or not self._believed:
            self._believed = source.host
        return source.host == self._believed
