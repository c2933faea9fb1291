"""Reliable provisional responses as a caller gets them, from a peer that a test drives by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.ua.peer import MediaPeer, media_peer
from tests.ua.sip.phones import ALICE, Phone, phone
from ua.sip.invite.leg import Leg
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.rejection import SipRejected
from ua.sip.syntax.message import Request, Response
from ua.sip.transaction.timers import Timers

SDP = ("Content-Type", "application/sdp")


@pytest.fixture
async def peer() -> AsyncIterator[MediaPeer]:
    async with media_peer() as scripted:
        yield scripted


def ring(
    peer: MediaPeer,
    invite: Request,
    rseq: int,
    *,
    status: int = 183,
    tag: str = "peer",
    body: bytes = b"",
    allow: str = "INVITE, ACK, BYE, CANCEL, PRACK, UPDATE",
) -> Response:
    rows = [("Require", "100rel"), ("RSeq", str(rseq)), ("Allow", allow), *([SDP] if body else [])]
    return peer.answer(invite, status, *rows, tag=tag, body=body)


async def statuses(invite: OutgoingInvite, count: int) -> list[int]:
    """The next provisional responses that the user hears of."""
    found: list[int] = []
    async with asyncio.timeout(10):
        async for response in invite.provisional():
            found.append(response.status)
            if len(found) == count:
                break
    return found


@pytest.mark.req("PRK-1", "EXT-1", "DLG-8", "UAC-5")
async def test_each_reliable_response_gets_one_prack(peer: MediaPeer) -> None:
    async with phone(timers=Timers(), supported=("100rel", "timer")) as alice:
        call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        invite = await peer.receive_request("INVITE")
        assert "100rel" in invite.headers.tokens("supported")
        assert {"PRACK", "UPDATE"} <= {each.upper() for each in invite.headers.tokens("allow")}
        peer.answer(invite, 100, ("Require", "100rel"), ("RSeq", "1"))
        ring(peer, invite, 5, body=b"answer")
        prack = await peer.receive_request("PRACK")
        assert prack.headers.first("rack") == f"5 {invite.cseq.number} INVITE"
        assert prack.cseq.number == invite.cseq.number + 1
        assert (prack.to.tag, prack.from_.tag) == ("peer", invite.from_.tag)
        assert "timer" in prack.headers.tokens("supported")
        assert prack.body == b""
        peer.answer(prack, 200)
        ring(peer, invite, 7, status=182)  # 6 is missing: not acknowledged, not used
        ring(peer, invite, 5, body=b"answer")  # a repeat
        assert await peer.silent(0.15, "PRACK")
        ring(peer, invite, 6, status=181)
        second = await peer.receive_request("PRACK")
        assert second.headers.first("rack") == f"6 {invite.cseq.number} INVITE"
        assert second.cseq.number == prack.cseq.number + 1
        peer.answer(second, 200)
        assert await statuses(call, 2) == [183, 181]
        assert alice.endpoint.counters["reliable 1xx early"] == 1
        assert alice.endpoint.counters["reliable 1xx repeated"] == 1
        peer.answer(invite, 200)
        await call.answered()
        assert (await peer.receive_request("ACK")).body == b""


@pytest.mark.req("PRK-1", "OA-8")
async def test_two_forks_with_equal_numbers(peer: MediaPeer) -> None:
    async with phone(timers=Timers(), supported=("100rel",)) as alice:
        call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        legs: list[Leg] = []
        call.on_early = legs.append
        invite = await peer.receive_request("INVITE")
        for tag in ("one", "two"):
            ring(peer, invite, 9, tag=tag, body=tag.encode())
            prack = await peer.receive_request("PRACK")
            assert (prack.to.tag, prack.headers.first("rack")) == (tag, f"9 {invite.cseq.number} INVITE")
            peer.answer(prack, 200)
        ring(peer, invite, 3, tag="three")
        third = await peer.receive_request("PRACK")
        assert third.to.tag == "three"
        peer.answer(third, 200)
        assert [leg.descriptions.established for leg in legs] == [True, True, False]
        peer.answer(invite, 200, SDP, tag="three", body=b"three")
        response = await call.answered()
        assert response.body == b"three"
        assert call.leg is legs[2]
        assert call.leg.descriptions.established


@pytest.mark.req("PRK-1")
async def test_a_lost_prack_is_repeated_by_its_transaction_alone(peer: MediaPeer) -> None:
    async with phone(supported=("100rel",)) as alice:
        call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        invite = await peer.receive_request("INVITE")
        ring(peer, invite, 1)
        first = await peer.receive_request("PRACK")
        ring(peer, invite, 1)
        again = await peer.receive_request("PRACK", repeats=True)
        assert (again.via.branch, again.cseq) == (first.via.branch, first.cseq)
        peer.answer(again, 200)
        peer.answer(invite, 486)
        with pytest.raises(SipRejected):
            await call.answered()


@pytest.mark.req("PRK-2", "UAC-15", "OA-1")
@pytest.mark.parametrize("slow", [False, True])
async def test_an_offer_in_a_183_is_answered_in_the_prack(peer: MediaPeer, slow: bool) -> None:
    async def make_slowly(response: Response) -> bytes:
        await asyncio.sleep(0.01)
        return b"answer to " + response.body

    def make(response: Response) -> bytes:
        return b"answer to " + response.body

    async with phone(timers=Timers(), supported=("100rel",)) as alice:
        call = alice.endpoint.invite(peer.uri, from_=ALICE, make_answer=make_slowly if slow else make)
        invite = await peer.receive_request("INVITE")
        ring(peer, invite, 1, body=b"offer")
        prack = await peer.receive_request("PRACK")
        assert prack.body == b"answer to offer"
        peer.answer(prack, 200)
        peer.answer(invite, 200)
        await call.answered()
        assert (await peer.receive_request("ACK")).body == b""


async def test_an_offer_in_the_200_is_answered_in_the_ack(peer: MediaPeer) -> None:
    async def make(response: Response) -> bytes:
        return b"answer to " + response.body

    async with phone(timers=Timers(), supported=("100rel",)) as alice:
        call = alice.endpoint.invite(peer.uri, from_=ALICE, make_answer=make)
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 200, SDP, body=b"offer")
        await call.answered()
        assert (await peer.receive_request("ACK")).body == b"answer to offer"


@pytest.mark.req("OA-1", "sdp.md:OA-30")
@pytest.mark.parametrize("status", [200, 488])
async def test_a_new_offer_in_the_prack(peer: MediaPeer, status: int) -> None:
    answers: list[bytes | None] = []

    def begin(leg: Leg) -> None:
        leg.make_prack_offer = lambda response: b"second offer" if response.body else b""
        leg.on_prack_answer = answers.append

    async with phone(timers=Timers(), supported=("100rel",)) as alice:
        call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        call.on_early = begin
        invite = await peer.receive_request("INVITE")
        ring(peer, invite, 1, status=180)  # holds no answer: its PRACK may not offer
        first = await peer.receive_request("PRACK")
        assert first.body == b""
        peer.answer(first, 200)
        ring(peer, invite, 2, body=b"answer")
        prack = await peer.receive_request("PRACK")
        assert prack.body == b"second offer"
        peer.answer(
            prack, status, *([SDP] if status == 200 else []), body=b"second answer"[: 13 * (status == 200)]
        )
        peer.answer(invite, 200)
        await call.answered()
        assert answers == [b"second answer" if status == 200 else None]


async def call_that_rings(
    alice: Phone, peer: MediaPeer, **options: str
) -> tuple[OutgoingInvite, Request, Leg]:
    """A call with an answer in a reliable 183, and its leg."""
    legs: list[Leg] = []
    call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
    call.on_early = legs.append
    invite = await peer.receive_request("INVITE")
    ring(peer, invite, 1, body=b"answer")
    peer.answer(await peer.receive_request("PRACK"), 200)
    await asyncio.sleep(0.02)
    return call, invite, legs[0]


@pytest.mark.req("EXT-2", "DLG-8")
async def test_updates_before_the_call_is_answered(peer: MediaPeer) -> None:
    async with phone(timers=Timers(), supported=("100rel",)) as alice:
        call, invite, leg = await call_that_rings(alice, peer)
        asking = asyncio.create_task(leg.update(b"hold"))
        update = await peer.receive_request("UPDATE")
        assert update.body == b"hold"
        assert len(update.contacts) == 1
        peer.answer(update, 200, SDP, ("Contact", f"<{peer.uri}>"), body=b"held")
        assert (await asking).response.body == b"held"
        peer.answer(invite, 200)
        await call.answered()
        assert call.leg is leg


@pytest.mark.req("PRK-1")
async def test_a_prack_that_is_not_known_does_not_end_the_call(peer: MediaPeer) -> None:
    async with phone(timers=Timers(), supported=("100rel",)) as alice:
        call = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        invite = await peer.receive_request("INVITE")
        ring(peer, invite, 1)
        peer.answer(await peer.receive_request("PRACK"), 481)
        peer.answer(invite, 200, SDP, body=b"answer")
        await call.answered()
        assert call.leg is not None
        assert not call.leg.is_over
