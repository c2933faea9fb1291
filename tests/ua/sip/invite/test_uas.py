"""What an endpoint answers to a peer that a test drives by hand, over UDP."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.ua.sip.phones import Phone, ScriptedPeer, phone
from tests.ua.sip.vectors import vector
from ua.sip.dialog import Dialog
from ua.sip.errors import SipStateError, SipTimeout
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.wire_format import serialise
from ua.sip.transaction.machine import make_cancel
from ua.sip.transaction.timers import Timers


def ask(
    peer: ScriptedPeer,
    bob: Phone,
    method: str = "INVITE",
    *rows: tuple[str, str],
    body: bytes = b"",
    number: int = 1,
    call_id: str = "call",
) -> Request:
    """A request to bob; sent as well."""
    content = [("Content-Type", "application/sdp")] if body else []
    headers = Headers.of(
        ("Via", f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bK{method}{number}{call_id}"),
        ("From", "<sip:peer@example.com>;tag=peer"),
        ("To", "<sip:bob@example.com>"),
        ("Call-ID", call_id),
        ("CSeq", f"{number} {method}"),
        ("Contact", f"<{peer.uri}>"),
        *content,
    )
    for name, value in rows:
        headers = headers.with_rows(name, *([value] if value else []))
    request = Request(method=method, uri=bob.uri(), headers=headers, body=body)
    address = bob.endpoint.local_addresses["udp"]
    peer.last = (address.host, address.port)
    peer.send(request)
    return request


def inside(
    peer: ScriptedPeer, dialog: Dialog, method: str, number: int, *rows: tuple[str, str], body: bytes = b""
) -> Request:
    """A request of the peer inside a dialog that bob sees from his side; sent as well."""
    content = [("Content-Type", "application/sdp")] if body else []
    headers = Headers.of(
        ("Via", f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bKin{method}{number}"),
        ("From", dialog.remote),
        ("To", dialog.local),
        ("Call-ID", dialog.call_id),
        ("CSeq", f"{number} {method}"),
        ("Contact", f"<{peer.uri}>"),
        *content,
        *rows,
    )
    request = Request(method=method, uri=Uri.parse("sip:bob@127.0.0.1"), headers=headers, body=body)
    peer.send(request)
    return request


async def confirmed(peer: ScriptedPeer, bob: Phone) -> IncomingInvite:
    """A call from the peer that bob has accepted."""
    ask(peer, bob, body=b"offer")
    incoming = await bob.offered.get()
    incoming.accept(b"answer")
    await peer.receive_response(200)
    inside(peer, incoming.leg.dialog, "ACK", 1)
    await incoming.acknowledged()
    return incoming


REJECTED = [
    ("unkscm", 416),
    ("novelsc", 416),
    ("unksm2", 405),
    ("bext01", 420),
    ("invut", 415),
    ("regaut01", 405),
    ("multi01", 400),
    ("mcl01", 400),
    ("zeromf", 200),
    ("cparam01", 405),
    ("cparam02", 405),
    ("regescrt", 405),
    ("sdp01", 406),
    ("lwsdisp", 200),
    ("semiuri", 200),
    ("transports", 200),
    ("dblreq", 405),
    ("escnull", 405),
    ("intmeth", 501),
    ("esc02", 501),
    ("badvers", 505),
    ("mismatch01", 400),
    ("mismatch02", 400),
    ("ncl", 400),
    ("clerr", 400),
    ("insuf", 400),
    ("scalar02", 400),
    ("quotbal", 400),
    ("badinv01", 400),
    ("mpart01", 405),
]


@pytest.mark.req("SIP-7-6", "UAS-11", "TOR-1", "UAS-2")
@pytest.mark.parametrize(("name", "status"), REJECTED)
async def test_torture_messages_get_their_answer(name: str, status: int) -> None:
    """The messages are made to come from us: otherwise the answers would go to example addresses."""
    async with phone(host="127.0.0.1") as bob:
        sender = ScriptedPeer()
        address = bob.endpoint.local_addresses["udp"]
        data = vector(f"rfc4475/{name}")
        sender.send(data, (address.host, address.port))
        await asyncio.sleep(0.05)
        sent = [line for line in bob.messages("out") if line.startswith("SIP/2.0")]
        assert [line.split()[1] for line in sent][:1] == [str(status)]
        out = next(entry.text for entry in bob.log if entry.direction == "out")
        if status == 420:
            assert "Unsupported: nothingSupportsThis, nothingSupportsThisEither" in out
        if status in (405, 501):
            assert "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS" in out
        if status == 415:
            assert "Accept: application/sdp" in out
        sender.close()


@pytest.mark.parametrize("name", ["bcast", "unreason", "noreason", "bigcode", "scalarlg", "test"])
async def test_torture_messages_that_get_no_answer(name: str) -> None:
    async with phone() as bob:
        sender = ScriptedPeer()
        address = bob.endpoint.local_addresses["udp"]
        sender.send(vector(f"rfc4475/{name}"), (address.host, address.port))
        await asyncio.sleep(0.05)
        assert bob.messages("out") == []
        assert len(bob.refusals()) == 1
        assert bob.endpoint.counters["refused"] == 1
        sender.close()


async def test_an_old_peer_is_called_up(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        address = bob.endpoint.local_addresses["udp"]
        peer.send(vector("rfc4475/inv2543"), (address.host, address.port))
        incoming = await bob.offered.get()
        assert len(incoming.request.body) > 0
        incoming.reject(486)


@pytest.mark.req("TXN-3", "UAS-8")
async def test_a_200_is_repeated_until_the_ack_and_bye_waits_for_it(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        ask(peer, bob, body=b"offer")
        incoming = await bob.offered.get()
        leg = incoming.accept(b"answer")
        hangup = asyncio.create_task(leg.bye())
        bodies = {(await peer.receive_response(200)).body for _ in range(4)}
        assert bodies == {b"answer"}
        assert bob.count("BYE") == 0
        inside(peer, leg.dialog, "ACK", 1)
        bye = await peer.receive_request("BYE")
        peer.answer(bye, 200)
        await hangup
        assert (await incoming.acknowledged()).method == "ACK"
        assert await peer.silent(0.2, "200")


@pytest.mark.req("TXN-3")
async def test_without_an_ack_the_call_ends_with_bye(peer: ScriptedPeer) -> None:
    async with phone(timers=Timers(t1=0.005, t2=0.05, t4=0.05)) as bob:
        ask(peer, bob)
        incoming = await bob.offered.get()
        leg = incoming.accept(b"answer")
        bye = await peer.receive_request("BYE")
        peer.answer(bye, 200)
        with pytest.raises(SipTimeout):
            await incoming.acknowledged()
        assert (await leg.ended).reason == "no ACK"


@pytest.mark.req("TXN-13", "TXN-2", "UAS-5")
async def test_repeats_do_not_ring_again(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        invite = ask(peer, bob, "INVITE", ("Record-Route", "<sip:127.0.0.1:9;lr>"))
        incoming = await bob.offered.get()
        incoming.ring()
        incoming.ring(183)
        first = await peer.receive_response(180)
        second = await peer.receive_response(183)
        assert first.to.tag == second.to.tag == incoming.leg.dialog.local.tag
        for response in (first, second):
            assert response.headers.first("record-route") == "<sip:127.0.0.1:9;lr>"
            assert response.contacts[0].uri.port == bob.endpoint.local_addresses["udp"].port
        peer.send(invite)
        assert (await peer.receive_response(183)) == second
        incoming.accept(b"x")
        peer.send(invite)
        assert bob.offered.empty()
        with pytest.raises(SipStateError):
            incoming.ring()
        with pytest.raises(SipStateError):
            incoming.reject(486)


@pytest.mark.req("TXN-6")
async def test_trying_when_nobody_answers_quickly(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        ask(peer, bob, "INVITE", ("Timestamp", "17.5"))
        trying = await peer.receive_response(100)
        assert trying.to.tag is None
        assert trying.headers.first("timestamp") == "17.5"
        (await bob.offered.get()).reject(486)


@pytest.mark.req("UAS-6")
async def test_an_invite_that_expires_is_answered_487(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        ask(peer, bob, "INVITE", ("Expires", "0"))
        incoming = await bob.offered.get()
        await peer.receive_response(487)
        assert incoming.cancelled.is_set()
        assert incoming.leg.is_over


@pytest.mark.req("TXN-18")
async def test_cancel(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        invite = ask(peer, bob)
        incoming = await bob.offered.get()
        peer.send(make_cancel(invite))
        answers = [await peer.receive(), await peer.receive()]
        assert sorted((m.status, m.cseq.method) for m in answers if isinstance(m, Response)) == [
            (200, "CANCEL"),
            (487, "INVITE"),
        ]
        await incoming.cancelled.wait()
        assert len({m.to.tag for m in answers}) == 1
        via = f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bKnone"
        peer.send(replace(make_cancel(invite), headers=make_cancel(invite).headers.with_rows("via", via)))
        assert (await peer.receive_response(481)).cseq.method == "CANCEL"


@pytest.mark.req("DLG-2", "DLG-7", "UAS-9", "LIM-4")
async def test_requests_inside_and_outside_the_dialog(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        incoming = await confirmed(peer, bob)
        dialog = incoming.leg.dialog
        inside(peer, dialog, "OPTIONS", 10)
        assert (await peer.receive_response(200)).cseq.number == 10
        inside(peer, dialog, "OPTIONS", 8)
        assert (await peer.receive_response(500)).cseq.number == 8
        ask(peer, bob, "BYE", ("To", "<sip:bob@example.com>;tag=wrong"), number=20)
        await peer.receive_response(481)
        ask(peer, bob, "BYE", number=21)
        await peer.receive_response(481)
        assert not incoming.leg.is_over
        inside(peer, dialog, "BYE", 30, ("Reason", 'SIP;cause=200;text="Call completed elsewhere"'))
        await peer.receive_response(200)
        end = await incoming.leg.ended
        assert (end.by, end.reason) == ("remote", "Call completed elsewhere (SIP 200)")
        inside(peer, dialog, "BYE", 31)
        await peer.receive_response(481)


@pytest.mark.req("DLG-3")
async def test_a_second_reinvite_before_the_answer_to_the_first_is_500(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        incoming = await confirmed(peer, bob)
        waiting: list[IncomingInvite] = []
        incoming.leg.on_reinvite = waiting.append
        inside(peer, incoming.leg.dialog, "INVITE", 2, body=b"one")
        await asyncio.sleep(0.02)
        inside(peer, incoming.leg.dialog, "INVITE", 3, body=b"two")
        refused = await peer.receive_response(500)
        seconds = refused.seconds("retry-after")
        assert seconds is not None
        assert 0 <= seconds <= 10
        assert len(waiting) == 1
        waiting[0].accept(b"answer one")
        assert (await peer.receive_response(200)).body == b"answer one"
        inside(peer, incoming.leg.dialog, "ACK", 2)
        assert (await waiting[0].acknowledged()).cseq.number == 2


@pytest.mark.req("DLG-2")
async def test_a_reinvite_moves_the_target_only_when_accepted(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        incoming = await confirmed(peer, bob)
        leg = incoming.leg
        leg.on_reinvite = lambda again: again.reject(488)
        before = leg.dialog.target
        inside(peer, leg.dialog, "INVITE", 2, ("Contact", "<sip:moved@127.0.0.1:7>"))
        assert (await peer.receive_response(400)).reason == "More than one Contact"
        request = inside(peer, leg.dialog, "INVITE", 3)
        moved = request.headers.with_rows("contact", "<sip:moved@127.0.0.1:7>").with_rows("cseq", "4 INVITE")
        via = f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bKmoved"
        await peer.receive_response(488)
        peer.send(replace(request, headers=moved.with_rows("via", via)))
        await peer.receive_response(488)
        assert leg.dialog.target == before
        leg.on_reinvite = lambda again: again.accept(b"x")
        again = moved.with_rows("cseq", "5 INVITE").with_rows("via", via + "2")
        peer.send(replace(request, headers=again))
        await peer.receive_response(200)
        assert str(leg.dialog.target) == "sip:moved@127.0.0.1:7"


@pytest.mark.req("UAS-13")
@pytest.mark.parametrize("contact", ["", "<sip:a@h>, <sip:b@h>", "<tel:+1>", "<;;>"])
async def test_an_unusable_contact_is_400(peer: ScriptedPeer, contact: str) -> None:
    async with phone() as bob:
        ask(peer, bob, "INVITE", ("Contact", contact))
        await peer.receive_response(400)
        assert bob.offered.empty()


@pytest.mark.req("UAS-1", "SIP-7-6", "SIP-7-12")
async def test_faults_are_found_in_order(peer: ScriptedPeer) -> None:
    async with phone(supported=("timer",)) as bob:
        body = b"hello"
        ask(peer, bob, "FOO", ("Require", "x"), number=1)
        await peer.receive_response(501)
        ask(
            peer,
            bob,
            "INVITE",
            ("Require", "timer, 100rel"),
            ("Content-Type", "text/plain"),
            body=body,
            number=2,
        )
        assert (await peer.receive_response(420)).headers.first("unsupported") == "100rel"
        ask(peer, bob, "INVITE", ("Require", "timer"), ("Content-Type", "text/plain"), body=body, number=3)
        await peer.receive_response(415)
        ask(peer, bob, "INVITE", ("Content-Encoding", "gzip"), body=body, number=4)
        assert (await peer.receive_response(415)).headers.first("accept-encoding") == "identity"
        ask(
            peer, bob, "INVITE", ("Content-Type", "text/plain"),
            ("Content-Disposition", "render; handling=optional"), body=body, number=5,
        )  # fmt: skip
        (await bob.offered.get()).reject(486)
        await peer.receive_response(486)


@pytest.mark.req("SIP-7-13")
async def test_sdp_inside_multipart_is_found(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        body = (
            b"preamble\r\n--b1\r\nContent-Type: text/xml\r\nContent-Disposition: x;handling=optional\r\n\r\n"
            b"\r\n--b1\r\nContent-Type: multipart/alternative; boundary=b2\r\n\r\n"
            b"--b2\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b2--\r\n--b1--\r\n"
        )
        ask(peer, bob, "INVITE", ("Content-Type", 'multipart/mixed;boundary="b1"'), body=body)
        incoming = await bob.offered.get()
        assert session_of(incoming.request) == b"v=0\r\n"
        incoming.reject(486)


@pytest.mark.req("UAS-3")
async def test_a_merged_request_is_482(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        invite = ask(peer, bob)
        await bob.offered.get()
        via = f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bKotherway"
        peer.send(replace(invite, headers=invite.headers.with_rows("via", via)))
        assert (await peer.receive_response(482)).via.branch == "z9hG4bKotherway"
        assert bob.offered.empty()


async def test_other_requests_reach_the_user_where_allowed(peer: ScriptedPeer) -> None:
    async with phone(allow=("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "MESSAGE", "INFO")) as bob:
        ask(peer, bob, "MESSAGE", ("Content-Type", "text/plain"), body=b"hello")
        message = await bob.asked.get()
        assert message.request.body == b"hello"
        assert message.respond(202, headers=Headers.of(("X-Seen", "yes")))
        assert not message.respond(500)
        assert (await peer.receive_response(202)).headers.first("x-seen") == "yes"
        incoming = await confirmed(peer, bob)
        incoming.leg.on_request = lambda request: request.respond(200, body=b"ok", content_type="text/plain")
        inside(peer, incoming.leg.dialog, "INFO", 5)
        assert (await peer.receive_response(200)).body == b"ok"


async def test_a_mistake_in_a_callback_is_500_and_reported(peer: ScriptedPeer) -> None:
    def broken(incoming: IncomingInvite) -> None:
        raise RuntimeError("a bug")

    reports: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: reports.append(str(context["exception"]))
    )
    async with phone(on_invite=broken) as bob:
        ask(peer, bob)
        rejection = await peer.receive_response(500)
        assert b"a bug" not in serialise(rejection)
        assert reports == ["a bug"]
        assert bob.endpoint.counters["internal errors"] == 1
        ask(peer, bob, "OPTIONS", number=2)
        await peer.receive_response(200)


@pytest.mark.req("TXN-19")
async def test_stray_acks_and_responses_are_counted_and_nothing_leaves(peer: ScriptedPeer) -> None:
    async with phone() as bob:
        ask(peer, bob, "ACK", ("To", "<sip:b@h>;tag=x"), ("Require", "nonsense"))
        address = bob.endpoint.local_addresses["udp"]
        peer.send(b"\r\n\r\n", (address.host, address.port))
        peer.send(b"\x00\x01\x00\x00garbage", (address.host, address.port))
        assert await peer.silent(0.1)
        assert bob.refusals()[0] == "ACK to nothing"
        assert len(bob.refusals()) == 2
