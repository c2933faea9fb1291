"""Two of our phones at a real proxy, over each transport that there is; and what it costs to trust nobody."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import kamailio
from tests.peers.process import Programs, until
from tests.peers.proxied import WAYS, call, proxy_uri, transport_of, transports, user
from ua.errors import AuthenticationError, ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan
from ua.sip.errors import SipTlsError
from ua.sip.transport.websocket.config import WebSocketConfig

pytestmark = pytest.mark.peer("kamailio-tls")

EVERY_WAY = pytest.mark.parametrize("way", WAYS)


@pytest.mark.req("TRN-5", "TRN-6", "UAC-4")
@EVERY_WAY
async def test_registering_and_calling_both_ways(
    programs: Programs, tmp_path: Path, authority: Authority, way: str
) -> None:
    logs = EventLog(), EventLog()
    async with (
        kamailio(programs, certificate=authority.issue(dns=["localhost"])) as proxy,
        Phone(user("alice", proxy, way, authority), logs[0]) as alice,
        Phone(user("bob", proxy, way, authority), logs[1]) as bob,
    ):
        await asyncio.gather(alice.register(expires=300), bob.register(expires=300))
        contact = (await proxy.location("alice"))[0]
        assert contact.startswith("sips:" if way == "sips" else "sip:")
        await call(alice, bob, proxy.uri("bob"), tmp_path, "there")
        await call(bob, alice, proxy.uri("alice"), tmp_path, "back")
    for log in logs:
        assert any("SIP/2.0 407" in str(entry.data.get("text", "")) for entry in log.entries), (
            "both proved it"
        )
    assert transports(logs[0]) | transports(logs[1]) <= {transport_of(way), "tcp" if way == "udp" else None}
    async with kamailio(programs):  # the proxy has stopped, and left nothing
        pass


@pytest.mark.req("TRN-5")
async def test_a_sips_call_is_secure_on_every_hop(
    programs: Programs, tmp_path: Path, authority: Authority
) -> None:
    logs = EventLog(), EventLog()
    async with (
        kamailio(programs, certificate=authority.issue(dns=["localhost"])) as proxy,
        Phone(user("alice", proxy, "sips", authority), logs[0]) as alice,
        Phone(user("bob", proxy, "sips", authority), logs[1]) as bob,
    ):
        await asyncio.gather(alice.register(expires=300), bob.register(expires=300))
        await call(alice, bob, f"sips:bob@{proxy.host}:{proxy.ports['tls']}", tmp_path, "there")
        await call(bob, alice, f"sips:alice@{proxy.host}:{proxy.ports['tls']}", tmp_path, "back")
    assert transports(logs[0]) | transports(logs[1]) == {"tls"}


@EVERY_WAY
async def test_a_wrong_password_and_an_unknown_user(
    programs: Programs, authority: Authority, way: str
) -> None:
    async with kamailio(programs, certificate=authority.issue(dns=["localhost"])) as proxy:
        wrong = user("alice", proxy, way, authority, password="wrong")
        async with Phone(wrong, EventLog()) as alice:
            with pytest.raises(AuthenticationError) as caught:
                await alice.register(expires=300)
            assert caught.value.exit_code == 3
            assert await proxy.location("alice") == []
        async with Phone(user("alice", proxy, way, authority), EventLog()) as alice:
            placed = await alice.place(proxy.uri("nobody"), MediaPlan())
            result = await placed.ended()
            assert (result.result, result.sip_code) == (ResultCode.REJECTED, 404)


@pytest.mark.req("TRN-5", "REG-7", "TRN-6")
@pytest.mark.parametrize("way", ["tls", "sips", "wss"])
async def test_a_server_with_the_wrong_certificate_is_sent_nothing(
    programs: Programs, authority: Authority, way: str
) -> None:
    log = EventLog()
    async with (
        kamailio(programs, certificate=authority.issue(dns=["other.example"])) as proxy,
        Phone(user("alice", proxy, way, authority), log) as alice,
    ):
        with pytest.raises(SipTlsError) as caught:
            await alice.register(expires=300)
        assert await proxy.location("alice") == []
    assert transports(log) == set()
    assert "expected a certificate for localhost; found a certificate for DNS:other.example" in (
        caught.value.seen
    )


@pytest.mark.parametrize(("trust", "code"), [("ca", 6), ("name", 6), ("fingerprint", 0)])
async def test_the_command_line_says_what_is_wrong_with_a_certificate(
    programs: Programs, tmp_path: Path, authority: Authority, trust: str, code: int
) -> None:
    issued = authority.issue(dns=["other.example" if trust == "name" else "localhost"])
    async with kamailio(programs, certificate=issued) as proxy:
        config = account_config(tmp_path, "alice", proxy, transport="tls")
        text = config.read_text(encoding="utf-8")
        text = text.replace("[sip]", f'proxy = "{proxy_uri(proxy, "tls")}"\n[sip]')
        trusted = {
            "ca": "",
            "name": f'[tls]\nca_file = "{authority.certificate}"\n',
            "fingerprint": f'[tls]\nfingerprint = ["{issued.fingerprint}"]\n',
        }[trust]
        config.write_text(text + trusted, encoding="utf-8")
        phone = await icephone(programs, "register", config=config)
        assert await phone.program.ended(40) == code
        await until(lambda: bool(phone.results), "it says how it ended", 15.0)
        said = phone.program.text()
    assert phone.results[-1]["result"] == ("ok" if code == 0 else "tls")
    if code:
        found = "DNS:other.example" if trust == "name" else "DNS:localhost"
        assert "expected a certificate for localhost" in said
        assert f"found a certificate for {found}" in said
        assert "Traceback" not in said


@pytest.mark.parametrize("fault", ["path", "subprotocol"])
async def test_a_websocket_that_is_not_there(programs: Programs, authority: Authority, fault: str) -> None:
    async with kamailio(programs, certificate=authority.issue(dns=["localhost"])) as proxy:
        account_ = user("alice", proxy, "ws", authority, websocket=WebSocketConfig(path="/elsewhere"))
        if fault == "subprotocol":
            account_ = replace(account_, proxy=f"sip:localhost:{proxy.port};transport=ws")
        async with Phone(account_, EventLog()) as alice:
            placed = await alice.place(proxy.uri("bob"), MediaPlan())
            result = await placed.ended()
            assert result.result is ResultCode.UNREACHABLE
