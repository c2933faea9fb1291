"""What travels through the simulated Internet: datagrams and the segments of TCP that matter."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ice.types import Transport, TransportAddress


class Kind(enum.Enum):
    """A datagram, or which segment of TCP."""

    DATAGRAM = enum.auto()
    SYN = enum.auto()
    SYN_ACK = enum.auto()
    ACK = enum.auto()
    DATA = enum.auto()
    FIN = enum.auto()
    RST = enum.auto()


REFUSAL = -1
"""Sequence of what answers an attempt to connect: it means nothing to a connection (RFC 9293 §3.10.7.4)."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet.

    Attributes:
        kind: what it is.
        source: where it comes from, as the place that sees it sees it.
        destination: where it goes, likewise.
        data: a datagram, or one frame of a connection.
        sequence: place of a TCP segment among those that its end sent.
    """

    kind: Kind
    source: TransportAddress
    destination: TransportAddress
    data: bytes = b""
    sequence: int = 0

    @property
    def transport(self) -> Transport:
        """UDP or TCP."""
        return Transport.UDP if self.kind is Kind.DATAGRAM else Transport.TCP

    @property
    def may_be_lost(self) -> bool:
        """False of the segments that TCP sends anew until they arrive: to them, loss is delay."""
        return self.kind in (Kind.DATAGRAM, Kind.SYN, Kind.SYN_ACK)

    def between(self, source: TransportAddress, destination: TransportAddress) -> Packet:
        """The same packet with other addresses."""
        return Packet(self.kind, source, destination, self.data, self.sequence)

    def answer(self, kind: Kind) -> Packet:
        """An empty packet back to where it came from."""
        return Packet(kind, self.destination, self.source, sequence=REFUSAL if self.kind is Kind.SYN else 0)
