"""Calls in which keys are pressed."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

from media.path import PacketPath, PacketReceiver
from media.rtp import packet as rtp
from tests.ua.call.three_phones import TALK
from tests.ua.phones import Pair
from ua.call.call import Call
from ua.call.incoming import IncomingCall
from ua.call.outgoing import OutgoingCall

EVENTS = ("a=rtpmap:96 telephone-event/8000", "a=fmtp:96 0-11")
"""A peer that takes twelve digits under a number of its own."""


async def talking(phones: Pair) -> tuple[OutgoingCall, IncomingCall]:
    """Alice and Bob talk."""
    call, answered = await phones.ring(TALK)
    await answered.accept(TALK)
    await asyncio.gather(call.established(), answered.established())
    return call, answered


async def until_digits(call: Call, digits: str) -> None:
    """Wait until that many were heard."""
    async with asyncio.timeout(15):
        while len(call.digits) < len(digits):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def once(digits: str) -> str:
    """Each run of the same digit as one: a tone that a process standing still cut in two is heard twice."""
    return "".join(digit for digit, _ in itertools.groupby(digits))


@dataclass
class LossyPath:
    """Loses one packet of telephone events."""

    path: PacketPath
    payload_type: int
    lost: int
    events: int = 0

    @property
    def reliable(self) -> bool:
        return self.path.reliable

    def send(self, packet: bytes) -> bool:
        if not rtp.is_rtcp(packet) and packet[1] & 0x7F == self.payload_type:
            self.events += 1
            if self.events == self.lost:
                return True
        return self.path.send(packet)

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        self.path.set_receiver(receiver)


def lose(call: Call, number: int) -> LossyPath:
    """Lose this packet of all events that the call sends."""
    session: Any = call._standing_media().keys._session
    assert session.keys.payload_type is not None
    path = LossyPath(session._sender.path, session.keys.payload_type, number)
    session._sender.path = path
    return path
