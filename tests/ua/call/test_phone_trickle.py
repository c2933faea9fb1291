"""Candidates that come after the description, in INFO requests (RFC 8840)."""

from __future__ import annotations

import asyncio
import re

import pytest

from sdp.ice.fragment import CONTENT_TYPE
from tests.ua.call.media_legs import answered, media_leg
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request

STAY = MediaPlan(source=Tone(hz=440))


def taken_out(body: bytes) -> tuple[bytes, bytes]:
    """A description without its candidates and defaults, and a fragment that brings the candidates."""
    lines = re.sub("(?<=c=IN IP4 )[0-9.]+", "0.0.0.0", body.decode()).split("\r\n")
    lines = [re.sub("^m=audio [0-9]+", "m=audio 9", line) for line in lines if not line.startswith("a=rtcp:")]
    late = [line for line in lines if line.startswith(("a=candidate", "a=end-of-candidates"))]
    rest = [line for line in lines if line not in late]
    names = [line for line in lines if line.startswith(("a=ice-ufrag", "a=ice-pwd"))]
    mid = [line for line in lines if line.startswith("a=mid")]
    fragment = [*names, "m=audio 9 RTP/AVP 0", *mid, *late]
    return "\r\n".join(rest).encode(), "".join(f"{line}\r\n" for line in fragment).encode()


def info(peer: MediaPeer, dialog: Dialog, body: bytes, **headers: str) -> Request:
    rows = {"Info-Package": "trickle-ice", "Content-Type": CONTENT_TYPE, **headers}
    return peer.ask(dialog, "INFO", body, *rows.items())


@pytest.mark.req("TRI-2", "TRI-6", "TRI-7")
@pytest.mark.parametrize("early", [True, False], ids=["on the heels of the answer", "later"])
async def test_candidates_of_the_answerer_that_come_by_info(early: bool) -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone, media_leg() as leg:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        assert "trickle-ice" in invite.headers.tokens("supported")
        assert invite.headers.tokens("recv-info") == {"trickle-ice"}
        offer = (session_of(invite) or b"").decode()
        assert "a=ice-options:ice2 trickle\r\n" in offer
        assert "a=end-of-candidates\r\n" in offer
        assert "a=mid:" in offer
        description, fragment = taken_out(await answered(leg, session_of(invite)))
        dialog = peer.accept(invite, description)
        await peer.receive_request("ACK")
        if early:
            info(peer, dialog, fragment)
            await peer.receive_response(200)
        await asyncio.sleep(0.1)
        old = fragment.replace(b"a=ice-ufrag:", b"a=ice-ufrag:x")
        for body in (old, fragment, fragment):
            info(peer, dialog, body)
            await peer.receive_response(200)
        leg.descriptions.answer_sent()
        await call.established()
        remarks = [str(entry.data["reason"]) for entry in log.entries if entry.name == "refused"]
        assert "candidates of another ICE generation" in remarks
        known = [
            entry for entry in log.entries if entry.name == "candidate_added" and not entry.data["local"]
        ]
        addresses = [str(entry.data["candidate"]) for entry in known]
        assert len(addresses) == len(set(addresses))
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result in (ResultCode.OK, ResultCode.MEDIA_ONE_WAY)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Info-Package": "conference"}, b"x", 469),
        ({"Content-Type": "text/plain"}, b"x", 415),
        ({}, b"\xff\x00nonsense", 400),
    ],
)
async def test_info_that_we_do_not_understand(headers: dict[str, str], body: bytes, status: int) -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("bob"), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp())
        call = await waiting
        await call.accept(STAY)
        answer = await peer.receive_response(200)
        dialog = Dialog.of_caller(invite, answer)
        peer.ack(dialog, invite)
        await call.established()
        info(peer, dialog, body, **headers)
        refusal = await peer.receive_response(status)
        if status == 469:
            assert refusal.headers.tokens("recv-info") == {"trickle-ice"}
        assert call.state == "established"
        call.hang_up()
        await peer.finish()
        await call.ended()
