"""Phones that are called directly, and lack something that the scenarios ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.peers.broken.callee import Callee, running
from tests.peers.broken.voice import Address
from tests.ua.interop.pbx import peer_at
from tests.ua.interop.scenarios.tried import NUMBERS, OFFERS
from ua.interop.peer import Peer
from ua.sip.syntax.message import Request


class WantsOffers(Callee):
    """An INVITE without an offer is none to it."""

    async def invited(self, request: Request, source: Address) -> None:
        """488."""
        if request.body:
            await super().invited(request, source)
        else:
            self.respond(request, 488, source)


class Forgetful(Callee):
    """It answers questions within calls as if there were none."""

    def asked(self, request: Request, source: Address) -> None:
        """481."""
        self.respond(request, 481, source)


class Stubborn(Callee):
    """It takes no re-INVITE."""

    async def invited(self, request: Request, source: Address) -> None:
        """488."""
        if request.to.tag is None:
            await super().invited(request, source)
        else:
            self.respond(request, 488, source)


@asynccontextmanager
async def phone(callee: Callee) -> AsyncIterator[Peer]:
    """The peer that it is: whatever number is called, it answers. It says that it can everything."""
    async with running(callee):
        numbers = dict.fromkeys(NUMBERS, callee.address)
        yield peer_at(callee.address, accounts=(), extensions=numbers, abilities=OFFERS)
