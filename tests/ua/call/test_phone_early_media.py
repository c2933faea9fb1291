"""What a caller hears before anybody picks up, and whom of several."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ice.stun.binding import binding_request
from ice.types import Credentials, Role, TransportAddress
from media.audio import wav
from media.codecs import PCMU
from media.protection.srtp import PROFILES, MasterKey, SrtpSender
from sdp.attributes import ice_attr
from sdp.negotiation import remote_audio
from sdp.negotiation.default_destination import read as default_of
from sdp.syntax import parser
from tests.ua.call.media_legs import answered, media_leg
from tests.ua.call.test_phone_early_reply import until
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.call.state import CallState
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request


def rings(peer: MediaPeer, invite: Request, status: int, body: bytes = b"", tag: str = "peer") -> None:
    rows = (("Content-Type", "application/sdp"),) if body else ()
    peer.answer(invite, status, *rows, tag=tag, body=body)


def states(log: EventLog) -> list[str]:
    return [str(entry.data["state"]) for entry in log.entries if entry.name == "ringback"]


def where(offer: bytes) -> TransportAddress:
    """The default address of an offer."""
    description = parser.parse(offer)
    media = description.media[0]
    remote = remote_audio.read(description, media, is_answer=False)
    found = default_of(description, media, remote.rtcp, muxed=True).rtp
    assert found is not None
    assert found.address is not None
    return found.address


async def play(
    peer: MediaPeer,
    to: TransportAddress,
    loud: int,
    packets: int = 25,
    protect: Callable[[bytes], bytes | None] = bytes,
) -> None:
    """Half a second of one sample value, as PCMU."""
    payload = PCMU.encode(loud.to_bytes(2, "little", signed=True) * 160)
    for number in range(packets):
        header = bytes((0x80, 0)) + number.to_bytes(2, "big") + (160 * number).to_bytes(4, "big") + b"tone"
        peer.media.sendto(protect(header + payload) or b"", (to.host, to.port))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("records", [True, False])
async def test_only_a_recording_keeps_the_rate_that_it_began_with(tmp_path: Path, *, records: bool) -> None:
    """The first codec of ours has 48000 Hz, the peer speaks PCMU, which need not be converted then."""
    plan = MediaPlan(source=Tone(hz=440), record=tmp_path / "heard.wav" if records else None)
    alice = account("alice", codecs=("opus", "PCMU"), ice_enabled=False)
    async with media_peer() as peer, Phone(alice, EventLog()) as phone:
        call = await phone.place(str(peer.uri), plan)
        invite = await peer.receive_request("INVITE")
        rings(peer, invite, 183, peer.sdp())
        await play(peer, where(session_of(invite) or b""), 8000, packets=5)
        media = call._media
        assert media is not None
        await until(lambda: media._heard_early)
        assert media._audio.rate == 48000
        peer.accept(invite, peer.sdp())
        await call.established()
        assert media._audio.rate == (48000 if records else 8000)
        await peer.hear(0)
        call.hang_up()
        await peer.finish()
        await call.ended()


@pytest.mark.req("UAC-16", "RTP-37", "sdp.md:OA-29", "sip.md:OA-2")
async def test_an_announcement_before_the_answer_is_heard_and_ends_the_tone(tmp_path: Path) -> None:
    log = EventLog()
    heard = tmp_path / "heard.wav"
    plan = MediaPlan(source=Tone(hz=440), record=heard)
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), plan)
        invite = await peer.receive_request("INVITE")
        rings(peer, invite, 180)
        await until(lambda: states(log) == ["on"])
        rings(peer, invite, 183, peer.sdp())
        await asyncio.sleep(0.05)
        await play(peer, where(invite.body), 8000)
        assert states(log) == ["on", "off"]
        assert peer.packets() == [], "nothing is sent before the answer"
        # What is said later in this transaction changes nothing (RFC 6337 §3.1.1).
        peer.accept(invite, peer.sdp(port=9))
        await peer.receive_request("ACK")
        await peer.hear(0)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK
    assert loud_samples(heard) > 1000, "an eighth of a second of the announcement at least"


def loud_samples(recorded: Path) -> int:
    """How many samples are loud in a recording."""
    samples = wav.read_audio(recorded, 8000)
    return sum(1 for at in range(0, len(samples) - 1, 2) if samples[at + 1] > 20)


@pytest.mark.req("sdp.md:OA-8")
async def test_media_that_is_quicker_than_its_answer_is_heard(tmp_path: Path) -> None:
    log = EventLog()
    heard = tmp_path / "heard.wav"
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), MediaPlan(source=Tone(hz=440), record=heard))
        invite = await peer.receive_request("INVITE")
        rings(peer, invite, 180)
        await until(lambda: states(log) == ["on"])
        await play(peer, where(invite.body), 8000)
        await until(lambda: states(log) == ["on", "off"])
        with pytest.raises(BlockingIOError):
            peer.media.recv(2048)  # neither RTP nor RTCP goes out before the answer
        peer.accept(invite, peer.sdp())
        await peer.receive_request("ACK")
        await peer.hear(0)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK
    assert loud_samples(heard) > 1000, "an eighth of a second at least"


async def test_a_recording_does_not_begin_before_something_is_heard(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), MediaPlan(record=heard))
        invite = await peer.receive_request("INVITE")
        rings(peer, invite, 180)
        await asyncio.sleep(0.3)
        peer.answer(invite, 486)
        await peer.receive_request("ACK")
        await call.ended()
    assert heard.stat().st_size < 100, "a header and nothing else"


async def test_a_stranger_that_was_quicker_is_not_the_peer(tmp_path: Path) -> None:
    log = EventLog()
    async with media_peer() as stranger, media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), MediaPlan(source=Tone(hz=440)))
        invite = await peer.receive_request("INVITE")
        rings(peer, invite, 180)
        # It is heard as long as nobody has said who is called, and no longer.
        await play(stranger, where(invite.body), 8000, packets=5)
        body = peer.sdp().replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 192.0.2.9")
        rings(peer, invite, 183, body)
        await until(lambda: call.state is CallState.RINGING)
        await asyncio.sleep(0.05)
        early = call._early_media
        assert early is not None
        assert early._session is not None
        before = early._session.statistics.received.packets
        await play(stranger, where(invite.body), 8000, packets=5)
        assert (before, early._session.statistics.received.packets) == (0, 0)
        peer.answer(invite, 486)
        await peer.receive_request("ACK")
        await call.ended()


def check(offer: bytes) -> bytes:
    """A check of a peer that has this offer, without any answer to it so far."""
    description = parser.parse(offer)
    told = ice_attr.read(description, description.media[0], is_answer=False).description
    assert told is not None
    return binding_request(
        transaction_id=bytes(12),
        local=Credentials(ufrag="peer", password="p" * 22),
        remote=told.credentials,
        role=Role.CONTROLLED,
        tie_breaker=1,
        priority=1,
        use_candidate=False,
    )


async def test_who_has_proved_by_a_check_to_have_the_offer_is_heard_alone() -> None:
    log = EventLog()
    async with media_peer() as stranger, media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), MediaPlan(source=Tone(hz=440)))
        invite = await peer.receive_request("INVITE")
        place = where(invite.body)
        await play(stranger, place, 8000, packets=3)
        early = call._early_media
        assert early is not None
        await until(lambda: early._session is not None)
        session = early._session
        assert session is not None
        peer.media.sendto(check(invite.body), (place.host, place.port))
        await play(peer, place, 8000, packets=5)
        await until(lambda: session.statistics.received.packets >= 6)
        before = session.statistics.received.packets
        await play(stranger, place, 8000, packets=5)
        assert session.statistics.received.packets == before
        peer.answer(invite, 486)
        await peer.receive_request("ACK")
        await call.ended()


@pytest.mark.parametrize("changes", [{"srtp": "sdes", "srtp_over_plain_sip": True}, {"srtp": "dtls"}])
async def test_nothing_unprotected_is_heard_where_protection_was_offered(changes: dict[str, object]) -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice", **changes), log) as phone:
        call = await phone.place(str(peer.uri), MediaPlan())
        invite = await peer.receive_request("INVITE")
        rings(peer, invite, 180)
        await until(lambda: states(log) == ["on"])
        await play(peer, where(invite.body), 8000, packets=10)
        assert states(log) == ["on"]
        peer.answer(invite, 486)
        await peer.receive_request("ACK")
        await call.ended()


@pytest.mark.parametrize("right", [True, False])
async def test_a_protected_announcement_is_opened_with_the_key_of_the_183(
    tmp_path: Path, *, right: bool
) -> None:
    log, heard, suite = EventLog(), tmp_path / "heard.wav", "AES_CM_128_HMAC_SHA1_80"
    ours = account("alice", srtp="sdes", srtp_over_plain_sip=True)
    key = MasterKey(profile=PROFILES[suite], material=bytes(range(30)))
    async with media_peer() as peer, Phone(ours, log) as phone:
        call = await phone.place(str(peer.uri), MediaPlan(source=Tone(hz=440), record=heard))
        invite = await peer.receive_request("INVITE")
        rings(peer, invite, 180)
        await until(lambda: states(log) == ["on"])
        tag = re.search(rb"a=crypto:(\d+) " + suite.encode(), invite.body)
        assert tag is not None
        told = key.material if right else bytes(30)
        line = f"a=crypto:{tag[1].decode()} {suite} inline:{base64.b64encode(told).decode()}"
        body = peer.sdp(line).replace(b"RTP/AVP", b"RTP/SAVP")
        rings(peer, invite, 183, body)
        await asyncio.sleep(0.05)
        await play(peer, where(invite.body), 8000, protect=SrtpSender(key).protect)
        assert states(log) == (["on", "off"] if right else ["on"])
        peer.accept(invite, body)
        await peer.receive_request("ACK")
        await call.established()
        call.hang_up()
        await peer.finish()
        await call.ended()
    assert (loud_samples(heard) > 1000) is right


@pytest.mark.req("UAC-16", "RTP-37")
async def test_without_a_180_there_is_no_tone() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), MediaPlan())
        invite = await peer.receive_request("INVITE")
        rings(peer, invite, 183)
        rings(peer, invite, 183, peer.sdp())
        await asyncio.sleep(0.1)
        peer.answer(invite, 486)
        await peer.receive_request("ACK")
        await call.ended()
    assert states(log) == []


async def test_strangers_are_not_heard_before_the_answer() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), MediaPlan())
        invite = await peer.receive_request("INVITE")
        rings(peer, invite, 180)
        # It has told another address than the one that sends.
        rings(peer, invite, 183, peer.sdp().replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 192.0.2.9"))
        await asyncio.sleep(0.05)
        await play(peer, where(invite.body), 8000, packets=5)
        assert states(log) == ["on"]
        call.hang_up()
        await peer.receive_request("CANCEL")
        peer.answer(invite, 487)
        await call.ended()
    assert states(log) == ["on", "off"]


@pytest.mark.req("UAC-16", "RTP-37", "sdp.md:OA-32", "sip.md:OA-8")
async def test_of_two_phones_with_ice_the_one_that_answered_last_is_played() -> None:
    log = EventLog()
    async with (
        media_peer() as peer,
        Phone(account("alice"), log) as phone,
        media_leg() as first,
        media_leg() as second,
    ):
        call = await phone.place(str(peer.uri), MediaPlan(source=Tone(hz=440)))
        invite = await peer.receive_request("INVITE")
        for leg, tag in ((first, "one"), (second, "two")):
            rings(peer, invite, 183, await answered(leg, session_of(invite)), tag)
            leg.descriptions.answer_sent()
            await leg.descriptions.paths()
        early = call._early_media
        assert early is not None
        await until(lambda: early._session is not None)
        await second.start()
        await until(lambda: early._session is not None and early._session.statistics.received.packets > 3)
        # Both have their own exchange, and the first may still take the call.
        await first.start()
        peer.answer(invite, 200, tag="one", body=b"")
        await peer.receive_request("ACK")
        await call.established()
        await until(lambda: call.statistics is not None and call.statistics.received.packets > 3)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK
