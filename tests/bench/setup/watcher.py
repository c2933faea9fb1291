"""Who said what when on an interface: the first INVITE, and the first RTP of each way after it.

The same for every phone, for it looks at packets and asks nobody: RTP by itself in UDP, or framed in TCP
(RFC 4571).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass, field

from media.rtp.packet import is_rtcp

_TCP, _UDP = 6, 17
_ETH_P_IP = 0x0800
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
"""asm-generic/socket.h; Python has no names for them."""

_KEPT_BYTES = 8 << 20

_LONGEST_FRAME = 2048
"""Media has no longer ones: a connection whose frame is longer is none of media."""

Way = tuple[tuple[bytes, int], tuple[bytes, int]]
"""From which address and port to which."""


@dataclass(slots=True)
class _Framed:
    """One way of a TCP connection, read as frames."""

    expected: int | None = None
    data: bytearray = field(default_factory=bytearray)
    is_media: bool = True

    def feed(self, sequence: int, payload: bytes) -> list[bytes]:
        """The frames that this segment completes; what came before is skipped."""
        if self.expected is not None:
            known = (self.expected - sequence) & 0xFFFFFFFF
            if known >= 1 << 31:  # something is missing: the packets of the interface were too many for us
                self.is_media = False
            payload = payload[known:]
            sequence += known
        self.expected = (sequence + len(payload)) & 0xFFFFFFFF
        self.data += payload
        frames = []
        while self.is_media and len(self.data) >= 2:
            length = int.from_bytes(self.data[:2], "big")
            self.is_media = length <= _LONGEST_FRAME
            if len(self.data) < 2 + length:
                break
            frames.append(bytes(self.data[2 : 2 + length]))
            del self.data[: 2 + length]
        if not self.is_media:
            self.data.clear()
        return frames


class SetUp:
    """What was seen of one call (core).

    Attributes:
        invited_at: when the first INVITE went, in s; None before.
        media: when the first RTP of each way went after it, in s.
    """

    def __init__(self) -> None:
        self.invited_at: float | None = None
        self.media: dict[Way, float] = {}
        self._framed: dict[Way, _Framed] = {}

    @property
    def media_ms(self) -> float | None:
        """From the INVITE until there was RTP both ways between two addresses; None before."""
        both = [
            max(at, self.media[back])
            for (source, destination), at in self.media.items()
            if (back := (destination, source)) in self.media
        ]
        return None if self.invited_at is None or not both else 1000 * (min(both) - self.invited_at)

    def see(self, packet: bytes, at: float) -> None:
        """Take an IPv4 packet that went at `at`; what is neither SIP nor RTP is passed over."""
        header = (packet[0] & 15) * 4 if packet else 0
        if len(packet) < header + 8 or packet[0] >> 4 != 4:
            return
        (length,) = struct.unpack_from("!H", packet, 2)
        body = packet[header:length]
        ports = struct.unpack_from("!HH", body)
        way = ((packet[12:16], ports[0]), (packet[16:20], ports[1]))
        if packet[9] == _UDP:
            self._message(way, body[8:], at)
        elif packet[9] == _TCP and len(body) >= 20:
            payload = body[(body[12] >> 4) * 4 :]
            if payload.startswith(b"INVITE "):
                self._message(way, payload, at)
            framed = self._framed.setdefault(way, _Framed())
            if payload and framed.is_media:
                for frame in framed.feed(int.from_bytes(body[4:8], "big"), payload):
                    self._message(way, frame, at)

    def _message(self, way: Way, data: bytes, at: float) -> None:
        if self.invited_at is None:
            if data.startswith(b"INVITE "):
                self.invited_at = at
        elif len(data) >= 12 and data[0] >> 6 == 2 and not is_rtcp(data):
            self.media.setdefault(way, at)


class Watcher:
    """Sees the packets of an interface; needs root. Made within the namespace that it is to see.

    The system keeps them, with their times, until somebody asks: whoever reads each at once takes the
    processor from those who are watched.

    Args:
        interface: its name.
    """

    def __init__(self, interface: str) -> None:
        self._call = SetUp()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _KEPT_BYTES)
        self._socket.bind((interface, _ETH_P_IP))

    def again(self) -> None:
        """The next call begins."""
        self._read()
        self._call = SetUp()

    @property
    def call(self) -> SetUp:
        """What was seen since the last `again`."""
        self._read()
        return self._call

    def close(self) -> None:
        """See nothing more."""
        self._socket.close()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, extra, _, source = self._socket.recvmsg(65536, 256)
                if source[2] == socket.PACKET_OUTGOING:
                    continue  # on the loopback interface everything goes by twice
                at = next(
                    seconds + nanoseconds / 1e9
                    for _, kind, data in extra
                    if kind == _SO_TIMESTAMPNS
                    for seconds, nanoseconds in [struct.unpack("@ll", data)]
                )
                self._call.see(packet, at)
