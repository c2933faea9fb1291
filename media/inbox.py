"""What has arrived on the RTP path of a session and waits for its next frame.

So each call is turned to once in a packet time, for both directions together: what a packet costs is above
all finding the state of its call again.
"""

from __future__ import annotations

from typing import Final

from media.path import PacketReceiver
from media.rtp.packet import HEADER_LENGTH, is_rtcp
from media.rtp.receiver import RtpReceiver

_MOST_WAITING: Final = 500
"""Where more than these come between two frames somebody floods us."""


class Inbox:
    """Takes packets when they come, and gives them to the receiver when it is asked to.

    One that follows the packet before it goes to its stream at once (`ReceivedStream.follow`).

    Args:
        receiver: takes RTP.
    """

    __slots__ = ("_receiver", "_rtcp", "packets")

    def __init__(self, receiver: RtpReceiver) -> None:
        self._receiver = receiver
        self._rtcp: PacketReceiver | None = None
        self.packets: list[tuple[bytes, float]] = []
        """Those that wait, each with its arrival in monotonic seconds."""

    def mux(self, rtcp: PacketReceiver) -> None:
        """The path carries RTCP too (RFC 5761 §4), which goes to `rtcp`."""
        self._rtcp = rtcp

    def add(self, packet: bytes, now: float) -> None:
        """A packet has arrived."""
        self.packets.append((packet, now))
        if len(self.packets) >= _MOST_WAITING:
            self.settle()

    def settle(self) -> None:
        """Give away all that wait, in the order in which they came."""
        packets, self.packets = self.packets, []
        receiver = self._receiver
        stream = receiver.followed
        for packet, now in packets:
            if (
                stream is not None
                and packet[:HEADER_LENGTH] == stream.next_header
                and stream.follow(packet, now)
            ):
                continue
            if self._rtcp is not None and is_rtcp(packet):
                self._rtcp(packet, now)
            else:
                receiver.receive(packet, now)
            stream = receiver.followed
