"""The back-to-back agent between two endpoints (RFC 3665 flows, RFC 7092)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.ua.pbx.desk import ANSWER, HELD, HOLD, OFFER, desk, talk
from tests.ua.pbx.line import DOMAIN, line
from ua.sip.incoming_request import IncomingRequest
from ua.sip.rejection import SipRejected
from ua.sip.retry.targets import RedirectPolicy
from ua.sip.syntax.body import session_of
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri

NO_REDIRECTS = RedirectPolicy(follow=False)


async def _some(responses: AsyncIterator[Response], count: int) -> AsyncIterator[Response]:
    """The first few."""
    for _ in range(count):
        yield await asyncio.wait_for(anext(responses), 10)


@pytest.mark.req("PBX-4")
async def test_a_call_has_two_dialogs_and_one_description() -> None:
    async with line() as pbx, desk(pbx, "alice") as alice, desk(pbx, "bob") as bob:
        ours, theirs = await talk(alice, bob)
        assert ours.dialog.call_id != theirs.dialog.call_id
        assert ours.dialog.id.remote_tag != theirs.dialog.id.remote_tag
        assert theirs.dialog.remote.uri == Uri(user="alice", host=DOMAIN)
        address = pbx.address()
        for leg in (ours, theirs):
            assert (leg.dialog.target.user, leg.dialog.target.port) == ("pbx", address.port)
        invite = next(text for text in pbx.texts("pbx", "out") if text.startswith("INVITE"))
        assert "Max-Forwards: 69\r\n" in invite
        assert invite.encode().endswith(OFFER)
        await ours.bye()
        assert (await asyncio.wait_for(theirs.ended, 10)).by == "remote"
        ours, theirs = await talk(alice, bob)
        await theirs.bye()
        assert (await asyncio.wait_for(ours.ended, 10)).by == "remote"
        await pbx.idle()


@pytest.mark.req("PBX-4")
@pytest.mark.parametrize(
    ("status", "rows"),
    [
        (486, (("Retry-After", "7"),)),
        (302, (("Contact", "<sip:carol@example.net>"),)),
        (480, (("Reason", "Q.850;cause=16"),)),
        (603, (("Warning", '399 example.com "no"'),)),
    ],
)
async def test_refusals_and_redirections_pass(status: int, rows: tuple[tuple[str, str], ...]) -> None:
    async with line() as pbx, desk(pbx, "alice", redirects=NO_REDIRECTS) as alice, desk(pbx, "bob") as bob:
        invite = alice.call("bob")
        incoming = await bob.asked()
        incoming.ring()
        incoming.reject(status, headers=Headers.of(*rows))
        with pytest.raises(SipRejected) as refused:
            await invite.answered()
        response = refused.value.response
        assert response.status == status
        assert [(name, response.headers.first(name)) for name, _ in rows] == [*rows]
        await pbx.idle()


@pytest.mark.req("PBX-4")
async def test_a_caller_who_gives_up_stops_the_ringing() -> None:
    async with line() as pbx, desk(pbx, "alice") as alice, desk(pbx, "bob") as bob:
        invite = alice.call("bob")
        incoming = await bob.asked()
        incoming.ring()
        assert [response.status async for response in _some(invite.provisional(), 1)] == [180]
        invite.cancel(Headers.of(("Reason", 'SIP;cause=200;text="elsewhere"')))
        await asyncio.wait_for(incoming.cancelled.wait(), 10)
        cancel = incoming.cancel_request
        assert cancel is not None and "elsewhere" in (cancel.headers.first("reason") or "")
        with pytest.raises(SipRejected) as refused:
            await invite.answered()
        assert refused.value.response.status == 487
        await pbx.idle()


@pytest.mark.req("PBX-4")
async def test_reliable_early_media_stays_reliable() -> None:
    async with line() as pbx, desk(pbx, "alice") as alice, desk(pbx, "bob") as bob:
        invite = alice.call("bob")
        incoming = await bob.asked()
        assert incoming.can_ring_reliably
        incoming.ring(183, body=ANSWER, reliable=True)
        early = [response async for response in _some(invite.provisional(), 1)]
        assert (early[0].status, session_of(early[0])) == (183, ANSWER)
        assert "rseq" in early[0].headers
        incoming.accept()
        response = await invite.answered()
        assert session_of(response) is None
        assert alice.phone.count("PRACK") == 1 and bob.phone.count("PRACK", "in") == 1
        assert invite.leg is not None
        await invite.leg.bye()
        await pbx.idle()


@pytest.mark.req("PBX-4")
async def test_a_caller_without_100rel_hears_early_media_all_the_same() -> None:
    async with line() as pbx, desk(pbx, "alice", supported=()) as alice, desk(pbx, "bob") as bob:
        invite = alice.call("bob")
        incoming = await bob.asked()
        assert not incoming.can_ring_reliably, "the callee is told what the caller can"
        incoming.ring(183, body=ANSWER)
        early = [response async for response in _some(invite.provisional(), 1)]
        assert session_of(early[0]) == ANSWER and "rseq" not in early[0].headers
        incoming.accept(ANSWER)
        assert session_of(await invite.answered()) == ANSWER
        assert invite.leg is not None
        await invite.leg.bye()
        await pbx.idle()


@pytest.mark.req("PBX-4")
@pytest.mark.parametrize("early", [False, True])
async def test_who_leaves_the_offer_to_the_callee_gets_it(early: bool) -> None:
    offered: list[bytes] = []
    async with line() as pbx, desk(pbx, "alice") as alice, desk(pbx, "bob") as bob:

        def answer(response: Response) -> bytes:
            offered.append(session_of(response) or b"")
            return ANSWER

        invite = alice.call("bob", b"", make_answer=answer)
        incoming = await bob.asked()
        assert session_of(incoming.request) is None
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if early:
            incoming.on_early_answer = answered.set_result
            incoming.ring(183, body=OFFER)
            assert await asyncio.wait_for(answered, 10) == ANSWER
            incoming.accept()
            await incoming.acknowledged()
        else:
            incoming.accept(OFFER)
            assert session_of(await incoming.acknowledged()) == ANSWER
        await invite.answered()
        assert offered == [OFFER]
        assert invite.leg is not None
        await invite.leg.bye()
        await pbx.idle()


@pytest.mark.req("PBX-4")
async def test_hold_and_its_refusal_cross_in_both_directions() -> None:
    async with line() as pbx, desk(pbx, "alice") as alice, desk(pbx, "bob") as bob:
        ours, theirs = await talk(alice, bob)
        theirs.on_reinvite = lambda again: again.accept(HELD)
        done = await ours.reinvite(HOLD)
        assert (done.response.status, session_of(done.response)) == (200, HELD)
        ours.on_reinvite = lambda again: again.reject(488)
        assert (await theirs.reinvite(HOLD)).response.status == 488
        ours.on_reinvite = lambda again: again.accept(HELD)
        done = await theirs.reinvite(b"", make_answer=lambda _: ANSWER)
        assert session_of(done.response) == HELD
        ours.on_update = lambda offer: offer.accept(ANSWER)
        done = await theirs.update(OFFER)
        assert (done.response.status, session_of(done.response)) == (200, ANSWER)
        await ours.bye()
        await pbx.idle()


@pytest.mark.req("PBX-4")
async def test_what_is_told_in_a_call_crosses_with_its_answer() -> None:
    async with line() as pbx, desk(pbx, "alice") as alice, desk(pbx, "bob") as bob:
        ours, theirs = await talk(alice, bob)
        heard: list[tuple[str, str | None, bytes]] = []

        def hear(incoming: IncomingRequest) -> None:
            request = incoming.request
            heard.append((request.method, request.headers.first("content-type"), request.body))
            incoming.respond(415, headers=Headers.of(("Accept", "text/html")))

        theirs.on_request = hear
        done = await ours.request(
            "INFO", body=b"Signal=5\r\n", content_type="application/dtmf-relay", headers=Headers()
        )
        assert heard == [("INFO", "application/dtmf-relay", b"Signal=5\r\n")]
        assert (done.response.status, done.response.headers.first("accept")) == (415, "text/html")
        await ours.bye()
        await pbx.idle()


@pytest.mark.req("PBX-4")
async def test_a_request_that_may_not_go_further_gets_483() -> None:
    async with line() as pbx, desk(pbx, "alice") as alice, desk(pbx, "bob") as bob:
        invite = alice.call("bob", headers=Headers.of(("Max-Forwards", 0)))
        with pytest.raises(SipRejected) as refused:
            await invite.answered()
        assert refused.value.response.status == 483
        done = await alice.phone.endpoint.request(
            "OPTIONS", Uri(host=DOMAIN), from_=alice.aor, headers=Headers.of(("Max-Forwards", 0))
        )
        assert done.response.status == 200
        assert bob.phone.offered.empty()


@pytest.mark.req("PBX-4")
async def test_a_loop_of_two_pbxs_ends() -> None:
    async with line() as one, line() as other, desk(one, "alice") as stranger:
        for here, there in ((one, other), (other, one)):
            async with desk(here, "bob", registers=False) as bob:
                place = there.address()
                there_bob = Uri(user="bob", host=place.host, port=place.port)
                series = bob.phone.endpoint.series(
                    target=Uri(host=DOMAIN), from_=bob.aor, to=bob.aor, credentials=bob.known
                )
                rows = Headers.of(("Contact", NameAddr(uri=there_bob)))
                assert (await series.request("REGISTER", headers=rows)).response.status == 200
        somebody = NameAddr.parse("<sip:dora@example.net>")
        invite = stranger.call("bob", headers=Headers.of(("Max-Forwards", 12)), as_=somebody)
        with pytest.raises(SipRejected) as refused:
            await asyncio.wait_for(invite.answered(), 15)
        assert refused.value.response.status == 483
        sent = [*one.messages("pbx", "out"), *other.messages("pbx", "out")]
        sent = [text for text in sent if text.startswith("INVITE")]
        assert len(sent) >= 12
        await one.idle()
        await other.idle()


@pytest.mark.req("PBX-4", "DIG-5")
async def test_who_may_call_whom() -> None:
    async with line() as pbx, desk(pbx, "alice") as alice, desk(pbx, "bob") as bob:

        async def status(user: str, as_: str = "") -> int:
            invite = alice.call(user, as_=NameAddr.parse(as_) if as_ else None)
            with pytest.raises(SipRejected) as refused:
                await invite.answered()
            return refused.value.response.status

        assert await status("carol") == 480, "a user without a phone"
        assert await status("dora") == 404
        assert await status("bob", f"<sip:bob@{DOMAIN}>") == 403, "by the name of somebody else"
        assert await status("606") == 486
        nobody = alice.phone.endpoint.invite(
            Uri(user="bob", host="elsewhere.example"), from_=alice.aor, body=OFFER, credentials=alice.known
        )
        with pytest.raises(SipRejected) as refused:
            await nobody.answered()
        assert refused.value.response.status == 404
        unproved = alice.phone.endpoint.invite(Uri(user="bob", host=DOMAIN), from_=alice.aor, body=OFFER)
        with pytest.raises(SipRejected) as refused:
            await unproved.answered()
        assert refused.value.response.status == 401
        assert bob.phone.offered.empty()
        await pbx.idle()
