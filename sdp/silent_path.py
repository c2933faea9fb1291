"""The path of RTCP where the peer has nowhere to receive it."""

from __future__ import annotations

from collections.abc import Callable


class SilentPath:
    """Takes packets like a path and sends none of them.

    Stands in for RTCP where it is switched off (RFC 3556), or where an ICE peer has candidates for RTP
    alone: nothing may be sent there without a valid check.

    Attributes:
        unsent_packets: packets that were given and not sent.
    """

    def __init__(self) -> None:
        self.unsent_packets = 0

    @property
    def reliable(self) -> bool:
        """False: nothing arrives at all."""
        return False

    def send(self, packet: bytes) -> bool:  # noqa: ARG002 - the interface of a path
        """Count the packet; always False."""
        self.unsent_packets += 1
        return False

    def set_receiver(self, receiver: Callable[[bytes, float], None] | None) -> None:
        """Nothing is ever delivered."""
