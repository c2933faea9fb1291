"""Attempts as an endpoint makes them: redirections, remedies and challenges against a scripted peer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.ua.sip.phones import ALICE, Phone, ScriptedPeer, phone, scripted_peer
from ua.sip.digest.credentials import Credentials
from ua.sip.errors import SipTimeout
from ua.sip.rejection import SipRejected
from ua.sip.syntax.message import Request

SECRET = (Credentials(username="alice", password="secret", hosts=("home.example",)),)


@pytest.fixture
async def other() -> AsyncIterator[ScriptedPeer]:
    async with scripted_peer() as scripted:
        yield scripted


async def refuse(peer: ScriptedPeer, status: int, *rows: tuple[str, object]) -> Request:
    """Answer the next INVITE, and take the ACK."""
    request = await peer.receive_request("INVITE")
    peer.answer(request, status, *rows)
    await peer.receive_request("ACK")
    return request


def notes(alice: Phone) -> list[str]:
    return [entry.reason for entry in alice.log if entry.kind == "transaction"]


@pytest.mark.req("UAC-8", "UAC-1")
async def test_a_redirected_call_is_answered_elsewhere(peer: ScriptedPeer, other: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        first = await refuse(peer, 302, ("Contact", f"<{other.uri}>;q=0.9, <{peer.uri}>"))
        second = await other.receive_request("INVITE")
        assert second.uri == other.uri
        assert second.via.branch != first.via.branch
        assert (second.call_id, second.from_, second.to) == (first.call_id, first.from_, first.to)
        assert second.cseq.number == first.cseq.number + 1
        assert second.body == b"offer"
        other.answer(second, 180)
        other.answer(second, 200)
        await invite.answered()
        assert (await other.receive_request("ACK")).uri == other.uri
        assert f"redirected to {other.uri}" in notes(alice)
        assert [response.status async for response in invite.provisional()] == [180]


@pytest.mark.req("UAC-8")
async def test_a_silent_target_gives_way_to_the_next(peer: ScriptedPeer, other: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        silent = ScriptedPeer()
        await refuse(peer, 300, ("Contact", f"<{silent.uri}>, <{other.uri}>;q=0.1"))
        await silent.receive_request("INVITE")
        await refuse(other, 486, ("Retry-After", "90 (lunch)"))
        with pytest.raises(SipRejected) as refusal:
            await invite.answered()
        assert (refusal.value.sip_code, refusal.value.retry_after_s) == (486, 90)
        assert await other.silent(0.1)
        silent.close()


@pytest.mark.req("UAC-8", "LIM-5")
async def test_two_servers_that_redirect_to_each_other(peer: ScriptedPeer, other: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        await refuse(peer, 302, ("Contact", f"<{other.uri}>"))
        await refuse(other, 302, ("Contact", f"<{peer.uri}>"))
        with pytest.raises(SipRejected, match="302"):
            await invite.answered()
        assert await peer.silent(0.1)


@pytest.mark.req("UAC-8", "TXN-4")
async def test_hanging_up_ends_the_search(peer: ScriptedPeer, other: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        request = await peer.receive_request("INVITE")
        peer.answer(request, 180)
        invite.cancel()
        cancel = await peer.receive_request("CANCEL")
        peer.answer(cancel, 200)
        peer.answer(request, 302, ("Contact", f"<{other.uri}>"))
        with pytest.raises(SipRejected, match="302"):
            await invite.answered()
        assert await other.silent(0.1)


@pytest.mark.req("UAC-9", "UAC-12")
async def test_early_dialogs_of_a_refused_attempt_are_over(peer: ScriptedPeer) -> None:
    async with phone(supported=("timer",)) as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE, body=b"offer")
        request = await peer.receive_request("INVITE")
        peer.answer(request, 183, tag="gone")
        peer.answer(request, 420, ("Unsupported", "timer"), tag="gone")
        again = await peer.receive_request("INVITE")
        assert "timer" not in again.headers.tokens("supported")
        assert again.cseq.number == request.cseq.number + 1
        peer.answer(again, 200, tag="stays")
        await invite.answered()
        assert invite.leg is not None
        assert invite.leg.dialog.remote.tag == "stays"


@pytest.mark.req("DIG-8")
async def test_a_far_server_gets_no_proof_of_the_password(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE, credentials=SECRET)
        await refuse(peer, 407, ("Proxy-Authenticate", 'Digest realm="elsewhere.example", nonce="1"'))
        with pytest.raises(SipRejected, match="407"):
            await invite.answered()
        assert invite.auth_problem == "no credentials for realm 'elsewhere.example'"
        assert await peer.silent(0.1)


@pytest.mark.req("DIG-1", "DIG-4")
async def test_md5_and_a_false_proof_are_told(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        asked = asyncio.ensure_future(
            alice.endpoint.request("OPTIONS", peer.uri, from_=ALICE, credentials=SECRET)
        )
        request = await peer.receive_request("OPTIONS")
        peer.answer(request, 401, ("WWW-Authenticate", 'Digest realm="home.example", nonce="1", qop="auth"'))
        again = await peer.receive_request("OPTIONS")
        peer.answer(again, 200, ("Authentication-Info", f'rspauth="{"0" * 32}"'))
        assert (await asked).response.status == 200
        assert any("MD5" in note for note in notes(alice))
        assert any("does not know the password" in note for note in notes(alice))


@pytest.mark.req("UAC-8")
async def test_requests_other_than_invite_are_redirected_too(peer: ScriptedPeer, other: ScriptedPeer) -> None:
    async with phone() as alice:
        asked = asyncio.ensure_future(alice.endpoint.request("OPTIONS", peer.uri, from_=ALICE))
        peer.answer(await peer.receive_request("OPTIONS"), 301, ("Contact", f"<{other.uri}>"))
        other.answer(await other.receive_request("OPTIONS"), 200)
        assert (await asked).request.uri == other.uri


@pytest.mark.req("UAC-8")
async def test_the_last_silent_target_is_a_timeout(peer: ScriptedPeer) -> None:
    async with phone() as alice:
        invite = alice.endpoint.invite(peer.uri, from_=ALICE)
        silent = ScriptedPeer()
        await refuse(peer, 302, ("Contact", f"<{silent.uri}>"))
        with pytest.raises(SipTimeout):
            await invite.answered()
        silent.close()
