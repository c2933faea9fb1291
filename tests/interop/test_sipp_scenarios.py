"""Scenarios of SIPp for what rarely happens: forks, lost ACKs, late CANCELs, redirections, glare."""

from __future__ import annotations

import asyncio

import pytest

from tests.peers.process import Programs, until
from tests.peers.sipp import Sipp, SippResult, sipp
from tests.ua.sip.phones import ALICE, phone
from ua.sip.rejection import SipRejected
from ua.sip.syntax.uri import Uri
from ua.sip.transaction.timers import Timers

pytestmark = pytest.mark.peer("sipp")

OFFER = b"v=0\r\no=- 1 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n"
GOOD = SippResult(exit_code=0, successful=1, failed=0)
NO_REPEATS = ("-nr",)
"""SIPp takes an equal message for a repeat and answers it as before; here it goes by its script alone."""

QUICK = Timers(t1=0.1, t2=0.4, t4=0.5)
"""SIPp goes by its own, and takes repeats."""

PATIENT = Timers(t1=3.0, t2=4.0, t4=5.0)
"""No repeats of ours while a machine stands still for a second."""


def uri(answering: Sipp) -> Uri:
    return Uri(user="service", host=answering.host, port=answering.port)


@pytest.mark.req("UAC-11", "TXN-2")
async def test_of_two_phones_that_answer_the_second_is_let_go(programs: Programs) -> None:
    answering = await sipp(programs, "uas", script="forked_answers")
    async with phone(timers=QUICK) as alice:
        call = alice.endpoint.invite(uri(answering), from_=ALICE, body=OFFER)
        await call.answered()
        assert call.leg is not None
        assert str(call.leg.dialog.remote.tag).startswith("one")
        await asyncio.sleep(0.5)
        assert not call.leg.is_over
        await call.leg.bye()
        assert await answering.finished() == GOOD


@pytest.mark.req("TXN-3")
async def test_each_repeated_200_of_sipp_gets_its_ack(programs: Programs) -> None:
    answering = await sipp(programs, "uas", script="lost_ack_of_ours", extra=NO_REPEATS)
    async with phone(timers=PATIENT) as alice:
        call = alice.endpoint.invite(uri(answering), from_=ALICE, body=OFFER)
        await call.answered()
        assert call.leg is not None
        await until(lambda: alice.count("ACK ", repeats=True) == 3, "each has got its own")
        await call.leg.bye()
        assert await answering.finished() == GOOD


@pytest.mark.req("TXN-3", "TXN-15")
async def test_our_200_is_repeated_until_sipp_acknowledges_it(programs: Programs) -> None:
    async with phone(timers=QUICK) as bob:
        address = bob.endpoint.local_addresses["udp"]
        calling = await sipp(programs, "uac", target=str(address), script="lost_ack_to_us", extra=NO_REPEATS)
        incoming = await bob.offered.get()
        leg = incoming.accept(OFFER)
        await incoming.acknowledged()
        assert bob.count("SIP/2.0 200", repeats=True) >= 3
        assert (await leg.ended).by == "remote"
        assert await calling.finished() == GOOD


@pytest.mark.req("TXN-4", "UAC-13")
async def test_our_cancel_crosses_the_200_of_sipp(programs: Programs) -> None:
    answering = await sipp(programs, "uas", script="late_cancel_of_ours")
    async with phone(timers=QUICK) as alice:
        call = alice.endpoint.invite(uri(answering), from_=ALICE, body=OFFER)
        async for _ in call.provisional():
            break
        call.cancel()
        with pytest.raises(SipRejected, match="487"):
            await call.answered()
        assert await answering.finished() == GOOD
        assert call.leg is None


@pytest.mark.req("TXN-18")
async def test_a_cancel_of_sipp_after_our_200_changes_nothing(programs: Programs) -> None:
    async with phone(timers=QUICK) as bob:
        address = bob.endpoint.local_addresses["udp"]
        calling = await sipp(programs, "uac", target=str(address), script="late_cancel_to_us")
        incoming = await bob.offered.get()
        leg = incoming.accept(OFFER)
        await incoming.acknowledged()
        assert not incoming.cancelled.is_set()
        assert (await leg.ended).by == "remote"
        assert await calling.finished() == GOOD


@pytest.mark.req("UAC-8")
async def test_a_302_of_sipp_is_followed(programs: Programs) -> None:
    answering = await sipp(programs, "uas", script="redirect")
    async with phone(timers=QUICK) as alice:
        call = alice.endpoint.invite(uri(answering), from_=ALICE, body=OFFER)
        await call.answered()
        assert call.leg is not None
        await call.leg.bye()
        assert await answering.finished() == GOOD


@pytest.mark.req("DLG-3")
async def test_glare_with_sipp_is_waited_out(programs: Programs) -> None:
    answering = await sipp(programs, "uas", script="glare")
    async with phone(timers=QUICK) as alice:
        call = alice.endpoint.invite(uri(answering), from_=ALICE, body=OFFER)
        await call.answered()
        assert call.leg is not None
        loop = asyncio.get_running_loop()
        started = loop.time()
        done = await call.leg.reinvite(OFFER)
        assert done.response.status == 200
        assert loop.time() - started >= 2.1, "we made the Call-ID (RFC 3261 §14.1)"
        assert alice.count("SIP/2.0 491") == 1
        await call.leg.bye()
        assert await answering.finished() == GOOD
