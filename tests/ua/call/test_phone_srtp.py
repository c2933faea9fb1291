"""Calls between two phones with SRTP: by keys in the description, by DTLS, over UDP and over TCP."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from sdp.syntax.parser import parse
from sdp.syntax.protocols import lookup
from tests.ua import phones as two
from tests.ua.call.media_legs import media_leg
from tests.ua.peer import media_peer
from tests.ua.phones import Pair, account
from ua.call.incoming import IncomingCall
from ua.config.account import Account
from ua.config.calls import CallsSettings
from ua.config.srtp import SrtpChoice
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, PathChoice, Tone
from ua.results import CallResult
from ua.sip.syntax.body import session_of

OVER_PLAIN = {"srtp_over_plain_sip": True}
KEY = re.compile(rb"inline:(\S+)")


def bodies(log: EventLog, party: str, direction: str = "out") -> list[str]:
    """The descriptions that a phone sent."""
    return [
        str(entry.data["text"])
        for entry in log.entries
        if entry.party == party and entry.source == "sdp" and entry.data.get("direction") == direction
    ]


def names(log: EventLog) -> list[str]:
    return [entry.name for entry in log.entries if entry.source == "call"]


def pair(*, alice: Account | None = None, bob: Account | None = None) -> AbstractAsyncContextManager[Pair]:
    """Two phones; Bob's protection is chosen when he picks up, so nothing is told before."""
    late = dataclasses.replace(bob or account("bob"), calls=CallsSettings(early_answer=False))
    return two.pair(alice=alice, bob=late)


async def talk(
    phones: Pair, *, caller: SrtpChoice, callee: SrtpChoice | None = None, path: PathChoice = "auto"
) -> tuple[CallResult, CallResult]:
    """A call of a second; what became of it at both ends."""
    plan = MediaPlan(source=Tone(hz=440), duration_s=0.7, path=path, srtp=caller)
    heard: list[IncomingCall] = []

    async def answer() -> None:
        # a refused offer comes again with fewer candidates
        async for incoming in phones.bob.incoming():
            heard.append(incoming)
            await incoming.accept(MediaPlan(source=Echo(), path=path, srtp=callee))

    answering = asyncio.ensure_future(answer())
    await asyncio.sleep(0)
    call = await phones.alice.place(phones.bob_uri(), plan)
    ours = await call.ended()
    theirs = await heard[-1].ended()
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    return ours, theirs


@pytest.mark.req("ICETCP-4.5-10", "KEY-9", "DTLS-3", "SRTP-1")
@pytest.mark.parametrize("path", ["udp", "tcp"])
@pytest.mark.parametrize("choice", ["sdes", "dtls"])
async def test_a_protected_call_is_heard_both_ways(choice: SrtpChoice, path: PathChoice) -> None:
    ours, theirs = account("alice", **OVER_PLAIN), account("bob", **OVER_PLAIN)
    async with pair(alice=ours, bob=theirs) as phones:
        for result in await talk(phones, caller=choice, path=path):
            assert result.result is ResultCode.OK, result.error
            assert result.srtp == "AEAD_AES_256_GCM"
            assert result.to_json()["srtp"] == "AEAD_AES_256_GCM"
            assert result.ice is not None
            assert result.ice.transport == path
            assert result.received is not None
            assert result.received.packets > 20
            assert result.received.lost == 0
        told = names(phones.log)
        assert told.count("protected") == 2
        assert ("unprotected" in told) is (choice == "sdes"), "the keys of SDES went over plain SIP"
        offer = parse(bodies(phones.log, "alice")[0].encode())
        protocol = lookup(offer.media[0].proto)
        assert protocol is not None
        assert protocol.keying.value == ("srtp" if choice == "sdes" else "dtls")


@pytest.mark.req("KEY-4", "KEY-11")
async def test_no_key_is_in_any_log() -> None:
    async with pair(alice=account("alice", **OVER_PLAIN), bob=account("bob", **OVER_PLAIN)) as phones:
        await talk(phones, caller="sdes")
        everything = "\n".join(str(entry.data) for entry in phones.log.entries)
    assert everything.count("inline:***") >= 8, "in SIP and in SDP, sent and received"
    assert set(re.findall(r"inline:(\S{3})", everything)) == {"***"}


@pytest.mark.req("KEY-11")
async def test_keys_are_not_told_where_everybody_can_read_them() -> None:
    async with pair() as phones:
        call = await phones.alice.place(phones.bob_uri(), MediaPlan(source=Tone(hz=440), srtp="sdes"))
        result = await call.ended()
        assert result.result is ResultCode.USAGE
        assert "encrypted" in (result.error or "")
        assert bodies(phones.log, "alice") == []


@pytest.mark.req("KEY-11")
async def test_keys_of_a_peer_that_tells_them_to_everybody_are_not_taken() -> None:
    async with pair(alice=account("alice", **OVER_PLAIN)) as phones:
        ours, theirs = await talk(phones, caller="sdes", callee="auto")
        assert ours.sip_code == 488
        assert theirs.srtp is None


@pytest.mark.req("KEY-5")
async def test_without_protection_in_common_there_is_no_call() -> None:
    async with pair() as phones:
        ours, _ = await talk(phones, caller="dtls", callee="off")
        assert ours.sip_code == 488
        ours, _ = await talk(phones, caller="off", callee="dtls")
        assert ours.sip_code == 488
        assert "media" not in names(phones.log)


async def test_auto_takes_what_is_offered_and_offers_what_everybody_takes() -> None:
    async with pair() as phones:
        ours, theirs = await talk(phones, caller="auto", callee="auto")
        assert ours.result is ResultCode.OK
        assert ours.srtp is theirs.srtp is None
        assert names(phones.log).count("unprotected") == 2
        ours, theirs = await talk(phones, caller="dtls", callee="auto")
        assert ours.srtp == theirs.srtp == "AEAD_AES_256_GCM"


async def test_auto_offers_keys_beside_rtp_avp_where_nobody_reads_them() -> None:
    allowed = account("alice", srtp="auto", **OVER_PLAIN), account("bob", **OVER_PLAIN)
    async with pair(alice=allowed[0], bob=allowed[1]) as phones:
        ours, theirs = await talk(phones, caller="auto", callee="auto")
        assert ours.srtp == theirs.srtp == "AEAD_AES_256_GCM"
        assert "RTP/AVP" in bodies(phones.log, "alice")[0]
        ours, theirs = await talk(phones, caller="auto", callee="off")
        assert ours.srtp is theirs.srtp is None
        assert ours.result is ResultCode.OK


async def test_offers_as_browsers_make_them() -> None:
    async with pair() as phones:
        for callee in ("auto", "dtls", "webrtc"):
            ours, theirs = await talk(phones, caller="webrtc", callee=callee)
            assert ours.srtp == theirs.srtp == "AEAD_AES_256_GCM"
        refused, _ = await talk(phones, caller="webrtc", callee="off")
        assert refused.sip_code == 488
        told = [parse(bodies(phones.log, name)[0].encode()) for name in ("alice", "bob")]
    for each in told:
        (group,) = each.all("group")
        (media,) = each.media
        mid = media.first("mid")
        assert mid is not None
        assert group.value == f"BUNDLE {mid.value}"
        assert media.proto == "UDP/TLS/RTP/SAVPF"
        assert media.first("rtcp-mux") is not None


@pytest.mark.req("KEY-1", "DTLS-2", "KEY-14")
async def test_a_peer_with_another_certificate_hears_nothing() -> None:
    async with pair() as phones:
        other = phones.bob._around.identity.certificate
        from media.protection.certificate import Certificate

        assert other is phones.bob._around.identity.certificate, "one for the life of the phone"
        fingerprint = phones.bob._around.identity.fingerprint
        phones.bob._around.identity._certificate = Certificate.generate(1_800_000_000.0)
        shown = phones.bob._around.identity.fingerprint
        assert shown != fingerprint
        # Bob's descriptions name the first certificate, and he shows the second.
        object.__setattr__(phones.bob._around, "identity", Impostor(phones.bob._around.identity, fingerprint))
        ours, theirs = await talk(phones, caller="dtls", callee="dtls")
        assert ours.result is ResultCode.NO_MEDIA_PATH
        assert "certificate" in (ours.error or "")
        assert theirs.received is None or theirs.received.packets == 0
        assert "protection_ended" in names(phones.log)
        media = [entry for entry in phones.log.entries if entry.source == "media"]
        assert not any(entry.party == "alice" for entry in media)


class Impostor:
    """Names one certificate and shows another."""

    def __init__(self, identity: object, fingerprint: object) -> None:
        self.certificate = identity.certificate  # type: ignore[attr-defined]
        self.fingerprint = fingerprint


@pytest.mark.req("KEY-10", "SRTP-4", "DTLS-5")
@pytest.mark.parametrize("choice", ["sdes", "dtls"])
async def test_a_restart_of_ice_keeps_media_protected(choice: SrtpChoice) -> None:
    ours, theirs = account("alice", **OVER_PLAIN), account("bob", **OVER_PLAIN)
    async with pair(alice=ours, bob=theirs) as phones:
        plan = MediaPlan(source=Tone(hz=440), srtp=choice)
        call, ringing = await phones.ring(plan)
        await ringing.accept(MediaPlan(source=Echo(), srtp=choice))
        await call.established()
        assert call._offers is not None
        assert call._media is not None
        descriptions = call._media.descriptions
        problem = await call._offers._propose(descriptions.restart_offer, wanted=lambda: True)
        assert problem == ""
        await asyncio.wait_for(descriptions.path_found(), 10)
        before = call.statistics
        await asyncio.sleep(0.4)
        after = call.statistics
        assert before is not None
        assert after is not None
        assert after.received.packets > before.received.packets + 10
        assert after.received.lost is not None
        # Where the address changes the key does, and may overtake the answer that tells it (RFC 4568 §7.1.4).
        assert after.received.lost <= (3 if choice == "sdes" else 0)
        handshakes = [runner.handshakes for runner in call._media.protection._runners]
        assert handshakes == ([1] if choice == "dtls" else [])
        if choice == "sdes":
            keys = [re.findall(r"inline", body) for body in bodies(phones.log, "alice")]
            assert len(keys) >= 2, "every further offer has keys again"
        call.hang_up()
        assert (await call.ended()).result in (ResultCode.OK, ResultCode.INTERRUPTED)


def test_the_choice_of_a_plan_wins_over_the_account() -> None:
    assert replace(MediaPlan(), srtp="off").srtp == "off"
    assert MediaPlan().srtp is None
    assert account("alice").media.srtp == "auto"


@pytest.mark.req("KEY-11", "KEY-6")
@pytest.mark.parametrize("forked", [True, False])
async def test_after_a_fork_the_phone_that_is_left_gets_a_key_of_its_own(forked: bool) -> None:
    log = EventLog()
    async with (
        media_peer() as peer,
        Phone(account("alice", **OVER_PLAIN), log) as phone,
        media_leg(account_=account("peer", **OVER_PLAIN)) as leg,
    ):
        call = await phone.place(str(peer.uri), MediaPlan(source=Tone(hz=440), srtp="sdes"))
        invite = await peer.receive_request("INVITE")
        if forked:
            peer.answer(invite, 180, tag="a")
        answer = await leg.descriptions.answer(session_of(invite) or b"")
        assert isinstance(answer, bytes)
        peer.answer(invite, 200, ("Content-Type", "application/sdp"), tag="b", body=answer)
        await peer.receive_request("ACK")
        leg.descriptions.answer_sent()
        if forked:
            again = await peer.receive_request("INVITE")
            first, second = (KEY.findall(session_of(each) or b"") for each in (invite, again))
            assert len(first) == len(second) == 4
            assert not set(first) & set(second)
            renewed = await leg.descriptions.answer(session_of(again) or b"")
            assert isinstance(renewed, bytes)
            peer.accept(again, renewed, tag="b")
            await peer.receive_request("ACK")
            leg.descriptions.answer_sent()
        async with asyncio.timeout(10):
            await leg.start()
            await call.established()
            while call.statistics is None or call.statistics.received.packets < 5:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        call.hang_up()
        await peer.finish()
        result = await call.ended()
    assert result.srtp == "AEAD_AES_256_GCM"
    assert sum(entry.name == "offer" for entry in log.entries if entry.source == "sdp") == 1 + forked
