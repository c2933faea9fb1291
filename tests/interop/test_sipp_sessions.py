"""Scenarios of our own for SIPp: reliable responses, UPDATE and session timers."""

from __future__ import annotations

import asyncio

import pytest

from tests.peers.process import Programs, until
from tests.peers.sipp import Sipp, sipp
from tests.ua.sip.phones import ALICE, Phone, phone
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.incoming_offer import IncomingOffer
from ua.sip.invite.leg import Leg
from ua.sip.syntax.body import session_of
from ua.sip.syntax.uri import Uri
from ua.sip.transaction.timers import Timers

pytestmark = pytest.mark.peer("sipp")

FEATURES = ("100rel", "timer")

OURS = b"\r\n".join(
    (
        b"v=0",
        b"o=- 7 1 IN IP4 127.0.0.1",
        b"s=-",
        b"c=IN IP4 127.0.0.1",
        b"t=0 0",
        b"m=audio 40000 RTP/AVP 0",
        b"",
    )
)


async def calls(programs: Programs, name: str, bob: Phone) -> tuple[Sipp, IncomingInvite]:
    """SIPp calls bob."""
    address = bob.endpoint.local_addresses["udp"]
    calling = await sipp(programs, "uac", script=name, target=f"{address.host}:{address.port}", user="bob")
    return calling, await asyncio.wait_for(bob.offered.get(), 15)


async def fulfilled(peer: Sipp) -> None:
    """The scenario ran as it is written."""
    result = await peer.finished(20)
    assert (result.exit_code, result.successful, result.failed) == (0, 1, 0)


async def talk(incoming: IncomingInvite) -> Leg:
    """Take a call of SIPp."""
    leg = incoming.accept(OURS)
    await incoming.acknowledged()
    return leg


@pytest.mark.req("EXT-1", "PRK-2")
async def test_sipp_acknowledges_our_answer_late(programs: Programs) -> None:
    async with phone(timers=Timers(), supported=FEATURES) as bob:
        calling, incoming = await calls(programs, "prack_caller", bob)
        incoming.ring(183, body=OURS)
        leg = incoming.accept()
        await incoming.acknowledged()
        assert bob.count("SIP/2.0 183", repeats=True) >= 2
        assert bob.messages("out").index("SIP/2.0 200 OK") > bob.messages("out").index(
            "SIP/2.0 183 Session Progress"
        )
        assert (await asyncio.wait_for(leg.ended, 15)).by == "remote"
        await fulfilled(calling)


@pytest.mark.req("PRK-1")
async def test_we_acknowledge_the_answer_of_sipp(programs: Programs) -> None:
    async with phone(timers=Timers(), supported=FEATURES) as alice:
        answering = await sipp(programs, "uas", script="prack_callee")
        target = Uri(user="service", host=answering.host, port=answering.port)
        call = alice.endpoint.invite(target, from_=ALICE, body=OURS)
        await asyncio.wait_for(call.answered(), 15)
        heard = [response async for response in call.provisional()]
        assert [response.status for response in heard] == [183, 180]
        assert session_of(heard[0]) is not None
        assert alice.count("PRACK") == 2
        assert call.leg is not None
        await call.leg.bye()
        await fulfilled(answering)


@pytest.mark.req("EXT-2")
async def test_updates_both_ways(programs: Programs) -> None:
    async with phone(timers=Timers(), supported=FEATURES) as bob:
        calling, incoming = await calls(programs, "update_caller", bob)
        offered: asyncio.Queue[IncomingOffer] = asyncio.Queue()
        leg = incoming.leg
        leg.on_update = offered.put_nowait
        await talk(incoming)
        update = await asyncio.wait_for(offered.get(), 15)
        assert b"o=sipp 1 2" in update.offer
        update.accept(OURS)
        assert leg.peer.allows("UPDATE")
        done = await leg.update(OURS)
        assert b"o=sipp 1 2" in done.response.body
        await leg.bye()
        await fulfilled(calling)


@pytest.mark.req("EXT-3", "SES-3")
async def test_we_refresh_the_session_with_sipp(programs: Programs) -> None:
    async with phone(timers=Timers(), supported=FEATURES, min_session_expires=1) as alice:
        answering = await sipp(programs, "uas", script="timer_callee")
        target = Uri(user="service", host=answering.host, port=answering.port)
        call = alice.endpoint.invite(target, from_=ALICE, body=OURS)
        await asyncio.wait_for(call.answered(), 15)
        assert call.leg is not None
        # the INVITE and two refreshes, with time to stand still for a second before the session expires
        await until(lambda: alice.count("SIP/2.0 200", "in") == 3, "both refreshes, of 10 s each", 30)
        assert not call.leg.is_over
        await call.leg.bye()
        await fulfilled(answering)


@pytest.mark.req("EXT-3", "SES-1", "EXT-5")
async def test_sipp_refreshes_once_and_is_given_up(programs: Programs) -> None:
    async with phone(timers=Timers(), supported=FEATURES, min_session_expires=1) as bob:
        calling, incoming = await calls(programs, "timer_caller", bob)
        leg = await talk(incoming)
        assert (await asyncio.wait_for(leg.ended, 15)).reason == "session timer expired"
        await fulfilled(calling)
