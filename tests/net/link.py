"""The line that ties a host or a router to a network: delay, jitter, loss."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.net.packet import Packet

RETRANSMISSION_S = 0.2
"""What the loss of a segment of an open connection costs: the least retransmission time-out of kernels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A line; packets take it in both directions.

    Attributes:
        delay_s: one way.
        jitter_s: up to so much more, by chance: datagrams overtake each other.
        loss: share of packets lost, 0 to 1.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0

    def cross(self, packet: Packet, chance: random.Random) -> float | None:
        """How long a packet takes to cross it, seconds; None where it is lost."""
        delay_s = self.delay_s
        if self.jitter_s:
            delay_s += self.jitter_s * chance.random()
        if self.loss:
            while chance.random() < self.loss:
                if packet.may_be_lost:
                    return None
                delay_s += RETRANSMISSION_S
        return delay_s
