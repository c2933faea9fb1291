"""Answers in provisional responses: ICE runs while the phone rings, with every fork (RFC 8839 §7.3)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from tests.bench.early_answer import ms_to_media
from tests.ua.call.media_legs import STAY, answered, media_leg, next_version
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.call.call import Call
from ua.call.media_leg import MediaLeg
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import make_response

CONTENT = ("Content-Type", "application/sdp")


async def heard(call: Call, packets: int = 5) -> None:
    """Wait until the phone has heard something."""
    async with asyncio.timeout(10):
        while call.statistics is None or call.statistics.received.packets < packets:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)


async def completed(leg: MediaLeg) -> None:
    """Wait until a peer has its path, from ICE that it starts now."""
    leg.descriptions.answer_sent()
    async with asyncio.timeout(10):
        await leg.start()


@pytest.mark.req("SDP-ICE-18")
async def test_ice_is_through_with_all_forks_before_one_takes_the_call() -> None:
    log = EventLog()
    async with (
        media_peer() as peer,
        Phone(account("alice"), log) as phone,
        media_leg() as first,
        media_leg() as second,
    ):
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        for tag, leg in (("a", first), ("b", second)):
            answer = await answered(leg, session_of(invite))
            peer.answer(invite, 183, CONTENT, tag=tag, body=answer)
            await completed(leg)
        assert call.state == "ringing"
        assert call.statistics is None
        # The 200 need not say again what the 183 has said (RFC 3261 §13.2.1).
        peer.answer(invite, 200, tag="b")
        ack = await peer.receive_request("ACK")
        await call.established()
        await heard(call)
        assert second.statistics is not None
        assert second.statistics.received.packets
        assert first.statistics is not None
        assert not first.statistics.received.packets
        call.hang_up()
        await peer.finish()
        result = await call.ended()
    assert ack.to.tag == "b"
    assert result.result is ResultCode.OK
    assert result.ice is not None
    assert (result.ice.state, result.ice.role) == ("completed", "controlling")
    selected = [e for e in log.entries if (e.party, e.name) == ("alice", "path_selected")]
    assert len(selected) == 1
    answered_at = next(e.at for e in log.entries if e.name == "state" and e.data["state"] == "connecting")
    assert selected[0].at < answered_at
    (ended,) = (e for e in log.entries if e.name == "fork_ended")
    assert (ended.data["tag"], ended.data["state"]) == ("a", "completed")


async def test_another_fork_that_takes_the_call_too_is_hung_up() -> None:
    async with (
        media_peer() as peer,
        Phone(account("alice"), EventLog()) as phone,
        media_leg() as first,
        media_leg() as second,
    ):
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        answers = {}
        for tag, leg in (("a", first), ("b", second)):
            answers[tag] = await answered(leg, session_of(invite))
            peer.answer(invite, 183, CONTENT, tag=tag, body=answers[tag])
            await completed(leg)
        peer.accept(invite, answers["a"], tag="a")
        await call.established()
        peer.accept(invite, answers["b"], tag="b")
        bye = await peer.receive_request("BYE")
        assert bye.to.tag == "b"
        peer.send(make_response(bye, 200))
        await heard(call)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


async def test_an_answer_that_the_200_changes_is_not_taken() -> None:
    log = EventLog()
    async with (
        media_peer() as peer,
        Phone(account("alice"), log) as phone,
        media_leg() as leg,
    ):
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        answer = await answered(leg, session_of(invite))
        peer.answer(invite, 183, CONTENT, tag="a", body=answer)
        await completed(leg)
        peer.accept(invite, next_version(answer), tag="a")
        await call.established()
        await heard(call)
        call.hang_up()
        await peer.finish()
        await call.ended()
    reasons = [e.data["reason"] for e in log.entries if (e.source, e.name) == ("sdp", "refused")]
    assert reasons == ["the 200 changed the answer of an earlier response"]


@pytest.mark.parametrize("patience_s", [0.3, 30.0])
async def test_a_phone_that_cannot_be_reached_until_it_is_answered_loses_nothing(patience_s: float) -> None:
    """ICE with it fails while it rings, or stands still, and is tried again."""
    alice = account("alice")
    alice = replace(alice, ice=replace(alice.ice, patience_s=patience_s))
    policy = FirewallPolicy(udp="blocked", tcp_inbound="blocked")
    log = EventLog()
    async with (
        media_peer() as peer,
        Phone(alice, log) as phone,
        media_leg() as elsewhere,
        media_leg(network=FirewallNetwork(HostNetwork(), policy)) as leg,
    ):
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        answer = await answered(leg, session_of(invite))
        peer.answer(invite, 183, CONTENT, tag="b", body=await answered(elsewhere, session_of(invite)))
        peer.answer(invite, 183, CONTENT, tag="a", body=answer)
        await asyncio.sleep(1)
        policy.udp = policy.tcp_inbound = "open"
        peer.accept(invite, answer, tag="a")
        await asyncio.gather(completed(leg), call.established())
        await heard(call)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK
    states = {e.data["tag"]: e.data["state"] for e in log.entries if e.name == "fork_ended"}
    assert states.get("a") == ("failed" if patience_s < 1 else None)
    assert "b" in states


async def test_an_early_answer_without_ice_waits_for_the_200() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone, media_leg() as other:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 183, CONTENT, tag="b", body=await answered(other, session_of(invite)))
        peer.answer(invite, 183, CONTENT, tag="a", body=peer.sdp())
        await completed(other)
        assert not peer.packets()
        peer.answer(invite, 200, tag="a")
        await call.established()
        await peer.hear(0)
        call.hang_up()
        await peer.finish()
        result = await call.ended()
    assert result.result is ResultCode.OK


async def test_hanging_up_while_forks_ring_leaves_nothing_open() -> None:
    async with (
        media_peer() as peer,
        Phone(account("alice"), EventLog()) as phone,
        media_leg() as first,
        media_leg() as second,
    ):
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        for tag, leg in (("a", first), ("b", second)):
            peer.answer(invite, 183, CONTENT, tag=tag, body=await answered(leg, session_of(invite)))
        await completed(first)
        call.hang_up()
        cancel = await peer.receive_request("CANCEL")
        peer.send(make_response(cancel, 200))
        peer.answer(invite, 487, tag="a")
        result = await call.ended()
    assert result.result is ResultCode.INTERRUPTED


async def test_what_does_not_parse_is_no_early_answer() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 183, CONTENT, tag="a", body=b"v=1\r\n")
        peer.answer(invite, 180, tag="b")
        peer.accept(invite, peer.sdp(), tag="b")
        await call.established()
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


async def test_media_flows_after_the_200_either_way() -> None:
    """`python -m tests.bench.early_answer` prints how soon."""
    for early in (False, True):
        assert await ms_to_media(early=early) > 0
