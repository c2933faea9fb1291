"""Messages on the stream to a TURN server: STUN and ChannelData, one after the other.

RFC 8489 §6.2.2, RFC 8656 §12.5. There is no RFC 4571 length here: each message tells its own
length. ChannelData is padded to 4 bytes.
"""

from __future__ import annotations

CHANNEL_HEADER_SIZE = 4
_STUN_HEADER_SIZE = 20
_LENGTH_END = 4


def padded(message: bytes) -> bytes:
    """The message as it goes on a stream: ChannelData ends on a multiple of 4 bytes, STUN does anyway."""
    return message + bytes(-len(message) % 4)


class StreamMessages:
    """Takes a byte stream in any pieces and gives its messages, ChannelData without padding.

    Once a byte stands where no message begins the stream has lost its framing: `broken` says so and nothing
    more comes.
    """

    __slots__ = ("_buffer", "broken")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.broken = ""

    @property
    def buffered(self) -> int:
        """Bytes of the incomplete message held back."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Add the next bytes of the stream; returns the messages they complete."""
        if self.broken:
            return []
        buffer = self._buffer
        buffer += data
        messages: list[bytes] = []
        start = 0
        while len(buffer) - start >= _LENGTH_END:
            first = buffer[start]
            length = buffer[start + 2] << 8 | buffer[start + 3]
            if first < 0x04:
                size = taken = _STUN_HEADER_SIZE + length
            elif 0x40 <= first <= 0x4F:
                size = CHANNEL_HEADER_SIZE + length
                taken = size + -size % 4
            else:
                self.broken = f"a message of the TURN server begins with {first:#04x}"
                buffer.clear()
                return messages
            if len(buffer) - start < taken:
                break
            messages.append(bytes(buffer[start : start + size]))
            start += taken
        del buffer[:start]
        return messages
