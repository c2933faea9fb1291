"""RFC 3665 §3: sessions, with our agent as the one that is called."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.ua.sip.flows.roles import ANSWER, OFFER, ForwardingProxy, ScriptedCaller
from tests.ua.sip.phones import Phone, phone, scripted_peer
from ua.sip.digest.server import DigestServer
from ua.sip.errors import SipTimeout
from ua.sip.invite.incoming import IncomingInvite

SDP = ("Content-Type", "application/sdp")


async def offered(alice: Phone) -> IncomingInvite:
    async with asyncio.timeout(10):
        return await alice.offered.get()


@pytest.mark.req("FLW-1", "UAS-5", "TXN-3")
async def test_3_1_successful_session_establishment() -> None:
    async with phone() as alice, scripted_peer() as socket:
        bob = ScriptedCaller(socket, alice.uri())
        invite = bob.send("INVITE", body=OFFER)
        incoming = await offered(alice)
        incoming.ring()
        ringing = await socket.receive_response(180)
        leg = incoming.accept(ANSWER)
        ok = await bob.answered(invite)
        assert ok.to.tag == ringing.to.tag
        assert ok.body == ANSWER
        bob.send("ACK", number=1)
        await incoming.acknowledged()
        bob.send("BYE", number=2)
        assert (await socket.receive_response(200)).cseq.method == "BYE"
        assert (await leg.ended).by == "remote"


@pytest.mark.req("FLW-1", "DLG-1", "UAS-4")
async def test_3_2_session_establishment_through_two_proxies() -> None:
    async with phone() as alice, scripted_peer() as one, scripted_peer() as two, scripted_peer() as socket:
        near, far = ForwardingProxy(two, alice.uri()), ForwardingProxy(one, two)
        bob = ScriptedCaller(socket, far.socket.uri)
        invite = bob.send("INVITE", body=OFFER)
        await far.pass_request("INVITE")
        await near.pass_request("INVITE")
        incoming = await offered(alice)
        leg = incoming.accept(ANSWER)
        ok = await near.pass_response(200)
        assert [route.uri.port for route in ok.addresses("record-route")] == [two.port, one.port]
        assert len(ok.headers.members("via")) == 3
        await far.pass_response(200)
        ending = asyncio.ensure_future(leg.bye())
        await bob.answered(invite)
        assert alice.count("BYE ") == 0, "the callee waits for the ACK"
        bob.send("ACK", number=1)
        await far.pass_request("ACK")
        await near.pass_request("ACK")
        bye = await near.pass_request("BYE")
        assert [route.uri.port for route in bye.addresses("route")] == [two.port, one.port]
        await far.pass_request("BYE")
        socket.answer(await socket.receive_request("BYE"), 200)
        await far.pass_response(200)
        await near.pass_response(200)
        await ending


@pytest.mark.req("FLW-1", "DIG-5")
async def test_3_3_session_with_authentication_by_the_callee() -> None:
    async with phone() as alice, scripted_peer() as socket:
        alice.endpoint.callers.server = DigestServer(
            realm="home", password_of={"bob": "secret"}.get, key=b"0123456789abcdef"
        )
        alice.endpoint.callers.challenge(lambda request: request.method == "INVITE")
        bob = ScriptedCaller(socket, alice.uri())
        invite = bob.send("INVITE", body=OFFER)
        refusal = await socket.receive_response(401)
        bob.refuse_ack(invite, refusal)
        assert len(refusal.headers.all("www-authenticate")) == 2
        assert alice.offered.empty()


@pytest.mark.req("FLW-1", "TXN-2")
async def test_3_4_a_proxy_that_fails_leaves_one_call() -> None:
    """The INVITE comes again by another proxy: a copy of the running one is refused."""
    async with phone() as alice, scripted_peer() as one, scripted_peer() as two, scripted_peer() as socket:
        bob = ScriptedCaller(socket, alice.uri())
        first, second = ForwardingProxy(one, alice.uri()), ForwardingProxy(two, alice.uri())
        request = bob.request("INVITE", body=OFFER)
        for proxy in (first, second):
            socket.send(request, (proxy.socket.host, proxy.socket.port))
        await first.pass_request("INVITE")
        incoming = await offered(alice)
        incoming.ring()
        await first.pass_response(180)
        await second.pass_request("INVITE")
        assert (await second.pass_response(482)).status == 482
        assert alice.offered.empty()
        incoming.reject(486)


@pytest.mark.req("FLW-1", "TRN-2")
async def test_3_5_session_through_an_alg() -> None:
    """The Via of the gateway is wrong about its address: the answer goes where the request came from."""
    async with phone() as alice, scripted_peer() as socket:
        bob = ScriptedCaller(socket, alice.uri())
        request = bob.request("INVITE", body=OFFER)
        via = str(request.headers.first("via")).replace("127.0.0.1", "192.0.2.77")
        moved = replace(request, headers=request.headers.with_rows("via", via))
        address = alice.endpoint.local_addresses["udp"]
        socket.send(moved, (address.host, address.port))
        (await offered(alice)).reject(486)
        refusal = await socket.receive_response(486)
        assert refusal.via.received == "127.0.0.1"
        assert refusal.via.param("rport") == str(socket.port)


@pytest.mark.req("FLW-1", "UAS-7")
async def test_3_6_sdp_in_the_ack() -> None:
    async with phone() as alice, scripted_peer() as socket:
        bob = ScriptedCaller(socket, alice.uri())
        invite = bob.send("INVITE")
        incoming = await offered(alice)
        incoming.accept(OFFER)
        ok = await bob.answered(invite)
        assert ok.body == OFFER
        bob.send("ACK", SDP, body=ANSWER, number=1)
        assert (await incoming.acknowledged()).body == ANSWER


@pytest.mark.req("FLW-1", "DLG-2", "DLG-14")
async def test_3_7_session_with_reinvite_as_the_callers_address_changes() -> None:
    async with phone() as alice, scripted_peer() as socket, scripted_peer() as moved:
        bob = ScriptedCaller(socket, alice.uri())
        invite = bob.send("INVITE", body=OFFER)
        incoming = await offered(alice)
        leg = incoming.accept(ANSWER)
        leg.on_reinvite = lambda again: again.accept(ANSWER)
        await bob.answered(invite)
        bob.send("ACK", number=1)
        await incoming.acknowledged()
        bob.socket = moved
        again = bob.send("INVITE", body=OFFER.replace(b"5004", b"5006"), number=2)
        await bob.answered(again)
        bob.send("ACK", number=2)
        assert alice.offered.empty(), "a re-INVITE does not ring"
        ending = asyncio.ensure_future(leg.bye())
        moved.answer(await moved.receive_request("BYE"), 200)
        await ending


@pytest.mark.req("FLW-1", "TXN-18")
async def test_3_8_unsuccessful_no_answer() -> None:
    async with phone() as alice, scripted_peer() as socket:
        bob = ScriptedCaller(socket, alice.uri())
        invite = bob.send("INVITE", body=OFFER)
        incoming = await offered(alice)
        incoming.ring()
        await socket.receive_response(180)
        bob.cancel(invite)
        assert (await socket.receive_response(200)).cseq.method == "CANCEL"
        bob.refuse_ack(invite, await socket.receive_response(487))
        assert incoming.cancelled.is_set()
        assert await socket.silent(0.15, "487"), "the ACK ends the repeats"


@pytest.mark.req("FLW-1", "TXN-14")
@pytest.mark.parametrize(("status", "name"), [(486, "3_9_busy"), (480, "3_11_temporarily_unavailable")])
async def test_3_9_and_3_11_unsuccessful(status: int, name: str) -> None:
    async with phone() as alice, scripted_peer() as socket:
        bob = ScriptedCaller(socket, alice.uri())
        invite = bob.send("INVITE", body=OFFER)
        (await offered(alice)).reject(status)
        refusal = await socket.receive_response(status)
        assert await socket.receive_response(status) == refusal, f"{name}: it is repeated"
        bob.refuse_ack(invite, refusal)
        assert await socket.silent(0.25, str(status))


@pytest.mark.req("FLW-1", "UAS-8", "TXN-3")
async def test_3_10_the_caller_is_gone_after_our_answer() -> None:
    async with phone() as alice, scripted_peer() as socket:
        bob = ScriptedCaller(socket, alice.uri())
        bob.send("INVITE", body=OFFER)
        incoming = await offered(alice)
        leg = incoming.accept(ANSWER)
        with pytest.raises(SipTimeout):
            await incoming.acknowledged()
        bye = await socket.receive_request("BYE")
        assert bye.cseq.number >= 1
        socket.answer(bye, 200)
        assert (await leg.ended).reason == "no ACK"
