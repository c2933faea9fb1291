"""RFC 3665 §3: sessions, with our agent as the caller."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.ua.sip.flows.roles import ALICE, ALICE_ADDRESS, ANSWER, OFFER, ForwardingProxy, challenge
from tests.ua.sip.phones import ScriptedPeer, phone, scripted_peer
from ua.sip.errors import SipTimeout
from ua.sip.rejection import SipRejected
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.uri import Uri


def at(proxy: ScriptedPeer) -> Uri:
    return Uri(host=proxy.host, port=proxy.port, params=(("lr", None),))


def bye(callee: ScriptedPeer, invite: Request, tag: str = "peer", number: int = 1) -> None:
    """The callee hangs up, towards the caller."""
    headers = Headers.of(
        ("Via", f"SIP/2.0/UDP {callee.host}:{callee.port};branch=z9hG4bKbye{number};rport"),
        ("From", invite.to.with_tag(tag)),
        ("To", invite.from_),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{number} BYE"),
        ("Max-Forwards", "70"),
    )
    uri = invite.contacts[0].uri
    callee.send(
        replace(invite, method="BYE", uri=uri, headers=headers, body=b""), (uri.host, uri.port or 5060)
    )


@pytest.mark.req("FLW-1", "UAC-1", "TXN-3")
async def test_3_1_successful_session_establishment() -> None:
    async with phone() as alice, scripted_peer() as bob:
        call = alice.endpoint.invite(bob.uri, from_=ALICE_ADDRESS, body=OFFER)
        invite = await bob.receive_request("INVITE")
        bob.answer(invite, 180)
        bob.answer(invite, 200, ("Content-Type", "application/sdp"), body=ANSWER)
        assert (await call.answered()).body == ANSWER
        assert (await bob.receive_request("ACK")).body == b""
        assert call.leg is not None
        bye(bob, invite)
        await bob.receive_response(200)
        assert (await call.leg.ended).by == "remote"


@pytest.mark.req("FLW-1", "UAC-2", "DLG-1", "DIG-9", "DIG-4")
async def test_3_2_session_establishment_through_two_proxies() -> None:
    async with phone() as bob, scripted_peer() as one, scripted_peer() as two, phone(proxy=at(one)) as alice:
        first, second = ForwardingProxy(one, two), ForwardingProxy(two, bob.uri())
        call = alice.endpoint.invite(
            Uri.parse("sip:bob@127.0.0.1"), from_=ALICE_ADDRESS, body=OFFER, credentials=ALICE
        )
        refused = await one.receive_request("INVITE")
        one.answer(refused, 407, ("Proxy-Authenticate", challenge("atlanta.example.com")))
        await one.receive_request("ACK")
        invite = await first.pass_request("INVITE")
        assert "proxy-authorization" in invite.headers
        await second.pass_request("INVITE")
        incoming = await bob.offered.get()
        incoming.ring()
        await second.pass_response(180)
        await first.pass_response(180)
        leg = incoming.accept(ANSWER)
        await second.pass_response(200)
        await first.pass_response(200)
        await call.answered()
        ack = await first.pass_request("ACK")
        assert "proxy-authorization" in ack.headers, "the ACK repeats the credentials"
        assert [route.uri.port for route in ack.addresses("route")] == [one.port, two.port]
        await second.pass_request("ACK")
        await incoming.acknowledged()
        ending = asyncio.ensure_future(leg.bye())
        await second.pass_request("BYE")
        await first.pass_request("BYE")
        await first.pass_response(200)
        await second.pass_response(200)
        await ending
        assert call.leg is not None
        assert call.leg.is_over


@pytest.mark.req("FLW-1", "DIG-1", "DIG-9", "UAC-1")
async def test_3_3_session_with_multiple_proxy_authentication() -> None:
    async with (
        scripted_peer() as bob,
        scripted_peer() as one,
        scripted_peer() as two,
        phone(proxy=at(one)) as alice,
    ):
        first, second = ForwardingProxy(one, two), ForwardingProxy(two, bob)
        call = alice.endpoint.invite(
            Uri.parse("sip:bob@127.0.0.1"), from_=ALICE_ADDRESS, body=OFFER, credentials=ALICE
        )
        one.answer(
            await one.receive_request("INVITE"), 407, ("Proxy-Authenticate", challenge("atlanta.example.com"))
        )
        await one.receive_request("ACK")
        await first.pass_request("INVITE", record=False)
        two.answer(
            await two.receive_request("INVITE"), 407, ("Proxy-Authenticate", challenge("biloxi.example.com"))
        )
        await first.pass_response(407)
        await one.receive_request("ACK")
        last = await first.pass_request("INVITE")
        realms = [row.split('realm="')[1].split('"')[0] for row in last.headers.all("proxy-authorization")]
        assert realms == ["atlanta.example.com", "biloxi.example.com"]
        assert last.cseq.number == 3
        await second.pass_request("INVITE")
        bob.answer(await bob.receive_request("INVITE"), 200, *recorded(second, first))
        await second.pass_response(200)
        await first.pass_response(200)
        await call.answered()
        assert len((await first.pass_request("ACK")).headers.all("proxy-authorization")) == 2


def recorded(*proxies: ForwardingProxy) -> list[tuple[str, str]]:
    """Record-Route as the callee returns it: the nearest proxy first."""
    return [("Record-Route", proxy.route) for proxy in proxies]


@pytest.mark.req("FLW-1")
async def test_3_4_successful_session_with_proxy_failure() -> None:
    """The first proxy is dead; another way is tried by hand of the user: the first call fails in time."""
    async with scripted_peer() as dead, scripted_peer() as alive, scripted_peer() as bob:
        async with phone(proxy=at(dead)) as alice:
            failing = alice.endpoint.invite(Uri.parse("sip:bob@127.0.0.1"), from_=ALICE_ADDRESS, body=OFFER)
            await dead.receive_request("INVITE")
            with pytest.raises(SipTimeout):
                await failing.answered()
        async with phone(proxy=at(alive)) as alice:
            second = ForwardingProxy(alive, bob)
            call = alice.endpoint.invite(Uri.parse("sip:bob@127.0.0.1"), from_=ALICE_ADDRESS, body=OFFER)
            await second.pass_request("INVITE")
            bob.answer(await bob.receive_request("INVITE"), 200, *recorded(second))
            await second.pass_response(200)
            await call.answered()
            await second.pass_request("ACK")


@pytest.mark.req("FLW-1", "TRN-2")
async def test_3_5_session_through_an_alg() -> None:
    """An application level gateway changes addresses in Contact and SDP: we send to what it says."""
    async with scripted_peer() as gateway, scripted_peer() as bob, phone() as alice:
        call = alice.endpoint.invite(gateway.uri, from_=ALICE_ADDRESS, body=OFFER)
        invite = await gateway.receive_request("INVITE")
        assert invite.via.param("rport") is not None
        gateway.answer(invite, 200, ("Contact", f"<{bob.uri}>"), body=ANSWER)
        await call.answered()
        ack = await bob.receive_request("ACK")
        assert ack.uri == bob.uri


@pytest.mark.req("FLW-1", "UAC-8", "UAC-15", "UAS-7")
async def test_3_6_redirect_and_proxy_with_sdp_in_the_ack() -> None:
    async with (
        scripted_peer() as redirector,
        scripted_peer() as proxy,
        scripted_peer() as bob,
        phone() as alice,
    ):
        call = alice.endpoint.invite(redirector.uri, from_=ALICE_ADDRESS, make_answer=lambda _: ANSWER)
        invite = await redirector.receive_request("INVITE")
        assert invite.body == b""
        redirector.answer(invite, 302, ("Contact", f"<{proxy.uri}>"))
        await redirector.receive_request("ACK")
        way = ForwardingProxy(proxy, bob)
        assert (await way.pass_request("INVITE")).cseq.number == invite.cseq.number + 1
        there = await bob.receive_request("INVITE")
        bob.answer(there, 200, *recorded(way), ("Content-Type", "application/sdp"), body=OFFER)
        await way.pass_response(200)
        await call.answered()
        ack = await way.pass_request("ACK")
        assert ack.body == ANSWER
        assert ack.content_type == "application/sdp"


@pytest.mark.req("FLW-1", "DLG-2", "OA-5")
async def test_3_7_session_with_reinvite_as_the_peers_address_changes() -> None:
    async with scripted_peer() as bob, scripted_peer() as moved, phone() as alice:
        call = alice.endpoint.invite(bob.uri, from_=ALICE_ADDRESS, body=OFFER)
        invite = await bob.receive_request("INVITE")
        bob.answer(invite, 200, body=ANSWER)
        await call.answered()
        await bob.receive_request("ACK")
        assert call.leg is not None
        call.leg.on_reinvite = lambda again: again.accept(ANSWER)
        changing = asyncio.ensure_future(call.leg.reinvite(OFFER.replace(b"5004", b"5006")))
        again = await bob.receive_request("INVITE")
        assert again.cseq.number == invite.cseq.number + 1
        bob.answer(again, 200, ("Contact", f"<{moved.uri}>"), body=ANSWER)
        assert (await changing).response.status == 200
        assert (await moved.receive_request("ACK")).uri == moved.uri
        ending = asyncio.ensure_future(call.leg.bye())
        moved.answer(await moved.receive_request("BYE"), 200)
        await ending


@pytest.mark.req("FLW-1", "TXN-4", "UAC-13")
async def test_3_8_unsuccessful_no_answer() -> None:
    async with scripted_peer() as bob, phone() as alice:
        call = alice.endpoint.invite(bob.uri, from_=ALICE_ADDRESS, body=OFFER)
        invite = await bob.receive_request("INVITE")
        bob.answer(invite, 180)
        async for _ in call.provisional():
            break
        call.cancel()
        cancel = await bob.receive_request("CANCEL")
        assert cancel.via == invite.via
        bob.answer(cancel, 200)
        bob.answer(invite, 487)
        await bob.receive_request("ACK")
        with pytest.raises(SipRejected, match="487"):
            await call.answered()


@pytest.mark.req("FLW-1", "UAC-12")
@pytest.mark.parametrize(
    ("status", "name"), [(486, "3_9_busy"), (480, "3_11_temporarily_unavailable"), (600, "busy_everywhere")]
)
async def test_3_9_and_3_11_unsuccessful(status: int, name: str) -> None:
    async with scripted_peer() as bob, phone() as alice:
        call = alice.endpoint.invite(bob.uri, from_=ALICE_ADDRESS, body=OFFER)
        invite = await bob.receive_request("INVITE")
        bob.answer(invite, 100)
        bob.answer(invite, status, ("Retry-After", 120))
        ack = await bob.receive_request("ACK")
        assert ack.via == invite.via, name
        with pytest.raises(SipRejected) as refusal:
            await call.answered()
        assert (refusal.value.sip_code, refusal.value.retry_after_s) == (status, 120)


@pytest.mark.req("FLW-1", "TXN-8")
async def test_3_10_unsuccessful_no_response_from_the_user_agent() -> None:
    async with scripted_peer() as bob, phone() as alice:
        call = alice.endpoint.invite(bob.uri, from_=ALICE_ADDRESS, body=OFFER)
        invite = await bob.receive_request("INVITE")
        assert await bob.receive_request("INVITE", repeats=True) == invite, "it is repeated as it was"
        with pytest.raises(SipTimeout):
            await call.answered()
        assert await bob.silent(0.1, "CANCEL"), "nobody to cancel"


G729 = (
    OFFER.replace(b"RTP/AVP 0\r\n", b"RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n")
    + b"m=video 6000 RTP/AVP 31\r\n"
)


@pytest.mark.req("UAC-14")
@pytest.mark.parametrize("slow", [False, True])
async def test_an_unacceptable_offer_in_the_200_is_answered_with_zero_ports_and_ended(slow: bool) -> None:
    async def none_slowly(_: object) -> bytes:
        await asyncio.sleep(0.01)
        return b""

    async with scripted_peer() as bob, phone() as alice:
        make_answer = none_slowly if slow else lambda _: b""
        call = alice.endpoint.invite(bob.uri, from_=ALICE_ADDRESS, make_answer=make_answer)
        invite = await bob.receive_request("INVITE")
        bob.answer(invite, 200, ("Content-Type", "application/sdp"), body=G729)
        ack = await bob.receive_request("ACK")
        lines = ack.body.decode().splitlines()
        assert [line for line in lines if line.startswith("m=")] == [
            "m=audio 0 RTP/AVP 18",
            "m=video 0 RTP/AVP 31",
        ]
        assert ack.content_type == "application/sdp"
        bob.answer(await bob.receive_request("BYE"), 200)
        await call.answered()
        assert call.leg is not None
        end = await call.leg.ended
        assert (end.by, end.reason) == ("local", "the offer is not acceptable")


@pytest.mark.req("UAC-14", "UAC-11")
async def test_an_offer_of_a_second_phone_that_answers_is_answered_too() -> None:
    async with scripted_peer() as bob, phone() as alice:
        alice.endpoint.invite(bob.uri, from_=ALICE_ADDRESS, make_answer=lambda _: ANSWER)
        invite = await bob.receive_request("INVITE")
        sdp = ("Content-Type", "application/sdp")
        bob.answer(invite, 200, sdp, tag="one", body=OFFER)
        assert (await bob.receive_request("ACK")).body == ANSWER
        bob.answer(invite, 200, sdp, tag="two", body=OFFER)
        second = await bob.receive_request("ACK")
        assert b"m=audio 0 RTP/AVP 0" in second.body
        assert (await bob.receive_request("BYE")).to.tag == "two"
