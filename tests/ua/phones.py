"""Real phones on loopback for the tests of calls."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ice.config import IceConfig
from ice.net.network import Network
from tests.distinct import distinct
from ua.call.incoming import IncomingCall
from ua.call.outgoing import OutgoingCall
from ua.config.account import Account
from ua.config.media import MediaSettings
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan

LOOPBACK = IceConfig(loopback=True, interfaces=("lo",))


G711 = MediaSettings(codecs=("PCMU", "PCMA"))


def account(user: str, **changes: object) -> Account:
    """An account that listens on loopback, any port, and talks in G.711, which costs least."""
    base = Account(
        uri=f"sip:{user}@example.com", auth_user=user, listen_host="127.0.0.1", ice=LOOPBACK, media=G711
    )
    return changed(base, **changes)


def changed(account: Account, **changes: object) -> Account:
    """`account` with other settings, its own or those of its sections, by name."""
    own = {each.name for each in dataclasses.fields(Account)}
    for section in ("sip", "media"):
        before = getattr(account, section)
        names = {each.name for each in dataclasses.fields(before)} - own
        values = {name: changes.pop(name) for name in list(changes) if name in names}
        account = dataclasses.replace(account, **{section: dataclasses.replace(before, **values)})
    return dataclasses.replace(account, **changes)  # type: ignore[arg-type]


class Pair:
    """Alice and Bob with one log."""

    def __init__(self, alice: Phone, bob: Phone, log: EventLog) -> None:
        self.alice = alice
        self.bob = bob
        self.log = log

    def bob_uri(self, transport: str = "udp") -> str:
        """Bob's own address."""
        return next(uri for uri in self.bob.addresses if ("transport=tcp" in uri) is (transport == "tcp"))

    async def ring(self, plan: MediaPlan, *, transport: str = "udp") -> tuple[OutgoingCall, IncomingCall]:
        """Alice calls, Bob's phone rings."""
        ringing = asyncio.ensure_future(anext(self.bob.incoming()))
        await asyncio.sleep(0)
        call = await self.alice.place(self.bob_uri(transport), plan)
        return call, await ringing

    def messages(self, party: str, direction: str) -> list[str]:
        """First lines of the SIP messages that a phone saw, without retransmissions."""
        texts = distinct(
            str(entry.data["text"])
            for entry in self.log.entries
            if (entry.party, entry.source, entry.name) == (party, "sip", "message")
            and entry.data["direction"] == direction
        )
        return [text.split("\r\n", 1)[0] for text in texts]


@asynccontextmanager
async def pair(
    *, alice: Account | None = None, bob: Account | None = None, network: Network | None = None
) -> AsyncIterator[Pair]:
    """Two phones that reach each other directly."""
    log = EventLog()
    async with (
        Phone(bob or account("bob"), log, network=network) as bobs,
        Phone(alice or account("alice"), log, network=network) as alices,
    ):
        yield Pair(alices, bobs, log)
