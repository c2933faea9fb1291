"""The media of a peer with ICE, started when a test likes; and what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ice.net.network import Network
from ice.net.sockets import HostNetwork
from media.engine import MediaEngine
from tests.ua.phones import account
from ua.call.media_leg import MediaLeg
from ua.config.account import Account
from ua.events import EventLog
from ua.plan import Echo, MediaPlan, Tone

STAY = MediaPlan(source=Tone(hz=440))


@asynccontextmanager
async def media_leg(
    *, offers: bool = False, network: Network | None = None, account_: Account | None = None
) -> AsyncIterator[MediaLeg]:
    """The media of a peer with ICE."""
    engine = MediaEngine()
    leg = await MediaLeg.open(
        offers=offers,
        plan=MediaPlan(source=Echo()),
        account=account_ or account("peer"),
        network=network or HostNetwork(),
        engine=engine,
        log=EventLog(),
        party="peer",
    )
    try:
        yield leg
    finally:
        await leg.close()
        await engine.close()


async def answered(leg: MediaLeg, offer: bytes | None) -> bytes:
    answer = await leg.descriptions.answer(offer or b"")
    assert isinstance(answer, bytes)
    return answer


def next_version(body: bytes) -> bytes:
    """The same description once more, a version later."""
    lines = body.split(b"\r\n")
    origin = lines[1].split(b" ")
    origin[2] = str(int(origin[2]) + 1).encode()
    lines[1] = b" ".join(origin)
    return b"\r\n".join(lines)
