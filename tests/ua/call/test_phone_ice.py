"""Calls with a peer whose ICE a test starts when it likes: late offers, early re-INVITEs, forks."""

from __future__ import annotations

import asyncio

import pytest

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from tests.ua.call.media_legs import STAY, answered, media_leg, next_version
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.errors import NoMediaPath, ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import make_response


@pytest.mark.req("UAS-7")
async def test_ice_runs_where_the_callee_offers_and_the_callee_controls() -> None:
    async with (
        media_peer() as peer,
        Phone(account("bob"), EventLog()) as phone,
        media_leg() as leg,
    ):
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0])
        call = await waiting
        await call.accept(STAY)
        response = await peer.receive_response(200)
        peer.ack(Dialog.of_caller(invite, response), invite, await answered(leg, session_of(response)))
        leg.descriptions.answer_sent()
        await asyncio.gather(leg.start(), call.established())
        call.hang_up()
        await peer.finish()
        result = await call.ended()
    assert result.ice is not None
    assert (result.ice.state, result.ice.role) == ("completed", "controlling")
    summary = leg.ice_summary()
    assert summary is not None
    assert summary.role == "controlled"


def no_way() -> tuple[FirewallPolicy, FirewallNetwork]:
    """A network in which ICE does not complete while nothing passes."""
    policy = FirewallPolicy(udp="blocked", tcp_inbound="blocked")
    return policy, FirewallNetwork(HostNetwork(), policy)


async def test_a_reinvite_before_ice_has_completed_is_answered_and_ice_goes_on() -> None:
    policy, network = no_way()
    async with (
        media_peer() as peer,
        Phone(account("alice"), EventLog(), network=network) as phone,
        media_leg(network=network) as leg,
    ):
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        answer = await answered(leg, session_of(invite))
        dialog = peer.accept(invite, answer)
        await peer.receive_request("ACK")
        early = peer.ask(dialog, "INVITE", next_version(answer))
        while call.state != "connecting":  # noqa: ASYNC110 - the state has no event
            await asyncio.sleep(0)
        refused = await peer.receive_response(491)
        assert refused.cseq == early.cseq
        peer.ack(dialog, early)
        again = peer.ask(dialog, "INVITE", next_version(answer))
        response = await peer.receive_response(200)
        peer.ack(dialog, again)
        body = (session_of(response) or b"").decode()
        assert call.state == "connecting"
        offered = [line for line in (session_of(invite) or b"").decode().split("\r\n") if " 1 " in line]
        assert [line for line in body.split("\r\n") if line.startswith("a=candidate:")] == [
            line for line in offered if line.startswith("a=candidate:")
        ]
        policy.udp = "open"
        leg.descriptions.answer_sent()
        await asyncio.gather(leg.start(), call.established())
        call.hang_up()
        await peer.finish()
        result = await call.ended()
    assert result.result is ResultCode.OK
    assert result.ice is not None
    assert result.ice.state == "completed"


async def test_a_bye_of_the_peer_before_ice_has_completed_ends_the_call() -> None:
    _, network = no_way()
    async with (
        media_peer() as peer,
        Phone(account("alice"), EventLog(), network=network) as phone,
        media_leg(network=network) as leg,
    ):
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        dialog = peer.accept(invite, await answered(leg, session_of(invite)))
        await peer.receive_request("ACK")
        peer.ask(dialog, "BYE")
        assert (await peer.receive_response(200)).cseq.method == "BYE"
        async with asyncio.timeout(2):
            with pytest.raises(NoMediaPath, match="ended before media"):
                await call.established()
            result = await call.ended()
        assert await peer.silent(0.2, "BYE")
    assert result.result is ResultCode.NO_MEDIA_PATH


async def test_hanging_up_before_ice_has_completed_says_bye() -> None:
    _, network = no_way()
    async with (
        media_peer() as peer,
        Phone(account("alice"), EventLog(), network=network) as phone,
        media_leg(network=network) as leg,
    ):
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        peer.accept(invite, await answered(leg, session_of(invite)))
        await peer.receive_request("ACK")
        call.hang_up()
        await peer.finish()
        async with asyncio.timeout(2):
            result = await call.ended()
    assert result.result is ResultCode.INTERRUPTED


@pytest.mark.req("sip.md:OA-8")
async def test_each_fork_answers_the_offer_for_itself_and_the_one_that_takes_the_call_counts() -> None:
    """Three forks answer one offer; each sends RTP and checks before its answer is known here."""
    log = EventLog()
    async with (
        media_peer() as peer,
        Phone(account("alice"), log) as phone,
        media_leg() as first,
        media_leg() as second,
        media_leg() as third,
    ):
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        offer = session_of(invite)
        content = ("Content-Type", "application/sdp")
        bodies = {
            tag: await answered(leg, offer) for tag, leg in zip("abc", (first, second, third), strict=True)
        }
        starting = []
        for leg in (first, second, third):
            leg.descriptions.answer_sent()
            starting.append(asyncio.ensure_future(leg.start()))
        await asyncio.sleep(0.1)
        for tag in "abc":
            peer.answer(invite, 183, content, tag=tag, body=bodies[tag])
        peer.accept(invite, bodies["c"], tag="c")
        await call.established()
        await starting[2]
        async with asyncio.timeout(5):
            while call.statistics is None or call.statistics.received.packets < 10:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.02)
        for leg in (first, second):
            # ICE may have found a path to it; media never took that.
            assert leg.statistics is None or not leg.statistics.received.packets
        call.hang_up()
        bye = await peer.receive_request("BYE")
        peer.send(make_response(bye, 200))
        result = await call.ended()
        for task in starting[:2]:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
    assert bye.to.tag == "c"
    assert result.result is ResultCode.OK
    assert result.ice is not None
    assert result.ice.state == "completed"
