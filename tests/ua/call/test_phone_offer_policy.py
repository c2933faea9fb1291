"""What a phone offers to peers that refuse TCP candidates, ICE, or the size of it, or that say nothing."""

from __future__ import annotations

import dataclasses

import pytest

from ice.types import Transport
from sdp.attributes import ice_attr
from sdp.syntax import parser
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import LOOPBACK, account, changed
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.syntax.message import Request

STAY = MediaPlan(source=Tone(hz=440))


def shown(invite: Request) -> set[Transport]:
    """The transports of the candidates of an offer; empty without ICE."""
    description = parser.parse(invite.body)
    ice = ice_attr.read(description, description.media[0], is_answer=False).description
    return set() if ice is None else {each.transport for each in ice.candidates}


async def refused_and_taken(
    peer: MediaPeer, phone: Phone, status: int, refusals: int
) -> tuple[list[Request], ResultCode]:
    """Call a peer that refuses so many offers and takes the next; the INVITEs, and what became of it."""
    call = await phone.place(str(peer.uri), STAY)
    invites = []
    for _ in range(refusals):
        invite = await peer.receive_request("INVITE")
        invites.append(invite)
        peer.answer(invite, status)
        await peer.receive_request("ACK")
    invite = await peer.receive_request("INVITE")
    invites.append(invite)
    peer.accept(invite, peer.sdp())
    await peer.receive_request("ACK")
    await peer.hear(0)
    call.hang_up()
    await peer.finish()
    return invites, (await call.ended()).result


@pytest.mark.parametrize("status", [415, 488, 513])
async def test_a_refused_offer_is_made_again_without_tcp_and_then_without_ice(status: int) -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        invites, result = await refused_and_taken(peer, phone, status, 2)
        again, _ = await refused_and_taken(peer, phone, status, 0)
    assert [shown(invite) for invite in invites] == [{Transport.UDP, Transport.TCP}, {Transport.UDP}, set()]
    # RFC 3261 §8.1.3.5
    assert len({invite.call_id for invite in invites}) == 1
    assert [invite.cseq.number for invite in invites] == [1, 2, 3]
    assert len({invite.from_.tag for invite in invites}) == 1
    assert result is ResultCode.OK
    # It is remembered: the next call begins with what this peer took.
    assert [shown(invite) for invite in again] == [set()]
    told = [entry.data for entry in log.entries if entry.name == "offer_retried"]
    assert [(each["offered"], each["next"]) for each in told] == [
        ("all candidates", "no TCP candidates"),
        ("no TCP candidates", "no ICE"),
    ]
    assert all(str(status) in each["reason"] for each in told)


async def test_a_busy_phone_is_not_called_again() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        peer.answer(await peer.receive_request("INVITE"), 486)
        await peer.receive_request("ACK")
        assert (await call.ended()).sip_code == 486


async def test_the_last_refusal_is_the_result() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        for _ in range(3):
            peer.answer(await peer.receive_request("INVITE"), 488)
            await peer.receive_request("ACK")
        assert (await call.ended()).sip_code == 488


async def test_who_wants_ice_offers_nothing_without_it() -> None:
    async with media_peer() as peer, Phone(account("alice", ice_required=True), EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        for _ in range(2):
            invite = await peer.receive_request("INVITE")
            assert shown(invite)
            peer.answer(invite, 488)
            await peer.receive_request("ACK")
        assert (await call.ended()).sip_code == 488


async def test_silence_is_met_with_less() -> None:
    """The INVITE may have been lost for its size; nobody waits 32 s for that."""
    impatient = account("alice", silence_ms=200)
    async with media_peer() as peer, Phone(impatient, EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        lost = await peer.receive_request("INVITE")
        smaller = await peer.receive_request("INVITE")
        assert smaller.call_id != lost.call_id
        assert shown(smaller) == {Transport.UDP}
        peer.answer(smaller, 100)
        peer.answer(smaller, 180)
        peer.accept(smaller, peer.sdp())
        await peer.receive_request("ACK")
        # Whoever answers the first one after all is told that it is over.
        peer.answer(lost, 180)
        await peer.receive_request("CANCEL")
        peer.answer(lost, 487)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


async def test_all_ports_zero_in_a_200_end_the_call_with_an_error() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        peer.accept(await peer.receive_request("INVITE"), peer.sdp(port=0))
        await peer.receive_request("ACK")
        await peer.finish()
        result = await call.ended()
    assert result.result is ResultCode.NO_MEDIA_PATH
    assert result.error is not None
    assert "refused every media stream" in str(result.error)


async def test_an_invite_by_udp_leaves_candidates_out_to_be_short() -> None:
    short = account("alice")
    long = changed(short, invite_bytes=0, ice=dataclasses.replace(LOOPBACK, udp=True))
    sizes = {}
    for who in (short, long):
        log = EventLog()
        async with media_peer() as peer, Phone(who, log) as phone:
            call = await phone.place(str(peer.uri), STAY)
            invite = await peer.receive_request("INVITE")
            sizes[who.sip.invite_bytes] = invite.body.count(b"a=candidate")
            sent = next(each for each in log.entries if each.name == "message")
            if who is short:
                assert sent.data["transport"] == "udp"
                assert int(sent.data["size"]) <= 1200
                assert shown(invite) == {Transport.UDP, Transport.TCP}
            peer.answer(invite, 486)
            await peer.receive_request("ACK")
            await call.ended()
    assert sizes[1200] < sizes[0]
