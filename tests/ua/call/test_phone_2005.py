"""Peers of the first draft of ICE-TCP (2005): answered as if they had no ICE, without an error."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of

BARE = ("a=holdconn", "a=passive", "a=existing")
CANDIDATES = (
    "a=candidate:1 9uB6 UDP 1.0 127.0.0.1 8998 1 passw0rd",
    "a=candidate:2 9uB6 tcp 0.9 127.0.0.1 8999 2 passw0rd",
)


async def answered(peer: MediaPeer, phone: Phone, offer: bytes) -> list[str]:
    """Call with this offer, hear our echo, hang up; the answer."""
    waiting = asyncio.ensure_future(anext(phone.incoming()))
    await asyncio.sleep(0)
    invite = peer.call(phone.addresses[0], offer)
    call = await waiting
    await call.accept(MediaPlan(source=Echo()))
    answer = await peer.receive_response(200)
    peer.ack(Dialog.of_caller(invite, answer), invite)
    await call.established()
    await peer.hear(0)
    call.hang_up()
    await peer.finish()
    assert (await call.ended()).result is ResultCode.OK
    return (session_of(answer) or b"").decode().split("\r\n")


@pytest.mark.req("ICETCP-D05-1", "ICETCP-D05-2")
@pytest.mark.parametrize("lines", [CANDIDATES, (*BARE, *CANDIDATES)], ids=["candidates", "bare"])
async def test_an_offer_of_2005_gets_a_call_without_ice(lines: tuple[str, ...]) -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("bob"), log) as phone:
        answer = await answered(peer, phone, peer.sdp(*lines))
    assert not [line for line in answer if line.startswith(("a=candidate", "a=ice-", "a=setup"))]
    refused = [entry.data for entry in log.entries if entry.name == "refused"]
    ignored = {str(data["line"]) for data in refused if "candidate ignored" in str(data["reason"])}
    assert len(ignored) == len(CANDIDATES)


@pytest.mark.req("4145-9")
async def test_an_offer_that_holds_its_connection_opens_none() -> None:
    """Its only stream is TCP without ICE, and is not to be opened yet: the call stands without media."""
    log = EventLog()
    dialled = asyncio.Event()
    server = await asyncio.start_server(lambda _reader, _writer: dialled.set(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with media_peer() as peer, Phone(account("bob"), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        offer = peer.sdp(*BARE, *CANDIDATES, port=port).replace(b" RTP/AVP ", b" TCP/RTP/AVP ")
        invite = peer.call(phone.addresses[0], offer)
        call = await waiting
        await call.accept(MediaPlan(source=Echo()))
        answer = await peer.receive_response(200)
        assert b"a=setup:holdconn\r\n" in (session_of(answer) or b"")
        peer.ack(Dialog.of_caller(invite, answer), invite)
        await call.established()
        call.hang_up()
        await peer.finish()
        result = await call.ended()
        assert result.received is not None
        assert result.received.packets == 0
        assert not dialled.is_set()
    server.close()
    await server.wait_closed()
