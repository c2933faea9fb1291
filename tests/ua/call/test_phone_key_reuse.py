"""Holds in protected calls: no packet goes twice under one key and number (RFC 3711 §9.1)."""

from __future__ import annotations

import asyncio
import base64
import random
import re

import pytest

from media.protection.srtp import PROFILES, MasterKey, SrtpReceiver
from media.rtp.packet import is_rtcp
from tests.peers.hearing import hears, says
from tests.peers.process import until
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account, pair
from ua.call.call import Call
from ua.call.hold import Hold
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, PathChoice, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request

PROFILE = PROFILES["AES_CM_128_HMAC_SHA1_80"]
LINE = re.compile(rb"a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:([^|\s]+)")
THEIRS = base64.b64encode(random.Random(1).randbytes(PROFILE.length)).decode()
STAY = MediaPlan(source=Tone(hz=440), srtp="sdes")


def described(peer: MediaPeer, number: int, *lines: str) -> bytes:
    """Our description with our key, which stays."""
    crypto = f"a=crypto:3 {PROFILE.name} inline:{THEIRS}"
    return peer.sdp(crypto, *lines, version=number).replace(b"RTP/AVP", b"RTP/SAVP")


def key_of(message: Request) -> bytes:
    """The key of the suite that is used here."""
    found = LINE.search(session_of(message) or b"")
    assert found is not None
    return base64.b64decode(found[1])


class Opener:
    """Opens all that comes with one context for each key, which refuses numbers that it has seen."""

    def __init__(self, peer: MediaPeer) -> None:
        self._peer = peer
        self._contexts: dict[bytes, SrtpReceiver] = {}
        self.numbers: list[int] = []

    def learn(self, key: bytes) -> None:
        if key not in self._contexts:
            self._contexts[key] = SrtpReceiver([MasterKey(profile=PROFILE, material=key)])

    async def open(self, packets: int) -> None:
        """So many packets, each of which must be new."""
        async with asyncio.timeout(15):
            while packets:
                data = await asyncio.get_running_loop().sock_recv(self._peer.media, 2048)
                if is_rtcp(data):
                    continue
                packets -= 1
                (opened,) = [each.unprotect(data) for each in self._contexts.values()]
                assert isinstance(opened, bytes), opened
                self.numbers.append(int.from_bytes(opened[2:4], "big"))


async def answered(peer: MediaPeer, dialog: Dialog, number: int, line: str) -> Request:
    """The next re-INVITE, answered."""
    offer = await peer.receive_request("INVITE")
    body = described(peer, number, line)
    peer.answer(offer, 200, ("Content-Type", "application/sdp"), tag=dialog.id.local_tag, body=body)
    await peer.receive_request("ACK")
    return offer


@pytest.mark.req("SRTP-4", "KEY-10")
async def test_keys_in_descriptions() -> None:
    alice = account("alice", srtp="sdes", srtp_over_plain_sip=True, ice_enabled=False)
    async with media_peer() as peer, Phone(alice, EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        opener = Opener(peer)
        opener.learn(key_of(invite))
        dialog = peer.accept(invite, described(peer, 1))
        await peer.receive_request("ACK")
        await call.established()
        await opener.open(5)
        for number, (act, line) in enumerate([(call.hold, "a=recvonly"), (call.resume, "a=sendrecv")], 2):
            acting = asyncio.ensure_future(act())
            assert key_of(await answered(peer, dialog, number, line)) == key_of(invite)
            await acting
            await opener.open(5)
        for number, line in ((4, "a=sendonly"), (5, "a=sendrecv")):
            # sendonly: we fall silent, and go on
            held = peer.ask(dialog, "INVITE", described(peer, number, line))
            answer = await peer.receive_response(200)
            assert LINE.findall(session_of(answer) or b"") == [base64.b64encode(key_of(invite))]
            peer.ack(dialog, held)
            await until(lambda: call.hold_state is (Hold.HELD if "only" in line else Hold.NONE), line)  # noqa: B023
        await opener.open(15)
        call.hang_up()
        await peer.finish()
        await call.ended()
    first = opener.numbers[0]
    assert opener.numbers == list(range(first, first + len(opener.numbers)))


async def hold_both_ways(call: Call, other: Call) -> None:
    """Each holds once, and both talk again."""
    for one, two in ((call, other), (other, call)):
        await one.hold()
        await until(lambda: two.hold_state is Hold.HELD, "the other side is on hold")  # noqa: B023
        await says(one, packets=one.statistics.sent.packets + 10 if one.statistics else 0)
        await one.resume()
        await until(lambda: two.hold_state is Hold.NONE, "the hold has ended")  # noqa: B023
    await asyncio.gather(hears(call), hears(other))


@pytest.mark.req("SRTP-4", "DTLS-5")
@pytest.mark.parametrize("path", ["udp", "tcp"])
async def test_one_handshake(path: PathChoice) -> None:
    alice, bob = (account(name, srtp="dtls") for name in ("alice", "bob"))
    async with pair(alice=alice, bob=bob) as phones:
        plan = MediaPlan(source=Tone(hz=440), path=path)
        call, ringing = await phones.ring(plan)
        await ringing.accept(MediaPlan(source=Tone(hz=1000)))
        await asyncio.gather(call.established(), ringing.established())
        sources = [
            each._media and each._media._session and each._media._session.ssrc for each in (call, ringing)
        ]
        await hold_both_ways(call, ringing)
        for each, source in zip((call, ringing), sources, strict=True):
            assert each._media is not None
            assert each._media._session is not None
            assert each._media._session.ssrc == source
            assert [runner.handshakes for runner in each._media.protection._runners] == [1]
            assert each.statistics is not None
            assert each.statistics.refused == {}
        call.hang_up()
        for result in await asyncio.gather(call.ended(), ringing.ended()):
            assert (result.srtp, result.transport) == ("AEAD_AES_256_GCM", path)
