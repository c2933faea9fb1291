"""A packet capture that we write ourselves: the classic pcap format with raw IP packets in it.

The format is draft-ietf-opsawg-pcap, link type 101 (raw IP). Connections begin with a
handshake and have running sequence numbers, so that every reader puts their bytes together again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from ice.types import TransportAddress
from ua.interop.ip_packet import ACK, FIN, MAX_SEGMENT, PSH, RST, SYN, tcp_packet, udp_packet

LINKTYPE_RAW: Final = 101
"""Packets begin with the IPv4 or IPv6 header."""

SNAPSHOT: Final = 65535
"""No packet of ours is longer."""

HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPSHOT, LINKTYPE_RAW)
"""The beginning of the file: little-endian, microseconds."""

MAX_CONNECTIONS: Final = 1024
"""Connections that are remembered; beyond it the oldest begins again with a new handshake."""


def record(at: float, packet: bytes) -> bytes:
    """A packet as it stands in the file; `at` in seconds since 1970."""
    seconds, microseconds = divmod(max(0, round(at * 1_000_000)), 1_000_000)
    return struct.pack("<IIII", seconds & 0xFFFFFFFF, microseconds, len(packet), len(packet)) + packet


class _Connection:
    """The sequence numbers of one TCP connection; those of a capture begin at 0 for people to read."""

    def __init__(self, client: TransportAddress, server: TransportAddress) -> None:
        self._client = client
        self._next = {client: 0, server: 0}

    def packet(
        self, source: TransportAddress, destination: TransportAddress, flags: int, content: bytes = b""
    ) -> bytes | None:
        made = tcp_packet(
            source,
            destination,
            content,
            sequence=self._next[source],
            acknowledged=self._next[destination] if flags & ACK else 0,
            flags=flags,
        )
        # SYN and FIN take a number of their own (RFC 9293 §3.4).
        self._next[source] += len(content) + bool(flags & SYN) + bool(flags & FIN)
        return made

    def handshake(self, server: TransportAddress) -> list[bytes | None]:
        return [
            self.packet(self._client, server, SYN),
            self.packet(server, self._client, SYN | ACK),
            self.packet(self._client, server, ACK),
        ]


class Pcap:
    """Makes the bytes of a capture file, packet by packet, in the order in which they are told.

    Args:
        keep_connections: most connections that are remembered.

    Attributes:
        left_out: packets that are not in it: an end is no IP address, or their connection was closed before.
    """

    def __init__(self, *, keep_connections: int = MAX_CONNECTIONS) -> None:
        self._keep_connections = keep_connections
        self._connections: dict[frozenset[TransportAddress], _Connection | None] = {}
        self.left_out = 0

    def datagram(
        self, at: float, source: TransportAddress, destination: TransportAddress, content: bytes
    ) -> bytes:
        """A UDP datagram."""
        return self._records(at, [udp_packet(source, destination, content)])

    def opened(self, at: float, client: TransportAddress, server: TransportAddress) -> bytes:
        """A TCP connection stands; nothing where it is known already."""
        key = frozenset((client, server))
        if self._connections.get(key) is not None or len(key) < 2:
            return b""
        self._connections.pop(key, None)
        while len(self._connections) >= self._keep_connections:
            del self._connections[next(iter(self._connections))]
        connection = self._connections[key] = _Connection(client, server)
        return self._records(at, connection.handshake(server))

    def bytes_sent(
        self, at: float, source: TransportAddress, destination: TransportAddress, content: bytes
    ) -> bytes:
        """Bytes of a TCP connection; the first ones of an unknown connection come from who dialled."""
        key = frozenset((source, destination))
        # What comes after the end was under way, and begins no new connection.
        opened = b"" if key in self._connections else self.opened(at, source, destination)
        connection = self._connections.get(key)
        if connection is None:
            self.left_out += 1
            return b""
        segments = [
            connection.packet(source, destination, PSH | ACK, content[start : start + MAX_SEGMENT])
            for start in range(0, len(content), MAX_SEGMENT)
        ]
        return opened + self._records(at, segments)

    def closed(
        self, at: float, source: TransportAddress, destination: TransportAddress, *, reset: bool = False
    ) -> bytes:
        """`source` ended a TCP connection, for both directions; nothing where it is not known."""
        key = frozenset((source, destination))
        connection = self._connections.get(key)
        if connection is None:
            return b""
        self._connections[key] = None
        if reset:
            return self._records(at, [connection.packet(source, destination, RST | ACK)])
        last = [
            connection.packet(source, destination, FIN | ACK),
            connection.packet(destination, source, FIN | ACK),
            connection.packet(source, destination, ACK),
        ]
        return self._records(at, last)

    def _records(self, at: float, packets: Iterable[bytes | None]) -> bytes:
        records = []
        for packet in packets:
            if packet is None:
                self.left_out += 1
            else:
                records.append(record(at, packet))
        return b"".join(records)
