"""REFER outside calls: only from who proves to have our account (RFC 3515 §5.2)."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.three_phones import TALK
from tests.ua.peer import media_peer
from tests.ua.phones import account
from tests.ua.sip.phones import ALICE, phone
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.digest.credentials import Credentials
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.uri import Uri


@pytest.mark.req("REF-1", "SUB-2")
async def test_a_refer_outside_calls_is_authenticated() -> None:
    async with (
        media_peer() as peer,
        phone(allow=("INVITE", "ACK", "BYE", "CANCEL", "NOTIFY")) as desk,
        Phone(account("bob", password="secret"), EventLog()) as bob,
    ):
        target = Uri.parse(next(each for each in bob.addresses if "transport" not in each))
        rows = Headers.of(
            ("Refer-To", f"<{peer.uri}>"), ("Contact", f"<{desk.uri()}>"), ("Refer-Sub", "false")
        )

        async def refer(password: str) -> int:
            credentials = (Credentials(username="bob", password=password),)
            done = await desk.endpoint.request(
                "REFER", target, from_=ALICE, credentials=credentials, headers=rows
            )
            return done.response.status

        assert await refer("wrong") == 401
        assert await refer("secret") == 603, "nobody decides there"
        requests = bob.transfers()
        asked = asyncio.ensure_future(anext(requests))
        await asyncio.sleep(0)
        assert await refer("secret") == 202
        request = await asked
        assert request.call is None
        call = await request.accept(TALK)
        invite = await peer.receive_request("INVITE")
        peer.accept(invite, peer.sdp())
        await peer.receive_request("ACK")
        await call.established()
        call.hang_up()
        await peer.finish()
        await call.ended()
