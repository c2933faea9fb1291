"""Calls with a phone of others, without a server, both ways, over each transport that it has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.peers.baresip import baresip
from tests.peers.process import Programs
from tests.peers.proxied import transport_of, transports
from tests.peers.tones import both_heard_each_other, write_tone
from tests.ua.phones import account
from ua.config.account import Account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.transport.tls.config import TlsConfig

pytestmark = pytest.mark.peer("baresip")

TALK_S = 2.0


def ours(authority: Authority, way: str) -> Account:
    own = authority.issue(addresses=["127.0.0.1"])
    tls = TlsConfig(ca_file=authority.certificate, certificate=own.certificate, key=own.key)
    return account("alice", transport=transport_of(way), tls=tls)


def its_uri(port: int, way: str) -> str:
    """Where it is called; it listens for TLS one port higher."""
    if way == "sips":
        return f"sips:bob@127.0.0.1:{port + 1}"
    return f"sip:bob@127.0.0.1:{port + (way == 'tls')};transport={way}"


def our_uri(phone: Phone, transport: str) -> str:
    """Where we are called; baresip adds the transport of its account."""
    wanted = {"udp": "sip:", "tcp": "sip:", "tls": "sips:"}[transport]
    end = ";transport=tcp" if transport == "tcp" else ""
    uri = next(
        each for each in phone.addresses if each.startswith(wanted) and each.partition(";")[2] == end[1:]
    )
    return uri.partition(";")[0].replace("sips:", "sip:")


@pytest.mark.req("TRN-5")
@pytest.mark.parametrize("way", ["udp", "tcp", "tls", "sips"])
async def test_calling_it(programs: Programs, tmp_path: Path, authority: Authority, way: str) -> None:
    log, heard = EventLog(), tmp_path / "heard.wav"
    high = write_tone(tmp_path / "high.wav", 1000)
    async with (
        baresip(programs, "bob", source=high, authority=authority) as bob,
        Phone(ours(authority, way), log) as alice,
    ):
        plan = MediaPlan(source=Tone(hz=440), record=heard, duration_s=TALK_S)
        call = await alice.place(its_uri(bob.port, way), plan)
        result = await call.ended()
        await bob.event("CALL_CLOSED")
        theirs = await bob.recording()
    assert result.result is ResultCode.OK, result
    assert transports(log) == {transport_of(way)}
    both_heard_each_other(heard, theirs, TALK_S)


@pytest.mark.req("TRN-5")
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_being_called_by_it(
    programs: Programs, tmp_path: Path, authority: Authority, transport: str
) -> None:
    """Over TLS it checks our certificate, and has none of its own to show."""
    log, heard = EventLog(), tmp_path / "heard.wav"
    high = write_tone(tmp_path / "high.wav", 1000)
    async with (
        baresip(programs, "bob", source=high, authority=authority, transport=transport) as bob,
        Phone(ours(authority, transport), log) as alice,
    ):
        ringing = asyncio.ensure_future(anext(alice.incoming()))
        await asyncio.sleep(0)
        await bob.dial(our_uri(alice, transport))
        incoming = await asyncio.wait_for(ringing, 10)
        await incoming.accept(MediaPlan(source=Tone(hz=440), record=heard, duration_s=TALK_S))
        result = await incoming.ended()
        await bob.event("CALL_CLOSED")
        theirs = await bob.recording()
    assert result.result is ResultCode.OK, result
    assert transports(log) == {transport}
    both_heard_each_other(heard, theirs, TALK_S)


async def test_its_certificate_is_not_for_this_name(
    programs: Programs, tmp_path: Path, authority: Authority
) -> None:
    high = write_tone(tmp_path / "high.wav", 1000)
    async with (
        baresip(programs, "bob", source=high, authority=authority) as bob,
        Phone(ours(authority, "sips"), EventLog()) as alice,
    ):
        call = await alice.place(f"sips:bob@localhost:{bob.port + 1}", MediaPlan())
        assert (await call.ended()).result is ResultCode.TLS
