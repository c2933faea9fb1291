"""Alice, Bob and Carol on loopback, for the tests of transfers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.ua.phones import account
from ua.call.call import Call
from ua.call.incoming import IncomingCall
from ua.config.sip import TransferPolicy
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone

TALK = MediaPlan(source=Tone(hz=440))


class Three:
    """Three phones with one log."""

    def __init__(self, alice: Phone, bob: Phone, carol: Phone, log: EventLog) -> None:
        self.alice = alice
        self.bob = bob
        self.carol = carol
        self.log = log

    async def connect(self, caller: Phone, callee: Phone) -> tuple[Call, IncomingCall]:
        """A call between two of them that has media."""
        ringing = asyncio.ensure_future(anext(callee.incoming()))
        await asyncio.sleep(0)
        call = await caller.place(uri(callee), TALK)
        answered = await ringing
        await answered.accept(TALK)
        await call.established()
        await answered.established()
        return call, answered

    async def next_call(self, phone: Phone) -> IncomingCall:
        """The next call that rings there; to be awaited as a task before it comes."""
        return await anext(phone.incoming())

    def sent(self, party: str, start: str) -> list[str]:
        """Messages of a phone that begin so."""
        return [
            str(entry.data["text"])
            for entry in self.log.entries
            if (entry.party, entry.name) == (party, "message")
            and entry.data["direction"] == "out"
            and str(entry.data["text"]).startswith(start)
        ]


def uri(phone: Phone) -> str:
    """Where a phone is reached over UDP."""
    return next(each for each in phone.addresses if "transport" not in each)


@asynccontextmanager
async def three(policy: TransferPolicy = "always") -> AsyncIterator[Three]:
    """Three phones; `policy` is Bob's and Carol's word on transfers."""
    log = EventLog()
    async with (
        Phone(account("carol", accept_transfers=policy), log) as carol,
        Phone(account("bob", accept_transfers=policy), log) as bob,
        Phone(account("alice"), log) as alice,
    ):
        yield Three(alice, bob, carol, log)
