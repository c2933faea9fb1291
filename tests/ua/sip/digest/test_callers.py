"""Callers that must prove who they are: challenges without state, and calls of those who can."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ice.types import TransportAddress
from tests.ua.sip.bench import UDP, Bench, make_request
from tests.ua.sip.phones import ALICE, Phone, ScriptedPeer, phone
from ua.config.account import Account, Settings, account_from
from ua.config.sip import SipSettings
from ua.errors import ConfigurationError
from ua.events import EventLog
from ua.phone import Phone as WholePhone
from ua.sip.digest.credentials import Credentials
from ua.sip.digest.server import DigestServer, Proved, Unproved
from ua.sip.rejection import SipRejected
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.wire_format import serialise

KNOWN = Credentials(username="alice", password="secret")


def guard(bob: Phone) -> None:
    """Ask all who call or transfer."""
    bob.endpoint.callers.server = DigestServer(
        realm="home", password_of={"alice": "secret"}.get, key=b"0123456789abcdef"
    )
    bob.endpoint.callers.challenge(lambda request: request.method in ("INVITE", "REFER"))


@pytest.mark.req("DIG-5", "LIM-2", "TXN-23")
async def test_a_caller_with_the_password_gets_through_and_a_stranger_does_not() -> None:
    async with phone() as bob, phone() as alice:
        guard(bob)
        invite = alice.endpoint.invite(bob.uri(), from_=ALICE, body=b"offer", credentials=(KNOWN,))
        incoming = await bob.offered.get()
        incoming.accept(b"answer")
        await invite.answered()
        await incoming.acknowledged()
        assert invite.leg is not None
        done = await invite.leg.request("OPTIONS")
        assert done.response.status == 200, "inside a dialog nobody is asked"
        await invite.leg.bye()
        for stranger in ((), (Credentials(username="alice", password="guess"),)):
            other = alice.endpoint.invite(bob.uri(), from_=ALICE, body=b"offer", credentials=stranger)
            with pytest.raises(SipRejected, match="401"):
                await other.answered()
        assert bob.offered.empty()
        invites = {entry.text for entry in alice.log if entry.text.startswith("INVITE ")}
        assert len(invites) == 5, "two of the one who knows it, one of the stranger, two of the guesser"


@pytest.mark.req("TXN-23", "LIM-2")
async def test_each_copy_of_a_request_gets_the_same_tag_and_nobody_repeats() -> None:
    async with phone() as bob:
        guard(bob)
        address = bob.endpoint.local_addresses["udp"]
        peer = ScriptedPeer()
        headers = Headers.of(
            ("Via", f"SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bKsame"),
            *make_request("INVITE").headers.without("via"),
        )
        request = replace(make_request("INVITE"), headers=headers)
        tags = set()
        for _ in range(3):
            peer.send(request, (address.host, address.port))
            tags.add((await peer.receive_response(401)).to.tag)
        assert len(tags) == 1
        assert await peer.silent(0.2), "no repeat without a transaction"
        peer.send(replace(request, method="ACK", headers=headers.with_rows("cseq", "1 ACK")))
        assert await peer.silent(0.1)
        peer.close()


class Sealed(Bench):
    """A layer that challenges all requests."""

    def __init__(self) -> None:
        super().__init__()
        judge = DigestServer(realm="home", password_of=lambda _: None, key=b"0123456789abcdef")

        def refuse(request: Request) -> Response | None:
            verdict = judge.check(request, 1.0)
            assert isinstance(verdict, Unproved)
            tag = self.layer.tag_of(request)
            return make_response(request, verdict.status, to_tag=tag, headers=verdict.headers)

        self.layer.refuse = refuse


@pytest.mark.req("LIM-2", "TXN-23")
def test_a_flood_of_strangers_leaves_no_state() -> None:
    bench = Sealed()
    came = left = 0
    for number in range(10_000):
        request = make_request("INVITE", branch=f"z9hG4bK{number}", call_id=f"c{number}")
        request = replace(request, body=b"v=0\r\n" + b"a=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\n" * 10)
        stranger = TransportAddress(host=f"192.0.2.{number % 250}", port=5060)
        bench.layer.receive(request, replace(UDP, remote=stranger), 0.0)
        came += len(serialise(request))
        (command,) = bench.layer.take_commands()
        left += len(command.data)
        bench.layer.take_events()
    assert len(bench.layer) == 0
    assert bench.layer.next_timer() is None
    assert left <= 1.2 * came


@pytest.mark.req("LIM-2", "TXN-23", "TXN-19")
def test_acks_and_cancels_are_not_challenged() -> None:
    bench = Sealed()
    bench.receive(make_request("ACK"))
    assert bench.sent == []
    bench.receive(make_request("CANCEL"))
    assert [command.message.status for _, command in bench.sent if isinstance(command.message, Response)] == [
        481
    ]


@pytest.mark.req("DIG-5")
async def test_requests_can_be_authenticated_one_by_one() -> None:
    async with phone(allow=("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REFER")) as bob, phone() as alice:
        assert bob.endpoint.callers.authenticate(make_request("REFER")) is None
        bob.endpoint.callers.server = DigestServer(
            realm="home", password_of={"alice": "secret"}.get, key=b"0123456789abcdef"
        )
        asking = asyncio.ensure_future(
            alice.endpoint.request("REFER", bob.uri(), from_=ALICE, credentials=(KNOWN,))
        )
        first = await bob.asked.get()
        verdict = bob.endpoint.callers.authenticate(first.request)
        assert isinstance(verdict, Unproved)
        first.respond(verdict.status, headers=verdict.headers)
        second = await bob.asked.get()
        proved = bob.endpoint.callers.authenticate(second.request)
        assert isinstance(proved, Proved)
        assert proved.username == "alice"
        second.respond(202, headers=proved.headers)
        assert (await asking).response.status == 202


@pytest.mark.req("LIM-2")
async def test_the_phone_challenges_callers_where_the_account_says_so() -> None:
    account = Account(
        uri="sip:bob@example.com",
        auth_user="alice",
        password="secret",
        listen_host="127.0.0.1",
        sip=SipSettings(challenge_callers=True),
    )
    async with WholePhone(account, log=EventLog()) as bob, phone() as alice:
        host, _, port = bob.addresses[0].rpartition(":")
        target = alice.uri()
        target = replace(target, host="127.0.0.1", port=int(port), params=())
        assert host
        invite = alice.endpoint.invite(target, from_=ALICE, body=b"offer")
        with pytest.raises(SipRejected, match="401"):
            await invite.answered()
        known = alice.endpoint.invite(target, from_=ALICE, body=b"offer", credentials=(KNOWN,))
        with pytest.raises(SipRejected, match="480"):  # nobody answers calls there
            await known.answered()


def test_a_challenge_needs_a_password() -> None:
    settings = Settings(sip=SipSettings(challenge_callers=True))
    with pytest.raises(ConfigurationError, match="challenge_callers"):
        account_from(settings, environ={})
