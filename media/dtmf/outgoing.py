"""The keys that one session presses: events or tones in place of its audio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from media.audio.pcm import BYTES_PER_SAMPLE
from media.dtmf.event_sender import EventSender
from media.dtmf.keys import EVENTS, KeyWay, Press
from media.dtmf.tones import ToneSender
from media.rtp.sender import RtpSender

USUAL_EVENTS: Final = frozenset(range(16))
"""What a peer takes that does not say it: the digits (RFC 4733 §2.5.1.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypes:
    """What two sides have agreed about keys.

    Attributes:
        send: payload type of the telephone events that we send, None where the peer takes none.
        events: those that the peer takes.
        receive: clock rates in Hz by payload type of the telephone events that may arrive.
        detecting: keys are looked for in the audio too.
    """

    send: int | None = None
    events: frozenset[int] = USUAL_EVENTS
    receive: Mapping[int, int] = field(default_factory=dict)
    detecting: bool = False


class OutgoingKeys:
    """Takes the place of the audio of `sender` while keys are pressed.

    Args:
        sender: builds the packets.
        rate: sample rate of the session's audio, Hz.
    """

    def __init__(self, sender: RtpSender, rate: int) -> None:
        self._sender = sender
        self._events = EventSender(sender.clock_rate)
        self._tones = ToneSender(rate)
        self._over = False
        self.payload_type: int | None = None
        """Of telephone events, None where the peer takes none."""
        self.events: frozenset[int] = USUAL_EVENTS
        """What the peer takes."""
        self.busy = False
        """Whether `frame` is to send in place of `RtpSender.frame`."""

    @property
    def room(self) -> int:
        """Keys that can be added."""
        return min(self._events.room, self._tones.room)

    def takes(self, key: str, way: KeyWay) -> bool:
        """Whether this key can go this way."""
        if self._over:
            return False
        if way == "inband":
            return EVENTS[key] in USUAL_EVENTS
        return self.payload_type is not None and EVENTS[key] in self.events

    def press(self, press: Press, way: KeyWay, on_sent: Callable[[], None] | None = None) -> None:
        """Add a key; `on_sent` is called once it is out, or was given up.

        Raises:
            ValueError: the peer does not take it this way.
            OverflowError: too many wait.
        """
        if not self.takes(press.key, way):
            raise ValueError(f"the peer takes no {press.key} by {way}")
        (self._events if way == "rfc4733" else self._tones).press(press, on_sent)
        self.busy = True

    def frame(self, spoken: bytes, now: float) -> bytes:
        """Send what is due in place of `spoken`, or that; gives the audio that was sent, as it is heard."""
        sent = self._frame(spoken, now)
        self.busy = self._events.busy or self._tones.busy
        return sent

    def _frame(self, spoken: bytes, now: float) -> bytes:
        sender, events = self._sender, self._events
        if events.clock_rate != sender.clock_rate:
            events.interrupt()
            events.clock_rate = sender.clock_rate
        if self.payload_type is None:
            events.clear()
        packet = events.frame(sender.timestamp, sender.step) if events.busy else None
        if packet is not None and self.payload_type is not None:
            sender.event(
                self.payload_type,
                packet.report.pack(),
                now,
                marker=packet.marker,
                timestamp=packet.timestamp,
            )
            return bytes(len(spoken))
        if self._tones.busy:
            spoken = self._tones.frame(len(spoken) // BYTES_PER_SAMPLE)
        sender.frame(spoken, now)
        return spoken

    def interrupt(self) -> None:
        """Nothing is sent for now: the key that is down is given up, the others wait."""
        self._events.interrupt()
        self.busy = self._events.busy or self._tones.busy

    def clear(self) -> None:
        """The session is over: give up all of them, and take no more."""
        self._over = True
        self._events.clear()
        self._tones.clear()
        self.busy = False
