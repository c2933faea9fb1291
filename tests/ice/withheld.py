"""Networks that lose UDP packets by what is in them: checks that nominate, media."""

from __future__ import annotations

from collections.abc import Callable

from ice.net.demux import PacketKind, classify
from ice.net.network import DatagramReceiver, UdpSocket
from ice.net.outer_network import OuterNetwork
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress

_USE_CANDIDATE = b"\x00\x25\x00\x00"


class LosingNetwork(OuterNetwork):
    """Loses datagrams on their way in.

    Args:
        loses: true of those.
    """

    def __init__(self, loses: Callable[[bytes], bool]) -> None:
        super().__init__(HostNetwork())
        self._loses = loses

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        """A socket that loses them."""

        def filtered(data: bytes, remote: TransportAddress) -> None:
            if not self._loses(data):
                on_datagram(data, remote)

        return await self._inner.bind_udp(host, port, filtered)


class WithheldNominations(LosingNetwork):
    """Pairs become valid on it and are not nominated, until a test lets them.

    Attributes:
        withheld: while it loses the checks that nominate.
    """

    def __init__(self) -> None:
        super().__init__(lambda data: self.withheld and nominates(data))
        self.withheld = True


def nominates(data: bytes) -> bool:
    """True of a check that nominates."""
    return classify(data) is PacketKind.STUN and _USE_CANDIDATE in data


def is_media(data: bytes) -> bool:
    """True of RTP and RTCP."""
    return classify(data) is PacketKind.RTP
