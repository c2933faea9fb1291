"""Media over TCP without ICE against rtpstreampay and rtpstreamdepay of GStreamer, signalled by hand.

Each of GStreamer's connections has one direction, so that a=sendonly and a=recvonly go with it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.peers.gstreamer import record, send_tone
from tests.peers.hearing import hears, says
from tests.peers.process import Programs
from tests.peers.tones import tone_share
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.call.call import Call
from ua.config.media import MediaSetup
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of

pytestmark = pytest.mark.peer("gstreamer")

OURS, THEIRS = 440, 1000
PACKETS = 75


def description(port: int, setup: MediaSetup, direction: str) -> bytes:
    """What GStreamer would say, without RTCP."""
    rows = (
        *("v=0", "o=gst 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
        *(f"m=audio {port} TCP/RTP/AVP 8", "b=RS:0", "b=RR:0"),
        *(f"a=setup:{setup}", "a=connection:new", f"a={direction}"),
    )
    return "".join(f"{row}\r\n" for row in rows).encode()


def port_of(body: bytes | None) -> int:
    assert body is not None
    line = next(line for line in body.decode().split("\r\n") if line.startswith("m=audio"))
    assert " TCP/RTP/AVP " in line
    return int(line.split(" ")[1])


async def ended(peer: MediaPeer, call: Call) -> None:
    call.hang_up()
    await peer.finish()
    result = await call.ended()
    assert result.ice is None
    assert result.transport == "tcp"
    assert result.error is None


@pytest.mark.req("PROTO-2", "4145-10")
async def test_we_connect_and_are_heard(programs: Programs, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    recording, port = await record(programs, heard, "listens")
    async with media_peer() as peer, Phone(account("alice", setup="active"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), MediaPlan(source=Tone(hz=OURS), media="tcp"))
        invite = await peer.receive_request("INVITE")
        assert port_of(session_of(invite)) == 9
        peer.accept(invite, description(port, "passive", "recvonly"))
        await call.established()
        await says(call, packets=PACKETS)
        await ended(peer, call)
    await recording.ended(10)
    assert tone_share(heard, OURS) > 0.9


@pytest.mark.req("PROTO-2", "4145-10")
async def test_we_connect_and_hear(programs: Programs, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    _, port = await send_tone(programs, THEIRS, "listens")
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        plan = MediaPlan(source=Tone(hz=OURS), record=heard, media="tcp")
        call = await phone.place(str(peer.uri), plan)
        invite = await peer.receive_request("INVITE")
        peer.accept(invite, description(port, "passive", "sendonly"))
        await call.established()
        await hears(call, packets=PACKETS)
        await ended(peer, call)
    assert tone_share(heard, THEIRS) > 0.9


@pytest.mark.req("PROTO-2", "4145-10", "4145-2")
async def test_it_connects_and_is_heard(programs: Programs, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        plan = MediaPlan(source=Tone(hz=OURS), record=heard, media="tcp")
        call = await phone.place(str(peer.uri), plan)
        invite = await peer.receive_request("INVITE")
        await send_tone(programs, THEIRS, "connects", port=port_of(session_of(invite)))
        peer.accept(invite, description(9, "active", "sendonly"))
        await call.established()
        await hears(call, packets=PACKETS)
        await ended(peer, call)
    assert tone_share(heard, THEIRS) > 0.9


@pytest.mark.req("PROTO-2", "4145-10")
async def test_it_connects_to_our_answer_and_hears(programs: Programs, tmp_path: Path) -> None:
    """It offers, and the phone that answers has no setting for that."""
    heard = tmp_path / "heard.wav"
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        ringing = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], description(9, "active", "recvonly"))
        call = await ringing
        await call.accept(MediaPlan(source=Tone(hz=OURS)))
        answer = await peer.receive_response(200)
        recording, _ = await record(programs, heard, "connects", port=port_of(session_of(answer)))
        peer.ack(Dialog.of_caller(invite, answer), invite)
        await call.established()
        await says(call, packets=PACKETS)
        await ended(peer, call)
    await recording.ended(10)
    assert tone_share(heard, OURS) > 0.9
