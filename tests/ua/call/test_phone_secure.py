"""Phones that call each other over TLS and WebSockets, and one that does not say who it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.ua.peer import MediaPeer
from tests.ua.phones import LOOPBACK, account
from ua.config.account import Account
from ua.errors import ResultCode, UsageError
from ua.events import EventLog
from ua.messages import MAX_BYTES
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.transport.exposure import EXPOSED
from ua.sip.transport.hop import SipTransport
from ua.sip.transport.tls.config import TlsConfig

TALK = MediaPlan(source=Tone(hz=440), duration_s=0.3)
LISTEN = MediaPlan(source=Tone(hz=1000))


def secure(authority: Authority, transport: SipTransport, user: str) -> Account:
    own = authority.issue(addresses=["127.0.0.1"])
    tls = TlsConfig(ca_file=authority.certificate, certificate=own.certificate, key=own.key)
    return account(user, transport=transport, tls=tls, ws_port=0, wss_port=0)


def address(phone: Phone, transport: SipTransport) -> str:
    """The address of a phone for this transport."""
    scheme, end = {"tls": ("sips:", ""), "ws": ("sip:", ";transport=ws"), "wss": ("sips:", ";transport=ws")}[
        transport
    ]
    found = [uri for uri in phone.addresses if uri.startswith(scheme) and uri.endswith(end)]
    return next(uri for uri in found if end or ";" not in uri)


@pytest.mark.req("TRN-5", "TRN-6", "ICETCP-12-8")
@pytest.mark.parametrize("transport", ["tls", "ws", "wss"])
async def test_a_call_over_each_transport(tmp_path: Path, transport: SipTransport) -> None:
    authority, log = Authority(tmp_path), EventLog()
    async with (
        Phone(secure(authority, transport, "alice"), log) as alice,
        Phone(secure(authority, transport, "bob"), EventLog()) as bob,
    ):
        ringing = asyncio.ensure_future(anext(bob.incoming()))
        await asyncio.sleep(0)
        call = await alice.place(address(bob, transport), TALK)
        incoming = await ringing
        await incoming.accept(LISTEN)
        caller, callee = await asyncio.gather(call.ended(), incoming.ended())
    assert caller.result is callee.result is ResultCode.OK
    messages = [entry.data for entry in log.entries if (entry.source, entry.name) == ("sip", "message")]
    assert {message["transport"] for message in messages} == {transport}
    assert any(str(message["text"]).startswith("BYE") for message in messages)
    exposed = [entry for entry in log.entries if entry.data.get("reason") == EXPOSED]
    assert bool(exposed) is (transport == "ws"), "over TLS nobody reads the credentials of ICE"


@pytest.mark.req("TRN-5")
async def test_a_name_that_the_certificate_does_not_have_ends_the_call_as_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        Phone(secure(authority, "tls", "alice"), EventLog()) as alice,
        Phone(secure(authority, "tls", "bob"), EventLog()) as bob,
    ):
        call = await alice.place(address(bob, "tls").replace("127.0.0.1", "localhost"), TALK)
        result = await call.ended()
    assert result.result is ResultCode.TLS
    assert result.result.exit_code == 6


@pytest.mark.req("SIP-7-21")
async def test_who_hides_is_nowhere_in_what_the_other_side_gets() -> None:
    hidden = account("alice", display_name="Alice Example", hides_identity=True, ice=LOOPBACK)
    peer = MediaPeer()
    async with Phone(hidden, EventLog(), party="somebody") as alice:
        call = await alice.place(str(peer.uri), TALK)
        invite = await peer.receive_request("INVITE")
        assert str(invite.from_).startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')
        assert invite.headers.first("privacy") == "id"
        assert "alice" not in str(invite.headers).lower() + invite.body.decode().lower()
        peer.answer(invite, 486)
        await call.ended()
        sent = asyncio.ensure_future(alice.message(str(peer.uri), "hello"))
        message = await peer.receive_request("MESSAGE")
        assert message.from_.uri.host == "anonymous.invalid"
        assert message.headers.first("privacy") == "id"
        peer.answer(message, 200)
        await sent
    peer.close()


@pytest.mark.req("MSG-1")
async def test_a_long_message_goes_where_every_hop_controls_congestion(tmp_path: Path) -> None:
    authority, text = Authority(tmp_path), "x" * (3 * MAX_BYTES)
    async with (
        Phone(secure(authority, "tls", "alice"), EventLog()) as alice,
        Phone(secure(authority, "tls", "bob"), EventLog()) as bob,
    ):
        reading = asyncio.ensure_future(anext(bob.messages()))
        await asyncio.sleep(0)
        secured = address(bob, "tls")
        with pytest.raises(UsageError, match="too long"):
            await alice.message(secured.replace("sips:", "sip:") + ";transport=tls", text)
        assert (await alice.message(secured, text)).accepted
        assert (await reading).text == text
