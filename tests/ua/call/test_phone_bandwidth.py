"""A peer that has no room for media any more says so in mid-call (RFC 3264 §5.1)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from media.rtp import packet as rtp
from tests.ua.call.test_phone_offers import STAY
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.events import EventLog
from ua.phone import Phone

MUX = "a=rtcp-mux"
NO_ROOM = "b=AS:0"


def waiting(peer: MediaPeer) -> list[bytes]:
    """What has come to the media port of the peer and was not read."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(peer.media.recv(2048))
    return found


@pytest.mark.req("sdp.md:OA-22")
@pytest.mark.parametrize("room_again", [False, True])
async def test_no_bandwidth_stops_rtp_and_rtcp(*, room_again: bool) -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        dialog = peer.accept(await peer.receive_request("INVITE"), peer.sdp(MUX))
        await peer.receive_request("ACK")
        await call.established()
        await peer.hear(0)
        again = peer.ask(dialog, "INVITE", peer.sdp(NO_ROOM, MUX, version=2))
        await peer.receive_response(200)
        peer.ack(dialog, again)
        await asyncio.sleep(0.1)
        peer.packets()
        await asyncio.sleep(0.2)
        assert not peer.packets()
        if room_again:
            again = peer.ask(dialog, "INVITE", peer.sdp(MUX, version=3))
            await peer.receive_response(200)
            peer.ack(dialog, again)
            await peer.hear(0)
        call.hang_up()
        await peer.finish()
        await call.ended()
        # The end of a media session is told by RTCP at once (RFC 3550 §6.6), where there is room for it.
        assert any(rtp.is_rtcp(packet) for packet in waiting(peer)) is room_again
