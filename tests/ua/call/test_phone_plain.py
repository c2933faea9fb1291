"""A peer without ICE: plain RTP from the port that we name to the port that it names."""

from __future__ import annotations

import asyncio
import socket

import pytest

from media.rtp import packet as rtp
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of

STAY = MediaPlan(source=Tone(hz=440))


def packet(number: int, ssrc: int) -> bytes:
    return rtp.build(
        payload_type=0,
        marker=False,
        sequence=number,
        timestamp=160 * number,
        ssrc=ssrc,
        payload=b"\x80" * 160,
    )


@pytest.mark.req("RTP-10")
async def test_rtp_leaves_from_the_port_that_receives_and_goes_where_the_peer_said() -> None:
    log = EventLog()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.setblocking(False)
        async with media_peer() as peer, Phone(account("alice"), log) as phone:
            call = await phone.place(str(peer.uri), STAY)
            invite = await peer.receive_request("INVITE")
            offer = (session_of(invite) or b"").decode().split("\r\n")
            port = int(next(line for line in offer if line.startswith("m=")).split(" ")[1])
            peer.accept(invite, peer.sdp())
            await call.established()
            _, source = await asyncio.get_running_loop().sock_recvfrom(peer.media, 2048)
            assert source == ("127.0.0.1", port)
            for number in range(20):
                stranger.sendto(packet(number, 7), ("127.0.0.1", port))
                await asyncio.sleep(0.005)
            peer.packets()
            await peer.hear(0)
            with pytest.raises(BlockingIOError):
                stranger.recv(2048)
            call.hang_up()
            await peer.finish()
            assert (await call.ended()).result is ResultCode.OK


@pytest.mark.req("RTP-10")
async def test_a_peer_may_send_from_another_port_than_it_receives_on() -> None:
    log = EventLog()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)
        async with media_peer() as peer, Phone(account("bob"), log) as phone:
            waiting = asyncio.ensure_future(anext(phone.incoming()))
            await asyncio.sleep(0)
            invite = peer.call(phone.addresses[0], peer.sdp())
            call = await waiting
            await call.accept(MediaPlan(source=Echo()))
            answer = await peer.receive_response(200)
            body = (session_of(answer) or b"").decode().split("\r\n")
            port = int(next(line for line in body if line.startswith("m=")).split(" ")[1])
            peer.ack(Dialog.of_caller(invite, answer), invite)
            await call.established()
            for number in range(10):
                other.sendto(packet(number, 9), ("127.0.0.1", port))
                await asyncio.sleep(0.02)
            await peer.hear(0)
            assert call.statistics is not None
            assert call.statistics.received.packets == 10
            with pytest.raises(BlockingIOError):
                other.recv(2048)
            call.hang_up()
            await peer.finish()
            await call.ended()
