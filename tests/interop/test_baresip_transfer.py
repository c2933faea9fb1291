"""Calls handed over with baresip: it is transferred by us, and it transfers us."""

from __future__ import annotations

import asyncio

import pytest

from tests.peers.baresip import baresip
from tests.peers.process import Programs
from tests.peers.tones import write_tone
from tests.ua.call.three_phones import TALK
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.events import EventLog
from ua.phone import Phone

pytestmark = pytest.mark.peer("baresip")


@pytest.mark.req("EXT-4", "REF-2")
async def test_baresip_is_transferred(programs: Programs) -> None:
    source = write_tone(programs.folder / "tone.wav", 440)
    async with (
        baresip(programs, "bob", source=source) as bob,
        media_peer() as target,
        Phone(account("alice"), EventLog()) as phone,
    ):
        call = await phone.place(f"sip:bob@{bob.host}:{bob.port}", TALK)
        await call.established()
        transfer = asyncio.ensure_future(call.transfer(f"sip:carol@{target.host}:{target.port}"))
        invite = await target.receive_request("INVITE")
        dialog = target.accept(invite, target.sdp())
        await target.receive_request("ACK")
        result = await asyncio.wait_for(transfer, 10)
        assert (result.done, result.status) == (True, 200)
        await call.ended()
        target.ask(dialog, "BYE")
        await target.receive_response(200)


@pytest.mark.req("EXT-4", "REF-1")
async def test_baresip_transfers_us(programs: Programs) -> None:
    source = write_tone(programs.folder / "tone.wav", 440)
    async with (
        baresip(programs, "bob", source=source) as bob,
        media_peer() as target,
        Phone(account("alice", accept_transfers="always"), EventLog()) as phone,
    ):
        call = await phone.place(f"sip:bob@{bob.host}:{bob.port}", TALK)
        await call.established()
        await bob.command("transfer", f"sip:carol@{target.host}:{target.port}")
        invite = await target.receive_request("INVITE")
        target.accept(invite, target.sdp())
        await target.receive_request("ACK")
        await call.ended()
        assert call.successor is not None
        await call.successor.established()
        call.successor.hang_up()
        await target.finish()
        await call.successor.ended()
