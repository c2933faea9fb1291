"""A stream that the other side takes out of a call that goes on (RFC 3264 §8.2)."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.sdp.calls import until
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account, pair
from ua.call.call import Call
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Response

STAY = MediaPlan(source=Tone(hz=440))


async def again(peer: MediaPeer, dialog: Dialog, body: bytes, status: int) -> Response:
    """A re-INVITE with this offer, its answer and the ACK."""
    invite = peer.ask(dialog, "INVITE", body)
    response = await peer.receive_response(status)
    if status == 200:
        peer.ack(dialog, invite)
    return response


def is_free(port: int) -> bool:
    """True where nobody has this UDP port of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def port_of(body: bytes | None) -> int:
    text = (body or b"").decode()
    return int(next(line for line in text.split("\r\n") if line.startswith("m=")).split(" ")[1])


@pytest.mark.req("OA-13", "sdp.md:OA-2")
async def test_media_stops_and_its_sockets_are_freed() -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        ringing = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp())
        call = await ringing
        await call.accept(STAY)
        answer = await peer.receive_response(200)
        dialog = Dialog.of_caller(invite, answer)
        peer.ack(dialog, invite)
        await call.established()
        await peer.hear(0)
        port = port_of(session_of(answer))
        assert not is_free(port)
        removed = await again(peer, dialog, peer.sdp(port=0, version=2), 200)
        assert port_of(session_of(removed)) == 0
        await until(lambda: is_free(port) and is_free(port + 1))
        peer.packets()
        heard = call.statistics
        peer.media.sendto(bytes((0x80, 0)) + bytes(170), ("127.0.0.1", port))
        await asyncio.sleep(0.2)
        assert peer.packets() == []
        assert call.statistics is not None
        assert heard is not None
        assert call.statistics.received.packets == heard.received.packets
        # The call stands; the same offer has the same answer, and the stream does not come back over UDP.
        same = await again(peer, dialog, peer.sdp(port=0, version=2), 200)
        assert session_of(same) == session_of(removed)
        await again(peer, dialog, peer.sdp(version=3), 488)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


@pytest.mark.req("sdp.md:OA-2", "4145-6")
async def test_over_tcp_it_comes_back_with_a_new_connection() -> None:
    async with pair() as both:
        calling, ringing = await both.ring(MediaPlan(source=Tone(hz=440), media="tcp"))
        await ringing.accept(MediaPlan(source=Echo()))
        calls: tuple[Call, Call] = calling, ringing
        await asyncio.gather(*(call.established() for call in calls))
        media, other = calls[0]._media, calls[1]._media
        assert media is not None
        assert other is not None
        offer = media.descriptions.offer()
        media.descriptions.offer_failed()
        out = b"".join(
            line + b"\r\n"
            for line in offer.replace(f"m=audio {port_of(offer)} ".encode(), b"m=audio 0 ").split(b"\r\n")
            if line
        )
        removed = await other.descriptions.answer(out)
        assert isinstance(removed, bytes)
        other.descriptions.answer_sent()
        assert port_of(removed) == 0
        assert not other.descriptions.side.binding.exchange.negotiated
        body = await media.descriptions.restart_offer()
        back = await other.descriptions.answer(body)
        assert isinstance(back, bytes)
        other.descriptions.answer_sent()
        media.descriptions.apply_answer(back)
        await until(lambda: not media.descriptions.watch.is_lost)
        before = calls[1].statistics
        assert before is not None
        await until(
            lambda: (
                calls[1].statistics is not None
                and calls[1].statistics.received.packets > before.received.packets + 5
            )
        )
        calls[0].hang_up()
        await asyncio.gather(*(call.ended() for call in calls))
