"""What an endpoint does as a caller, against a peer that a test drives by hand, over UDP."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.peers.process import until
from tests.ua.sip.phones import ALICE, Phone, ScriptedPeer, phone
from ua.registration.bindings import granted_expires
from ua.sip.digest.credentials import Credentials
from ua.sip.errors import SipParseError, SipStateError, SipTimeout, SipUnreachable
from ua.sip.invite.leg import Leg
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.rejection import SipRejected
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri

SECRET = (Credentials(username="alice", password="secret"),)
CHALLENGE = 'Digest realm="example.com", nonce="{nonce}", qop="auth", algorithm=SHA-256'


async def answered_call(
    alice: Phone, peer: ScriptedPeer, *rows: tuple[str, str]
) -> tuple[Leg, Request, OutgoingInvite]:
    """A call that the peer has answered."""
    invite = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
    request = await peer.receive_request("INVITE")
    peer.answer(request, 200, *rows)
    await invite.answered()
    await peer.receive_request("ACK")
    assert invite.leg is not None
    return invite.leg, request, invite


@pytest.mark.req("SIP-7-3", "UAC-1", "UAC-4", "UAC-5", "UAC-6")
async def test_an_invite_has_what_it_must(peer: ScriptedPeer) -> None:
    async with phone(supported=("timer",)) as alice:
        invite = alice.endpoint.invite(
            peer.uri, from_=NameAddr.parse("Alice <sip:alice@example.com:5080;transport=tcp>"), body=b"offer"
        )
        request = await peer.receive_request("INVITE")
        local = alice.endpoint.local_addresses["udp"]
        assert request.via.branch.startswith("z9hG4bK")
        assert request.via.param("rport") == ""
        assert (request.via.host, request.via.port) == (local.host, local.port)
        assert str(request.from_.uri) == "sip:alice@example.com"
        assert request.from_.tag
        assert len(request.from_.tag or "") >= 8
        assert request.to.tag is None
        assert request.max_forwards == 70
        assert request.cseq.number < 2**31
        assert [str(contact.uri) for contact in request.contacts] == [f"sip:phone@{local.host}:{local.port}"]
        assert request.headers.tokens("supported") == {"timer"}
        assert "invite" in request.headers.tokens("allow")
        assert request.content_type == "application/sdp"
        peer.answer(request, 603)
        with pytest.raises(SipRejected, match="603 Decline"):
            await invite.answered()
        ack = await peer.receive_request("ACK")
        assert ack.via == request.via


async def test_a_200_again_gets_no_ack_before_its_offer_is_answered(peer: ScriptedPeer) -> None:
    ready = asyncio.Event()

    async def make_answer(_: Response) -> bytes:
        await ready.wait()
        return b"answer"

    async with phone() as alice:
        alice.endpoint.invite(peer.uri, from_=ALICE, make_answer=make_answer)
        request = await peer.receive_request("INVITE")
        ok = peer.answer(request, 200, ("Content-Type", "application/sdp"), body=b"offer")
        peer.send(ok)
        await until(lambda: alice.count("SIP/2.0 200", "in", repeats=True) == 2, "both have come")
        ready.set()
        assert (await peer.receive_request("ACK")).body == b"answer"


@pytest.mark.req("TXN-3")
async def test_each_repeated_200_gets_the_same_ack(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        request = await peer.receive_request("INVITE")
        ok = peer.answer(request, 200)
        first = await peer.receive_request("ACK")
        peer.send(ok)
        second = await peer.receive_request("ACK", repeats=True)
        assert first == second
        assert first.via.branch != request.via.branch
        assert first.cseq.number == request.cseq.number
        assert first.body == b""
        await invite.answered()


@pytest.mark.req("UAC-11", "TXN-2")
async def test_two_forks_answer_the_second_gets_ack_and_bye(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        request = await peer.receive_request("INVITE")
        peer.answer(request, 180, tag="one")
        peer.answer(request, 183, tag="two")
        peer.answer(request, 200, tag="two")
        assert (await peer.receive_request("ACK")).to.tag == "two"
        peer.answer(request, 200, tag="one")
        assert (await peer.receive_request("ACK")).to.tag == "one"
        bye = await peer.receive_request("BYE")
        assert bye.to.tag == "one"
        peer.answer(bye, 200)
        await invite.answered()
        assert invite.leg is not None
        assert invite.leg.dialog.remote.tag == "two"
        assert not invite.leg.is_over
        assert [response.status async for response in invite.provisional()] == [180, 183]


@pytest.mark.req("UAC-12")
async def test_a_rejection_ends_all_early_dialogs(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        request = await peer.receive_request("INVITE")
        peer.answer(request, 183, tag="one")
        early = peer.answer(request, 183, tag="two")
        peer.answer(request, 603)
        with pytest.raises(SipRejected):
            await invite.answered()
        await peer.receive_request("ACK")
        bye = bye_of_peer(peer, request, early.to)
        peer.send(bye)
        assert (await peer.receive_response(481)).cseq.method == "BYE"


def bye_of_peer(peer: ScriptedPeer, invite: Request, own: NameAddr, number: int = 1) -> Request:
    headers = Headers.of(
        ("Via", f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bKbye{number}"),
        ("From", own),
        ("To", invite.from_),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{number} BYE"),
    )
    return Request(method="BYE", uri=invite.contacts[0].uri, headers=headers)


@pytest.mark.req("DIG-3", "DIG-6", "DIG-4", "UAC-1", "UAC-15", "DIG-9", "DLG-8")
async def test_challenges_of_proxy_and_server_are_both_answered(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer", credentials=SECRET)
        first = await peer.receive_request("INVITE")
        peer.answer(first, 407, ("Proxy-Authenticate", CHALLENGE.format(nonce="p")), tag="challenge")
        await peer.receive_request("ACK")
        second = await peer.receive_request("INVITE")
        assert second.headers.first("proxy-authorization")
        assert second.call_id == first.call_id
        assert second.from_.tag == first.from_.tag
        assert second.to.tag is None
        assert second.cseq.number == first.cseq.number + 1
        assert second.via.branch != first.via.branch
        peer.answer(second, 401, ("WWW-Authenticate", CHALLENGE.format(nonce="w")))
        await peer.receive_request("ACK")
        third = await peer.receive_request("INVITE")
        assert 'nonce="p"' in (third.headers.first("proxy-authorization") or "")
        assert 'nonce="w"' in (third.headers.first("authorization") or "")
        peer.answer(third, 200)
        ack = await peer.receive_request("ACK")
        for name in ("authorization", "proxy-authorization"):
            assert ack.headers.first(name) == third.headers.first(name)
        await invite.answered()
        assert invite.leg is not None
        hangup = asyncio.create_task(invite.leg.bye())
        bye = await peer.receive_request("BYE")
        assert "nc=00000002" in (bye.headers.first("authorization") or "")
        assert bye.cseq.number == third.cseq.number + 1
        peer.answer(bye, 200)
        await hangup
        shown = "".join(entry.text for entry in alice.log)
        assert "response=***" in shown
        assert 'response="' not in shown


@pytest.mark.req("DIG-3", "LIM-5")
async def test_endless_challenges_end(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        series = alice.endpoint.series(target=peer.uri, from_=ALICE, credentials=SECRET)

        async def challenge(stale: str) -> int:
            numbers: set[int] = set()
            asking = asyncio.create_task(series.request("REGISTER", contact=()))
            while True:
                receiving = asyncio.create_task(peer.receive_request("REGISTER"))
                await asyncio.wait({asking, receiving}, return_when=asyncio.FIRST_COMPLETED)
                if asking.done():
                    receiving.cancel()
                    assert asking.result().response.status == 401
                    assert asking.result().auth_problem == "the credentials were refused"
                    return len(numbers)
                request = receiving.result()
                numbers.add(request.cseq.number)  # it may have been repeated meanwhile
                row = CHALLENGE.format(nonce=f"{stale}{request.cseq.number}") + stale
                peer.answer(request, 401, ("WWW-Authenticate", row))

        assert await challenge("") == 2
        assert await challenge(", stale=true") == 4


async def test_no_credentials_is_said(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        peer.answer(
            await peer.receive_request("INVITE"), 401, ("WWW-Authenticate", CHALLENGE.format(nonce="1"))
        )
        with pytest.raises(SipRejected) as caught:
            await invite.answered()
        assert caught.value.sip_code == 401
        assert invite.auth_problem == "no credentials"


@pytest.mark.req("DLG-5", "REG-2", "DLG-8")
async def test_registration_refresh_and_removal(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        series = alice.endpoint.series(target=peer.uri, from_=ALICE, to=ALICE, credentials=SECRET)
        numbers: list[int] = []
        ids: set[str] = set()
        for expires, granted in (("300", 60), ("300", 120), ("0", None)):
            asking = asyncio.create_task(series.request("REGISTER", contact=(("expires", expires),)))
            request = await peer.receive_request("REGISTER")
            assert request.to.uri == request.from_.uri == ALICE.uri
            assert request.contacts[0].param("expires") == expires
            numbers.append(request.cseq.number)
            ids.add(request.call_id)
            others = ("Contact", f"<sip:other@192.0.2.9>;expires=7, <sip:{peer.host}>;expires=8")
            own = ("Contact", f"{request.contacts[0].with_param('expires', str(granted))}")
            rows = [others] if granted is None else [others, own]
            peer.answer(request, 200, *rows, ("Record-Route", "<sip:evil;lr>"))
            done = await asking
            assert granted_expires(done.request, done.response) == granted
        assert numbers == [1, 2, 3]
        assert len(ids) == 1


@pytest.mark.req("DLG-5")
@pytest.mark.parametrize(
    ("contact", "header", "wanted"),
    [(";expires=60", "90", 60), ("", "90", 90), (";expires=soon", "90", 90), ("", "", 3600), ("", "x", 3600)],
)
async def test_granted_time(contact: str, header: str, wanted: int, peer: ScriptedPeer) -> None:
    request = Request(
        method="REGISTER",
        uri=peer.uri,
        headers=Headers.of(("Contact", "<sip:a@192.0.2.1:5060;transport=tcp>;expires=300")),
    )
    rows = [("Contact", f"<sip:a@192.0.2.1:5060;Transport=TCP>{contact}")] + (
        [("Expires", header)] if header else []
    )
    assert granted_expires(request, Response(status=200, headers=Headers.of(*rows))) == wanted


@pytest.mark.req("REG-5")
async def test_423_can_be_read(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        series = alice.endpoint.series(target=peer.uri, from_=ALICE, to=ALICE)
        asking = asyncio.create_task(series.request("REGISTER", contact=(("expires", "10"),)))
        peer.answer(await peer.receive_request("REGISTER"), 423, ("Min-Expires", "300"))
        done = await asking
        assert (done.response.status, done.response.seconds("min-expires")) == (423, 300)


@pytest.mark.req("TXN-8", "TXN-12", "TXN-20")
async def test_a_silent_peer_times_out_after_repeats(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        asking = asyncio.create_task(alice.endpoint.request("OPTIONS", peer.uri, from_=ALICE))
        with pytest.raises(SipTimeout, match="no answer to INVITE from"):
            await invite.answered()
        with pytest.raises(SipTimeout):
            await asking
        # seven by the clock of the timers; a busy machine lets one of them come late
        assert 4 <= alice.count("INVITE", repeats=True) <= 7
        assert alice.count("ACK") == 0
        sent = [entry.text for entry in alice.log if entry.text.startswith("INVITE")]
        assert len(set(sent)) == 1


@pytest.mark.req("DLG-10", "TXN-5", "DLG-4")
@pytest.mark.parametrize("status", [481, 408])
async def test_a_peer_that_forgot_the_call_gets_one_bye(peer: ScriptedPeer, status: int) -> None:
    async with phone() as alice:
        leg, _, _ = await answered_call(alice, peer)
        asking = asyncio.create_task(leg.request("INVITE", body=b"hold"))
        peer.answer(await peer.receive_request("INVITE"), status)
        await peer.receive_request("ACK")
        bye = await peer.receive_request("BYE")
        peer.answer(bye, 481)
        assert (await asking).response.status == status
        assert (await leg.ended).by == "failure"
        await leg.bye()
        assert alice.count("BYE") == 1
        with pytest.raises(SipStateError):
            await leg.request("OPTIONS")


@pytest.mark.req("DLG-10")
async def test_a_bye_that_nobody_answers_ends_the_call_all_the_same(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        leg, _, _ = await answered_call(alice, peer)
        await leg.bye()
        assert (await leg.ended).by == "local"
        assert alice.endpoint.counters["BYE unanswered"] == 1


@pytest.mark.req("DLG-11")
async def test_a_rejected_reinvite_leaves_the_dialog_as_it_was(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        leg, _, _ = await answered_call(alice, peer)
        target = leg.dialog.target
        for status in (488, 491, 500, 606):
            asking = asyncio.create_task(leg.request("INVITE", body=b"hold"))
            peer.answer(await peer.receive_request("INVITE"), status, ("Contact", "<sip:x@192.0.2.99>"))
            await peer.receive_request("ACK")
            assert (await asking).response.status == status
        assert leg.dialog.target == target
        assert not leg.is_over


@pytest.mark.req("DLG-3")
async def test_a_491_is_waited_for_and_tried_once_more(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        peer_calls = asyncio.create_task(_called_by(peer, alice))
        incoming = await alice.offered.get()
        leg = incoming.accept(b"answer")
        await peer_calls
        await incoming.acknowledged()
        asking = asyncio.create_task(leg.reinvite(b"hold"))
        for count in (1, 2):
            request = await peer.receive_request("INVITE")
            assert request.cseq.number == count
            peer.answer(request, 491)
            await peer.receive_request("ACK")
        assert (await asking).response.status == 491
        asking = asyncio.create_task(leg.reinvite(b"hold"))
        peer.answer(await peer.receive_request("INVITE"), 491)
        await leg.bye()
        assert (await asking).response.status == 491
        assert alice.count("INVITE") == 3


async def _called_by(peer: ScriptedPeer, alice: Phone) -> None:
    """The peer calls and acknowledges; so the phone may try again soon after a 491."""
    address = alice.endpoint.local_addresses["udp"]
    headers = Headers.of(
        ("Via", f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bKcall"),
        ("From", "<sip:peer@example.com>;tag=peer"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", "theirs"),
        ("CSeq", "1 INVITE"),
        ("Contact", f"<{peer.uri}>"),
    )
    peer.last = (address.host, address.port)
    invite = Request(method="INVITE", uri=alice.uri(), headers=headers)
    peer.send(invite)
    ok = await peer.receive_response(200)
    rows = headers.with_rows("via", f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bKack")
    rows = rows.with_rows("cseq", "1 ACK").with_rows("to", ok.to)
    peer.send(replace(invite, method="ACK", headers=rows))


async def test_a_repeated_200_to_a_reinvite_gets_the_ack_again(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        leg, _, _ = await answered_call(alice, peer)
        asking = asyncio.create_task(leg.request("INVITE", body=b"hold"))
        request = await peer.receive_request("INVITE")
        ok = peer.answer(request, 200)
        first = await peer.receive_request("ACK")
        await asking
        peer.send(ok)
        assert await peer.receive_request("ACK", repeats=True) == first
        assert first.cseq.number == request.cseq.number


@pytest.mark.req("DLG-1", "DLG-13", "UAC-2", "UAC-3")
async def test_route_sets_and_an_outbound_proxy(peer: ScriptedPeer) -> None:
    proxy = peer.uri.with_param("lr", None)
    async with phone(proxy=proxy) as alice:
        target = Uri.parse("sip:bob@far.invalid")
        invite = alice.endpoint.invite(target, from_=ALICE, body=b"offer")
        request = await peer.receive_request("INVITE")
        assert request.uri == target
        assert request.headers.all("route") == (f"<{proxy}>",)
        record = (f"<sip:far.invalid;lr>, <sip:{peer.host}:{peer.port};lr;ftag=x>",)
        peer.answer(request, 200, ("Record-Route", record[0]), ("Contact", "<sip:bob@phone.invalid:5099>"))
        ack = await peer.receive_request("ACK")
        assert str(ack.uri) == "sip:bob@phone.invalid:5099"
        assert ack.headers.all("route") == (
            f"<sip:{peer.host}:{peer.port};lr;ftag=x>",
            "<sip:far.invalid;lr>",
        )
        await invite.answered()
        assert invite.leg is not None
        hangup = asyncio.create_task(invite.leg.bye())
        bye = await peer.receive_request("BYE")
        assert bye.headers.all("route") == ack.headers.all("route")
        peer.answer(bye, 200)
        await hangup


async def test_a_200_without_usable_contact_is_acknowledged_and_ended(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        request = await peer.receive_request("INVITE")
        peer.answer(request, 200, ("Contact", "<tel:+1>"))
        await peer.receive_request("ACK")
        peer.answer(await peer.receive_request("BYE"), 200)
        with pytest.raises(SipRejected) as caught:
            await invite.answered()
        assert caught.value.sip_code == 502


@pytest.mark.req("UAC-6", "LIM-4")
async def test_responses_that_are_not_ours_change_nothing(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        request = await peer.receive_request("INVITE")
        good = make_response(request, 200, to_tag="x", headers=Headers.of(("Contact", f"<{peer.uri}>")))
        branch = request.via.branch
        for via in (
            f"SIP/2.0/UDP 192.0.2.77:5060;branch={branch}",
            f"SIP/2.0/UDP {request.via.host}:{request.via.port};branch=z9hG4bKx",
        ):
            peer.send(replace(good, headers=good.headers.with_rows("via", via)))
        peer.send(replace(good, headers=good.headers.with_rows("via", request.via, "SIP/2.0/UDP 192.0.2.7")))
        peer.answer(request, 486)
        with pytest.raises(SipRejected) as caught:
            await invite.answered()
        assert caught.value.sip_code == 486
        assert alice.endpoint.counters["refused"] == 3


@pytest.mark.req("UAC-7")
async def test_unusual_status_codes_keep_their_class(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        peer.answer(await peer.receive_request("INVITE"), 299)
        assert (await invite.answered()).status == 299
        await peer.receive_request("ACK")
        for status in (399, 499, 599, 699):
            invite = alice.endpoint.invite(peer.uri, from_=ALICE)
            request = await peer.receive_request("INVITE")
            peer.answer(request, 199)
            peer.answer(request, status)
            with pytest.raises(SipRejected) as caught:
                await invite.answered()
            assert caught.value.sip_code == status
            await peer.receive_request("ACK")


@pytest.mark.req("SIP-7-18")
async def test_a_link_cannot_choose_route_or_method(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        asked = "Subject=project%20x&Route=%3Csip:evil%3E&from=%3Csip:e%40h%3E&Content-Type=a/b&X-Id=7"
        text = f"{peer.uri};x=1?{asked}"
        invite = alice.endpoint.invite(Uri.parse(text), from_=ALICE)
        request = await peer.receive_request("INVITE")
        assert str(request.uri) == f"{peer.uri};x=1"
        assert request.headers.first("subject") == "project x"
        assert request.headers.first("x-id") == "7"
        assert "route" not in request.headers
        assert "content-type" not in request.headers
        assert request.from_.uri == ALICE.uri
        peer.answer(request, 486)
        with pytest.raises(SipRejected):
            await invite.answered()
        for bad in ("sip:b@h;method=BYE", "sip:b@h?Subject=a%0D%0AEvil:%201", "sip:b@h?a%20b=1"):
            with pytest.raises(SipParseError):
                alice.endpoint.invite(Uri.parse(bad), from_=ALICE)


async def test_misuse_raises() -> None:
    async with phone() as alice:
        with pytest.raises(SipStateError):
            await alice.endpoint.request("INVITE", Uri.parse("sip:x@127.0.0.1"), from_=ALICE)
        with pytest.raises(SipUnreachable):
            await alice.endpoint.contact_uri(Uri.parse("tel:+1"))
        uri = await alice.endpoint.contact_uri(Uri.parse("sip:x@127.0.0.1"))
        assert uri.port == alice.endpoint.local_addresses["udp"].port
