"""A PBX on loopback, and phones that registered with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.distinct import distinct
from tests.ua.phones import G711, LOOPBACK, account, changed
from ua.config.account import Account
from ua.events import EventLog
from ua.pbx.config import PbxConfig
from ua.pbx.pbx import Pbx
from ua.phone import Phone
from ua.sip.syntax.uri import Uri

DOMAIN = "pbx.example"
USERS = {"alice": "secret-a", "bob": "secret-b", "carol": "secret-c"}


@dataclass
class Line:
    """A running PBX.

    Attributes:
        pbx: it.
        log: what it and its phones see.
    """

    pbx: Pbx
    log: EventLog = field(default_factory=EventLog)

    def address(self, transport: str = "udp") -> Uri:
        """Where it is reached over a transport."""
        uris = [Uri.parse(text) for text in self.pbx.addresses]
        named = {"tls": ("sips", None), "wss": ("sips", "ws"), "udp": ("sip", None)}
        wanted = named.get(transport, ("sip", transport))
        return next(uri for uri in uris if (uri.scheme, uri.transport) == wanted)

    def account(self, user: str, transport: str = "udp", **changes: object) -> Account:
        """The account of one of its users, with the PBX as outbound proxy."""
        base = account(
            user,
            uri=f"sip:{user}@{DOMAIN}",
            password=USERS.get(user),
            registrar=f"sip:{DOMAIN}",
            proxy=str(self.address(transport).with_param("lr", None)),
            transport=transport,
        )
        return changed(base, **changes)

    @asynccontextmanager
    async def phone(self, user: str, transport: str = "udp", **changes: object) -> AsyncIterator[Phone]:
        """A phone that is registered."""
        async with Phone(self.account(user, transport, **changes), self.log) as phone:
            await phone.register(expires=300)
            yield phone

    def messages(self, party: str, direction: str) -> list[str]:
        """First lines of the SIP messages that somebody saw."""
        return [text.split("\r\n", 1)[0] for text in self.texts(party, direction)]

    def texts(self, party: str, direction: str) -> list[str]:
        """The messages, without retransmissions."""
        return distinct(
            str(entry.data["text"])
            for entry in self.log.entries
            if (entry.party, entry.source, entry.name) == (party, "sip", "message")
            and entry.data["direction"] == direction
        )

    async def idle(self) -> None:
        """Wait until no call is left."""
        async with asyncio.timeout(10):
            while self.pbx.alive:  # noqa: ASYNC110 - the PBX tells nobody
                await asyncio.sleep(0.01)  # the legs end one after the other


@asynccontextmanager
async def line(config: PbxConfig | None = None, **changes: object) -> AsyncIterator[Line]:
    """A PBX with three users; `changes` are of its account."""
    log = EventLog()
    base = Account(uri=f"sip:pbx@{DOMAIN}", listen_host="127.0.0.1", ice=LOOPBACK, media=G711)
    about = changed(base, **changes)
    async with Pbx(about, config or PbxConfig(domain=DOMAIN, users=USERS), log) as pbx:
        yield Line(pbx, log)
