"""Our SSRC: drawn, and changed where it must be (RFC 3550 §8, RFC 7160 §4.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from media.events import MediaEvent, SsrcChanged
from media.rtp.receiver import RtpReceiver
from media.rtp.sender import RtpSender

_COLLISION_MEMORY_S: Final = 50.0
"""About ten RTCP intervals (RFC 3550 §8.2): a loop of our packets changes our SSRC only once."""


def draw(random: Callable[[int], bytes], size: int) -> int:
    """An unpredictable number of `size` bytes."""
    return int.from_bytes(random(size), "big")


def first_sequence(random: Callable[[int], bytes]) -> int:
    """Below 32768: an early loss must not hide the first wrap from SRTP (RFC 4568 §6.4)."""
    return draw(random, 2) & 0x7FFF


class Identity:
    """Moves a sender from one SSRC to another.

    Args:
        sender: our RTP.
        receiver: the peer's RTP, which must know ours to see a collision.
        random: `random(n)` gives n unpredictable bytes.
        leave: says BYE for the SSRC so far.
        on_event: called with `SsrcChanged`.
    """

    def __init__(
        self,
        *,
        sender: RtpSender,
        receiver: RtpReceiver,
        random: Callable[[int], bytes],
        leave: Callable[[float], None],
        on_event: Callable[[MediaEvent], None],
    ) -> None:
        self._sender = sender
        self._receiver = receiver
        self._random = random
        self._leave = leave
        self._on_event = on_event
        self._collided_at = float("-inf")
        receiver.own_ssrc = sender.ssrc

    def collided(self, now: float) -> None:
        """A packet with our SSRC came (RFC 3550 §8.2): take another one, once; later ones are a loop."""
        first = now - self._collided_at > _COLLISION_MEMORY_S
        self._collided_at = now
        if first:
            self._move(now)

    def renew(self, now: float) -> None:
        """Take another SSRC with another numbering: what follows counts another clock."""
        self._move(now, sequence=first_sequence(self._random), timestamp=draw(self._random, 4))

    def _move(self, now: float, *, sequence: int | None = None, timestamp: int | None = None) -> None:
        self._leave(now)
        ssrc = draw(self._random, 4)
        while ssrc in self._receiver.streams or ssrc == self._sender.ssrc:
            ssrc = draw(self._random, 4)
        self._sender.use_ssrc(ssrc, sequence=sequence, timestamp=timestamp)
        self._receiver.own_ssrc = ssrc
        self._on_event(SsrcChanged(at=now, ssrc=ssrc))
