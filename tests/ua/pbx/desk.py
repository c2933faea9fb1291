"""SIP endpoints without media that registered with a PBX, driven by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.ua.pbx.line import DOMAIN, USERS, Line
from tests.ua.sip.phones import Phone, phone
from ua.sip.digest.credentials import Credentials
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.leg import Leg
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.invite.pracks import MakeAnswer
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.transaction.timers import Timers

OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\na=x-private:untouched\r\n"
)
ANSWER = OFFER.replace(b"192.0.2.1", b"192.0.2.2")
HOLD = OFFER + b"a=sendonly\r\n"
HELD = ANSWER + b"a=recvonly\r\n"

METHODS = (
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "MESSAGE"
)  # fmt: skip


@dataclass
class Desk:
    """A phone of a user.

    Attributes:
        phone: the endpoint.
        user: its name.
        known: its password.
    """

    phone: Phone
    user: str
    known: tuple[Credentials, ...]

    @property
    def aor(self) -> NameAddr:
        """Who it is."""
        return NameAddr(uri=Uri(user=self.user, host=DOMAIN))

    def call(
        self,
        user: str,
        body: bytes = OFFER,
        *,
        headers: Headers | None = None,
        make_answer: MakeAnswer | None = None,
        as_: NameAddr | None = None,
    ) -> OutgoingInvite:
        """Call a user of the PBX."""
        return self.phone.endpoint.invite(
            Uri(user=user, host=DOMAIN),
            from_=as_ or self.aor,
            body=body,
            headers=headers,
            make_answer=make_answer,
            credentials=self.known,
        )

    async def asked(self) -> IncomingInvite:
        """The next call that comes."""
        return await self.phone.offered.get()


@asynccontextmanager
async def desk(line: Line, user: str, *, registers: bool = True, **changes: Any) -> AsyncIterator[Desk]:
    """An endpoint with the PBX as its proxy."""
    settings: dict[str, Any] = {"supported": ("100rel",), "allow": METHODS, "user": user}
    settings |= {"timers": Timers(), **changes}
    proxy = line.address(settings.pop("transport", "udp")).with_param("lr", None)
    known = (Credentials(username=user, password=USERS.get(user, ""), realm=DOMAIN),)
    async with phone(proxy=proxy, **settings) as endpoint:
        made = Desk(endpoint, user, known)
        if registers:
            series = endpoint.endpoint.series(
                target=Uri(host=DOMAIN), from_=made.aor, to=made.aor, credentials=known
            )
            done = await series.request("REGISTER", contact=(("expires", "300"),))
            assert done.response.status == 200
        yield made


async def talk(caller: Desk, callee: Desk) -> tuple[Leg, Leg]:
    """A call that stands: both legs."""
    invite = caller.call(callee.user)
    incoming = await callee.asked()
    theirs = incoming.accept(ANSWER)
    await invite.answered()
    await incoming.acknowledged()
    assert invite.leg is not None
    return invite.leg, theirs
