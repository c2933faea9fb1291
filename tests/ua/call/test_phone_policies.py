"""Several calls at once, busy, do not disturb, calls that nobody has to answer, phones that share a clock."""

from __future__ import annotations

import asyncio

import pytest

from media.engine import MediaEngine
from tests.ua.peer import media_peer
from tests.ua.phones import account, pair
from ua.config.calls import AutoAnswerPolicy, CallsSettings
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.uri import Uri

STAY = MediaPlan(source=Tone(hz=440))
LISTEN = MediaPlan(source=Echo())


@pytest.mark.req("UAS-10")
async def test_a_second_call_waits_and_a_third_hears_that_we_are_busy() -> None:
    bob = account("bob", calls=CallsSettings(max_calls=2))
    async with pair(bob=bob) as phones, media_peer() as peer:
        first, answered = await phones.ring(STAY)
        await answered.accept(LISTEN)
        await asyncio.gather(first.established(), answered.established())
        second, waiting = await phones.ring(STAY)
        assert (waiting.state, answered.state) == ("ringing", "established")
        third = await phones.alice.place(phones.bob_uri(), STAY)
        assert (await third.ended()).sip_code == 486
        # OPTIONS says what an INVITE would get.
        peer.send(options(phones.bob_uri(), peer.call))
        await peer.receive_response(486)
        # Both calls stand at once, and one ends without the other.
        await waiting.accept(LISTEN)
        await asyncio.gather(second.established(), waiting.established())
        first.hang_up()
        assert (await first.ended()).result is ResultCode.OK
        assert second.state == "established"
        second.hang_up()
        assert (await second.ended()).result is ResultCode.OK


def options(uri: str, call: object) -> Request:
    """OPTIONS as a stranger sends it."""
    peer = getattr(call, "__self__")  # noqa: B009
    target = Uri.parse(uri)
    peer.last = (target.host, target.port or 5060)
    rows = (
        ("Via", f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bKoptions"),
        ("From", "<sip:peer@example.com>;tag=o"),
        ("To", "<sip:bob@example.com>"),
        ("Call-ID", "options"),
        ("CSeq", "1 OPTIONS"),
    )
    return Request(method="OPTIONS", uri=target, headers=Headers.of(*rows))


@pytest.mark.req("UAS-10")
async def test_who_is_not_to_be_disturbed_is_not() -> None:
    async with pair() as phones:
        first, ringing = await phones.ring(STAY)
        ringing.reject(486)
        await first.ended()
        phones.bob.do_not_disturb = True
        second = await phones.alice.place(phones.bob_uri(), STAY)
        assert (await second.ended()).sip_code == 480
        phones.bob.do_not_disturb = False
        third, ringing = await phones.ring(STAY)
        ringing.reject(486)
        assert (await third.ended()).sip_code == 486


@pytest.mark.req("UAS-10")
@pytest.mark.parametrize("policy", ["never", "local"])
async def test_a_stranger_who_asks_to_be_answered_only_rings(policy: AutoAnswerPolicy) -> None:
    bob = account("bob", calls=CallsSettings(auto_answer=policy))
    async with media_peer() as peer, Phone(bob, EventLog()) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        peer.call(phone.addresses[0], peer.sdp(), ("Call-Info", "<sip:x>;answer-after=0"))
        await peer.receive_response(180)
        call = await waiting
        assert call.state == "ringing"
        peer.call(phone.addresses[0], peer.sdp(), ("Answer-Mode", "Auto;require"))
        refused = await peer.receive_response(403)
        assert refused.cseq.method == "INVITE"
        call.reject(486)
        await peer.receive_response(486)


async def test_everybody_is_answered_where_that_is_wanted() -> None:
    log = EventLog()
    bob = account("bob", calls=CallsSettings(auto_answer="always"))
    async with media_peer() as peer, Phone(bob, log) as phone:
        phone.auto_plan = STAY
        invite = peer.call(phone.addresses[0], peer.sdp())
        answer = await peer.receive_response(200)
        dialog = Dialog.of_caller(invite, answer)
        peer.ack(dialog, invite)
        await peer.hear(0)
        bye = peer.ask(dialog, "BYE")
        assert (await peer.receive_response(200)).cseq == bye.cseq
    assert [entry.name for entry in log.entries].count("auto_answered") == 1


async def test_phones_of_several_accounts_share_the_clock_of_media() -> None:
    engine = MediaEngine()
    log = EventLog()
    try:
        async with (
            Phone(account("bob"), log, engine=engine) as bob,
            Phone(account("carol"), log, engine=engine) as carol,
        ):
            waiting = asyncio.ensure_future(anext(bob.incoming()))
            await asyncio.sleep(0)
            call = await carol.place(bob.addresses[0], STAY)
            ringing = await waiting
            await ringing.accept(LISTEN)
            await asyncio.gather(call.established(), ringing.established())
            call.hang_up()
            assert (await call.ended()).result is ResultCode.OK
            await ringing.ended()
    finally:
        await engine.close()
