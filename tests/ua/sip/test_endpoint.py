"""Endpoints against each other over real loopback sockets."""

from __future__ import annotations

import asyncio
import errno
import sys

import pytest

from tests.ua.sip.phones import ALICE, Phone, phone
from ua.sip.endpoint import SipEndpoint
from ua.sip.errors import SipStateError, SipTimeout, SipUnreachable
from ua.sip.invite.incoming import IncomingInvite
from ua.sip.invite.leg import Leg
from ua.sip.invite.outgoing import OutgoingInvite
from ua.sip.rejection import SipRejected
from ua.sip.syntax.body import session_of
from ua.sip.syntax.uri import Uri
from ua.sip.transaction.timers import Timers
from ua.sip.transport.hop import SipTransport
from ua.sip.transport.udp_channel import unreachable_reason

UNHURRIED = Timers()
"""For tests that count messages: on a busy machine nothing is repeated within half a second."""

both = pytest.mark.parametrize("transport", ["udp", "tcp"])


async def call(
    caller: Phone, callee: Phone, transport: SipTransport = "udp", body: bytes = b"offer"
) -> tuple[Leg, Leg]:
    """A call that stands: the caller's leg and the callee's."""
    invite = caller.endpoint.invite(callee.uri(transport), from_=ALICE, body=body)
    incoming = await callee.offered.get()
    theirs = incoming.accept(b"answer")
    await invite.answered()
    await incoming.acknowledged()
    assert invite.leg is not None
    return invite.leg, theirs


@pytest.mark.req("TXN-3", "UAC-1", "UAS-4")
@both
async def test_a_call_rings_is_answered_and_hung_up(transport: SipTransport) -> None:
    async with phone(timers=UNHURRIED) as alice, phone(timers=UNHURRIED) as bob:
        invite = alice.endpoint.invite(bob.uri(transport), from_=ALICE, body=b"offer")
        incoming = await bob.offered.get()
        assert session_of(incoming.request) == b"offer"
        assert incoming.request.from_.name == "Alice"
        incoming.ring()
        provisional = [response.status async for response in _until(invite, incoming)]
        assert provisional == [180]
        response = await invite.answered()
        assert response.body == b"answer"
        ack = await incoming.acknowledged()
        assert ack.body == b""
        leg = invite.leg
        assert leg is not None
        assert leg.dialog.confirmed
        assert leg.dialog.target.port == bob.endpoint.local_addresses["tcp"].port
        assert leg.dialog.target.transport == (None if transport == "udp" else "tcp")
        await leg.bye()
        end = await incoming.leg.ended
        assert end.by == "remote"
        assert (await leg.ended).by == "local"
        assert bob.count("SIP/2.0 200") == 2
        assert alice.count("ACK") == 1
        assert alice.refusals() == bob.refusals() == []


async def _until(invite: OutgoingInvite, incoming: IncomingInvite):  # type: ignore[no-untyped-def]
    async for response in invite.provisional():
        yield response
        incoming.accept(b"answer")


@both
async def test_the_callee_hangs_up(transport: SipTransport) -> None:
    async with phone(timers=UNHURRIED) as alice, phone(timers=UNHURRIED) as bob:
        ours, theirs = await call(alice, bob, transport)
        await theirs.bye()
        assert (await ours.ended).by == "remote"
        assert bob.count("BYE") == 1


@both
async def test_options_are_answered_with_capabilities(transport: SipTransport) -> None:
    async with phone() as alice, phone() as bob:
        done = await alice.endpoint.request("OPTIONS", bob.uri(transport), from_=ALICE)
        assert done.response.status == 200
        assert "invite" in done.response.headers.tokens("allow")
        assert done.response.headers.first("accept") == "application/sdp"
        assert done.response.headers.tokens("supported") == frozenset()
        bob.endpoint.server.availability = lambda: 486
        done = await alice.endpoint.request("OPTIONS", bob.uri(transport), from_=ALICE)
        assert done.response.status == 486


@pytest.mark.parametrize("status", [480, 486, 488, 603])
async def test_a_call_is_rejected(status: int) -> None:
    async with (
        phone(timers=UNHURRIED) as alice,
        phone(timers=UNHURRIED, on_invite=lambda incoming: incoming.reject(status)) as bob,
    ):
        invite = alice.endpoint.invite(bob.uri(), from_=ALICE)
        with pytest.raises(SipRejected) as caught:
            await invite.answered()
        assert caught.value.sip_code == status
        assert alice.count("ACK") == 1
        incoming = await bob.offered.get()
        assert incoming.leg.is_over
        with pytest.raises(SipStateError):
            incoming.accept()
    assert alice.refusals() == bob.refusals() == []


@pytest.mark.req("TXN-4", "TXN-18")
@both
async def test_a_ringing_call_is_cancelled(transport: SipTransport) -> None:
    async with phone(timers=UNHURRIED) as alice, phone(timers=UNHURRIED) as bob:
        invite = alice.endpoint.invite(bob.uri(transport), from_=ALICE)
        incoming = await bob.offered.get()
        gone: list[str] = []
        incoming.on_cancel = lambda: gone.append("cancelled")
        incoming.ring()
        invite.cancel()
        with pytest.raises(SipRejected) as caught:
            await invite.answered()
        assert caught.value.sip_code == 487
        assert gone == ["cancelled"]
        assert incoming.cancelled.is_set()
        assert incoming.leg.is_over
        assert bob.count("SIP/2.0 487") >= 1


@pytest.mark.req("TXN-4", "UAC-13")
async def test_cancel_before_anything_was_said_waits_for_trying() -> None:
    async with phone() as alice, phone() as bob:
        invite = alice.endpoint.invite(bob.uri(), from_=ALICE)
        await asyncio.sleep(0)
        invite.cancel()
        with pytest.raises(SipRejected) as caught:
            await invite.answered()
        assert caught.value.sip_code == 487
        sent = alice.messages("out")
        assert not sent or sent.index(next(line for line in sent if line.startswith("CANCEL"))) > 0


@pytest.mark.req("TXN-4")
async def test_a_200_that_crosses_the_cancel_is_acknowledged_and_ended() -> None:
    async with phone() as alice, phone() as bob:
        invite = alice.endpoint.invite(bob.uri(), from_=ALICE)
        incoming = await bob.offered.get()
        incoming.accept(b"answer")
        invite.cancel()
        with pytest.raises(SipRejected) as caught:
            await invite.answered()
        assert caught.value.sip_code == 487
        await incoming.acknowledged()
        assert (await incoming.leg.ended).by == "remote"


async def test_reinvite_by_either_side_and_rejection_leaves_the_call() -> None:
    async with phone(timers=UNHURRIED) as alice, phone(timers=UNHURRIED) as bob:
        ours, theirs = await call(alice, bob)
        offers: list[bytes] = []

        def take(again: IncomingInvite) -> None:
            offers.append(again.request.body)
            if again.request.body == b"bad":
                again.reject(488)
            else:
                again.accept(b"new answer")

        theirs.on_reinvite = take
        done = await ours.request("INVITE", body=b"hold")
        assert (done.response.status, done.response.body) == (200, b"new answer")
        done = await ours.request("INVITE", body=b"bad")
        assert done.response.status == 488
        done = await theirs.request("INVITE", body=b"unexpected")
        assert done.response.status == 488  # nobody takes offers on this side
        assert offers == [b"hold", b"bad"]
        assert not ours.is_over
        assert not theirs.is_over
        await ours.bye()
        assert (await theirs.ended).by == "remote"
        assert alice.count("ACK") == 3


@pytest.mark.req("DLG-6")
async def test_options_inside_a_dialog_and_unknown_methods() -> None:
    async with phone() as alice, phone() as bob:
        ours, _ = await call(alice, bob)
        assert (await ours.request("OPTIONS")).response.status == 200
        assert (await ours.request("INFO")).response.status == 405
        assert (await ours.request("FOO")).response.status == 501
        assert not ours.is_over
        await ours.bye()


@pytest.mark.req("DLG-3")
async def test_crossing_reinvites_get_491_both() -> None:
    async with phone() as alice, phone() as bob:
        ours, theirs = await call(alice, bob)
        ours.on_reinvite = theirs.on_reinvite = lambda again: again.accept(b"x")
        one, two = await asyncio.gather(
            ours.request("INVITE", body=b"1"), theirs.request("INVITE", body=b"2")
        )
        assert (one.response.status, two.response.status) == (491, 491)
        await ours.bye()


@pytest.mark.req("UAS-9", "DLG-3")
async def test_bye_ends_a_pending_reinvite_with_487() -> None:
    async with phone() as alice, phone() as bob:
        ours, theirs = await call(alice, bob)
        pending: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        theirs.on_reinvite = pending.put_nowait
        again = asyncio.create_task(ours.request("INVITE", body=b"1"))
        incoming = await pending.get()
        await ours.bye()
        assert (await again).response.status == 487
        assert incoming.cancelled.is_set()


@pytest.mark.req("SIP-7-17")
async def test_a_phone_calls_itself() -> None:
    async with phone() as alice:
        ours, theirs = await call(alice, alice)
        assert ours.dialog.local.tag != theirs.dialog.local.tag
        await ours.bye()
        await theirs.ended


async def test_an_offer_in_the_200_is_answered_in_the_ack() -> None:
    async with phone() as alice, phone() as bob:
        invite = alice.endpoint.invite(
            bob.uri(), from_=ALICE, make_answer=lambda response: b"answer to " + response.body
        )
        incoming = await bob.offered.get()
        assert incoming.request.body == b""
        incoming.accept(b"offer")
        ack = await incoming.acknowledged()
        assert ack.body == b"answer to offer"
        assert ack.content_type == "application/sdp"
        await invite.answered()


@pytest.mark.req("SIP-7-5")
async def test_a_long_request_goes_over_tcp_and_falls_back_where_that_is_refused() -> None:
    body = b"x" * 1300
    async with phone() as alice, phone() as bob, phone(transports=("udp",)) as old:
        ours, _ = await call(alice, bob, "udp", body)
        invites = [entry for entry in alice.log if entry.text.startswith("INVITE")]
        assert {entry.transport for entry in invites} == {"tcp"}
        assert "Via: SIP/2.0/TCP" in invites[0].text
        await ours.bye()
        ours, _ = await call(alice, old, "udp", body)
        invites = [entry for entry in alice.log if entry.text.startswith("INVITE")]
        assert invites[-1].transport == "udp"
        assert "Via: SIP/2.0/UDP" in invites[-1].text
        await ours.bye()


@pytest.mark.req("TRN-10", "TXN-5")
@both
async def test_a_closed_port_is_reported_at_once(transport: SipTransport) -> None:
    async with phone() as alice:
        async with phone() as gone:
            target = gone.uri(transport)
        with pytest.raises(SipUnreachable):
            async with asyncio.timeout(0.5):
                await alice.endpoint.invite(target, from_=ALICE).answered()
        with pytest.raises(SipUnreachable):
            async with asyncio.timeout(0.5):
                await alice.endpoint.request("OPTIONS", target, from_=ALICE)


@pytest.mark.req("TRN-10")
def test_what_icmp_says() -> None:
    def report(code: int, origin: int, kind: int) -> bytes:
        return code.to_bytes(4, sys.byteorder) + bytes([origin, kind, 0, 0]) + bytes(8)

    assert unreachable_reason(report(errno.ECONNREFUSED, 2, 3)) == "Connection refused"
    assert unreachable_reason(report(errno.EHOSTUNREACH, 3, 1)) != ""
    for harmless in (
        (errno.EHOSTUNREACH, 2, 11),
        (errno.EHOSTUNREACH, 2, 4),
        (errno.EHOSTUNREACH, 3, 3),
        (errno.EMSGSIZE, 2, 3),
    ):
        assert unreachable_reason(report(*harmless)) == ""
    assert unreachable_reason(b"") == ""


async def test_names_that_cannot_be_resolved_and_schemes_we_do_not_speak() -> None:
    async with phone() as alice:
        for text in (
            "sip:bob@nowhere.invalid",
            "sips:bob@127.0.0.1",
            "tel:+1",
            "sip:b@h;transport=ws",
            "sip:[::1]",
        ):
            with pytest.raises(SipUnreachable):
                await alice.endpoint.request("OPTIONS", Uri.parse(text), from_=ALICE)


async def test_a_name_is_resolved() -> None:
    async with phone() as alice, phone() as bob:
        port = bob.endpoint.local_addresses["udp"].port
        target = Uri.parse(f"sip:bob@localhost:{port}")
        assert (await alice.endpoint.request("OPTIONS", target, from_=ALICE)).response.status == 200


@pytest.mark.req("TRN-7", "TRN-9")
async def test_a_connection_is_used_again_and_both_ways() -> None:
    async with phone() as alice, phone() as bob:
        for _ in range(3):
            await alice.endpoint.request("OPTIONS", bob.uri("tcp"), from_=ALICE)
        opened = [entry for entry in alice.log if entry.kind == "connection" and entry.reason == "opened"]
        assert len(opened) == 1


@pytest.mark.req("TRN-8")
async def test_udp_and_tcp_share_a_port_number() -> None:
    async with phone() as alice:
        addresses = alice.endpoint.local_addresses
        assert addresses["udp"] == addresses["tcp"]


async def test_a_port_in_use_is_one_clear_error() -> None:
    async with phone() as alice:
        port = alice.endpoint.local_addresses["udp"].port
        with pytest.raises(SipUnreachable, match=r"cannot use 127\.0\.0\.1 port"):
            async with phone(port=port):
                raise AssertionError("started twice")


async def test_nobody_takes_calls() -> None:
    from ua.sip.config import SipConfig

    deaf = SipEndpoint(SipConfig(host="127.0.0.1"))
    await deaf.start()
    try:
        async with phone() as alice:
            port = deaf.local_addresses["udp"].port
            with pytest.raises(SipRejected) as caught:
                await alice.endpoint.invite(Uri.parse(f"sip:x@127.0.0.1:{port}"), from_=ALICE).answered()
            assert caught.value.sip_code == 480
    finally:
        await deaf.close()


async def test_closing_ends_what_waits() -> None:
    async with phone() as bob:
        async with phone() as alice:
            invite = alice.endpoint.invite(bob.uri(), from_=ALICE)
            await bob.offered.get()
            asking = asyncio.create_task(
                alice.endpoint.request("OPTIONS", Uri.parse("sip:x@127.0.0.1:9"), from_=ALICE)
            )
            await asyncio.sleep(0)
        with pytest.raises((SipUnreachable, SipTimeout)):
            await asking
        with pytest.raises((SipRejected, SipUnreachable)):
            await invite.answered()
        with pytest.raises(SipUnreachable, match="closed"):
            await alice.endpoint.request("OPTIONS", bob.uri(), from_=ALICE)


async def test_closing_ends_calls_and_waiting_for_an_ack() -> None:
    async with phone() as alice:
        async with phone() as bob:
            ours, theirs = await call(alice, bob)
            invite = alice.endpoint.invite(bob.uri(), from_=ALICE)
            incoming = await bob.offered.get()
            incoming.accept(b"offer")
        assert (await theirs.ended).reason == "the endpoint was closed"
        with pytest.raises(SipUnreachable):
            await incoming.acknowledged()
        assert not ours.is_over
        invite.cancel()


async def test_ipv6_loopback() -> None:
    async with phone(host="::1") as alice, phone(host="::1") as bob:
        for transport in ("udp", "tcp"):
            ours, _ = await call(alice, bob, "tcp" if transport == "tcp" else "udp")
            await ours.bye()
