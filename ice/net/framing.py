"""RFC 4571 framing: a 16-bit big-endian length, then that many bytes (§2).

Everything on an ICE TCP connection between peers is framed, STUN included (RFC 6544 §3). There is no frame
marker, so a stream is reassembled per connection, never per component.
"""

from __future__ import annotations

from ice.errors import FramingError

MAX_PACKET = 0xFFFF
"""Bytes of the largest packet that fits a frame."""

LENGTH_SIZE = 2


def frame(packet: bytes) -> bytes:
    """The packet with its length in front; raises FramingError above 65535 bytes."""
    size = len(packet)
    if size > MAX_PACKET:
        raise FramingError(f"a packet of {size} bytes does not fit a frame")
    return size.to_bytes(2, "big") + packet


class Deframer:
    """Takes a byte stream in any pieces and gives its packets.

    It never holds more than one incomplete frame, and it copies each byte at most three times however the
    stream is cut.
    """

    __slots__ = ("_buffer", "_needed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = LENGTH_SIZE

    @property
    def buffered(self) -> int:
        """Bytes of the incomplete frame held back, its length field included; at most 65536."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Add the next bytes of the stream; returns the packets they complete, null frames left out."""
        buffer = self._buffer
        if buffer:
            buffer += data
            if len(buffer) < self._needed:
                return []
            data = bytes(buffer)
            buffer.clear()
        packets = []
        total = len(data)
        start = 0
        while total - start >= LENGTH_SIZE:
            end = start + LENGTH_SIZE + (data[start] << 8 | data[start + 1])
            if end > total:
                self._needed = end - start
                break
            # RFC 4571 §2: a null frame is legal and means nothing.
            if end - start > LENGTH_SIZE:
                packets.append(data[start + LENGTH_SIZE : end])
            start = end
        else:
            self._needed = LENGTH_SIZE
        if start < total:
            buffer += memoryview(data)[start:]
        return packets
