"""What a phone does with UPDATE, reliable responses and session timers, against a peer driven by hand."""

from __future__ import annotations

import asyncio

import pytest

from tests.ua.call.test_phone_offers import STAY, accepted, called
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.config.account import Settings, account_from
from ua.config.file import parse_settings
from ua.errors import ConfigurationError
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request

ANSWER = ("Content-Type", "application/sdp")


@pytest.mark.req("EXT-2", "OA-4", "sdp.md:OA-30")
async def test_an_update_holds_the_call_or_is_refused() -> None:
    async with called(EventLog(), offer=True) as (peer, _, call, invite):
        dialog, answer = await accepted(peer, call, invite)
        assert {"update", "prack"} <= answer.headers.tokens("allow")
        peer.ask(dialog, "UPDATE", peer.sdp("a=sendonly", version=2))
        held = await peer.receive_response(200)
        assert held.cseq.method == "UPDATE"
        assert b"a=recvonly" in (session_of(held) or b"")
        peer.ask(dialog, "UPDATE", peer.sdp(version=3, formats="18"))
        refused = await peer.receive_response(488)
        assert b"PCMU" in (session_of(refused) or b"")
        call.hang_up()
        await peer.finish()


async def invited(peer: MediaPeer, phone: Phone) -> Request:
    """The INVITE of a phone that calls the peer, which rejects it."""
    call = await phone.place(str(peer.uri), STAY)
    invite = await peer.receive_request("INVITE")
    peer.answer(invite, 486)
    await call.ended()
    return invite


@pytest.mark.req("UAC-5", "PRK-1", "EXT-3")
async def test_what_an_invite_says_of_prack_and_timers() -> None:
    async with media_peer() as peer:
        async with Phone(account("alice"), EventLog()) as phone:
            invite = await invited(peer, phone)
            assert {"100rel", "timer"} <= invite.headers.tokens("supported")
            assert {"prack", "update"} <= invite.headers.tokens("allow")
            assert invite.headers.first("session-expires") == "1800"
            assert "100rel" not in invite.headers.tokens("require")
        async with Phone(account("alice", reliable="off", session_expires_s=0), EventLog()) as phone:
            invite = await invited(peer, phone)
            assert "100rel" not in invite.headers.tokens("supported")
            assert "prack" not in invite.headers.tokens("allow")
            assert "session-expires" not in invite.headers
            assert "timer" in invite.headers.tokens("supported")
        async with Phone(account("alice", reliable="require"), EventLog()) as phone:
            invite = await invited(peer, phone)
            assert "100rel" in invite.headers.tokens("require")


@pytest.mark.req("PRK-1", "OA-2")
async def test_a_call_whose_answer_came_in_a_reliable_183() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 183, ANSWER, ("Require", "100rel"), ("RSeq", "1"), body=peer.sdp())
        peer.answer(await peer.receive_request("PRACK"), 200)
        dialog = Dialog.of_callee(invite, "peer")
        peer.answer(invite, 200)
        await peer.receive_request("ACK")
        await call.established()
        await peer.hear(0)
        peer.ask(dialog, "BYE")
        await peer.receive_response(200)
        await call.ended()


def test_the_keys_of_the_account_file() -> None:
    settings = parse_settings(b'[sip]\nreliable = "require"\nsession_expires_s = 90\n')
    read = account_from(settings, environ={})
    assert (read.sip.reliable, read.sip.session_expires_s) == ("require", 90)
    plain = account_from(Settings(), environ={})
    assert (plain.sip.reliable, plain.sip.session_expires_s) == ("auto", 1800)
    for wrong in (b"[sip]\nsession_expires_s = 89\n", b"[sip]\nsession_expires_s = 86401\n"):
        with pytest.raises(ConfigurationError, match="session_expires_s"):
            account_from(parse_settings(wrong), environ={})
    with pytest.raises(ConfigurationError, match="reliable"):
        parse_settings(b'[sip]\nreliable = "sometimes"\n')


async def test_session_expires_off_is_followed_by_the_peer_alone() -> None:
    async with called(EventLog(), offer=True, session_expires_s=0) as (peer, _, call, invite):
        _, answer = await accepted(peer, call, invite)
        assert "session-expires" not in answer.headers
        call.hang_up()
        await peer.finish()
        await asyncio.sleep(0)
