"""The one interface between media and the network (RTP packets in, RTP packets out)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

PacketReceiver = Callable[[bytes, float], None]
"""Takes one packet and its arrival time in monotonic seconds."""


class PacketPath(Protocol):
    """Carries whole RTP and RTCP packets; satisfied by `ice.paths.path.SelectedPath`."""

    @property
    def reliable(self) -> bool:
        """True on a TCP connection: nothing is lost on the way, late packets come in bursts."""

    def send(self, packet: bytes) -> bool:
        """Send one packet now; False where it, or an older one instead of it, was dropped."""

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        """Deliver arriving packets to `receiver` from now on; None discards them."""
