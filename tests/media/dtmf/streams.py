"""Event packets of a sender, as a receiver gets them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from media.dtmf.event_receiver import EventReceiver
from media.dtmf.event_sender import EventPacket, EventSender
from media.dtmf.keys import HeardKey, Press
from media.dtmf.report import parse
from media.rtp.clock import TIMESTAMP_MASK


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One packet time: audio, or an event packet in its place."""

    at: float
    timestamp: int
    packet: EventPacket | None


def slots(
    presses: Iterable[Press],
    *,
    clock_rate: int = 8000,
    ptime_ms: int = 20,
    first: int = 0,
    before: int = 3,
    after: int = 12,
    defer_end: bool = False,
) -> list[Slot]:
    """All that is sent: `before` packets of audio, the keys, `after` more packets of audio."""
    sender = EventSender(clock_rate, defer_end=defer_end)
    step = clock_rate * ptime_ms // 1000
    sent: list[Slot] = []
    pressed = tuple(presses)
    left = after
    while left:
        if len(sent) == before:
            for press in pressed:
                sender.press(press)
        elif len(sent) > before and not sender.busy:
            left -= 1
        timestamp = (first + len(sent) * step) & TIMESTAMP_MASK
        packet = sender.frame(timestamp, step) if sender.busy else None
        sent.append(Slot(at=len(sent) * ptime_ms / 1000, timestamp=timestamp, packet=packet))
    return sent


def events(sent: Iterable[Slot]) -> list[EventPacket]:
    return [slot.packet for slot in sent if slot.packet is not None]


def heard(
    arriving: Sequence[Slot], *, clock_rate: int = 8000, receiver: EventReceiver | None = None
) -> list[HeardKey]:
    """What a receiver makes of these, and of nothing after them."""
    receiver = receiver or EventReceiver(clock_rate)
    keys: list[HeardKey] = []
    at = 0.0
    for slot in arriving:
        at = max(at, slot.at)
        keys += receiver.elapse(at)
        if slot.packet is None:
            keys += receiver.audio(slot.timestamp)
        else:
            reports = parse(slot.packet.report.pack())
            keys += receiver.receive(reports, slot.packet.timestamp, at, marker=slot.packet.marker)
    return keys + list(receiver.elapse(at + 1.0))
