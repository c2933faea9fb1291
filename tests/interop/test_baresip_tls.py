"""Calls over TLS with a phone of others, without a server, both ways."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.peers.baresip import baresip
from tests.peers.process import Programs
from tests.peers.tones import seconds, tone_share, write_tone
from tests.ua.phones import account
from ua.config.account import Account
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone
from ua.sip.transport.tls.config import TlsConfig

pytestmark = pytest.mark.peer("baresip")

TALK_S = 1.5


def ours(authority: Authority) -> Account:
    own = authority.issue(addresses=["127.0.0.1"])
    tls = TlsConfig(ca_file=authority.certificate, certificate=own.certificate, key=own.key)
    return account("alice", transport="tls", tls=tls)


def transports(log: EventLog) -> set[object]:
    return {each.data["transport"] for each in log.entries if (each.source, each.name) == ("sip", "message")}


def both_heard_each_other(heard: Path, theirs: Path) -> None:
    assert tone_share(heard, 1000) > 0.9
    assert tone_share(theirs, 440) > 0.9
    assert min(seconds(heard), seconds(theirs)) > TALK_S * 0.7


@pytest.mark.req("TRN-5")
@pytest.mark.parametrize("scheme", ["sips", "sip"])
async def test_calling_it(programs: Programs, tmp_path: Path, scheme: str) -> None:
    authority, log, heard = Authority(tmp_path), EventLog(), tmp_path / "heard.wav"
    high = write_tone(tmp_path / "high.wav", 1000)
    async with (
        baresip(programs, "bob", source=high, authority=authority) as bob,
        Phone(ours(authority), log) as alice,
    ):
        end = "" if scheme == "sips" else ";transport=tls"
        uri = f"{scheme}:bob@127.0.0.1:{bob.port + 1}{end}"
        call = await alice.place(uri, MediaPlan(source=Tone(hz=440), record=heard, duration_s=TALK_S))
        result = await call.ended()
        await bob.event("CALL_CLOSED")
        theirs = await bob.recording()
    assert result.result is ResultCode.OK, result
    assert transports(log) == {"tls"}
    both_heard_each_other(heard, theirs)


@pytest.mark.req("TRN-5")
async def test_being_called_by_it(programs: Programs, tmp_path: Path) -> None:
    """It checks our certificate, and has none of its own to show."""
    authority, log, heard = Authority(tmp_path), EventLog(), tmp_path / "heard.wav"
    high = write_tone(tmp_path / "high.wav", 1000)
    async with (
        baresip(programs, "bob", source=high, authority=authority, transport="tls") as bob,
        Phone(ours(authority), log) as alice,
    ):
        calls = alice.incoming()
        ringing = asyncio.ensure_future(anext(calls))
        await asyncio.sleep(0)
        address = next(uri for uri in alice.addresses if uri.startswith("sips:") and ";" not in uri)
        await bob.dial(address.replace("sips:", "sip:"))  # it adds the transport of its account
        incoming = await asyncio.wait_for(ringing, 10)
        await incoming.accept(MediaPlan(source=Tone(hz=440), record=heard, duration_s=TALK_S))
        result = await incoming.ended()
        await bob.event("CALL_CLOSED")
        theirs = await bob.recording()
    assert result.result is ResultCode.OK, result
    assert transports(log) == {"tls"}
    both_heard_each_other(heard, theirs)


async def test_its_certificate_is_not_for_this_name(programs: Programs, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    high = write_tone(tmp_path / "high.wav", 1000)
    async with (
        baresip(programs, "bob", source=high, authority=authority) as bob,
        Phone(ours(authority), EventLog()) as alice,
    ):
        call = await alice.place(f"sips:bob@localhost:{bob.port + 1}", MediaPlan())
        assert (await call.ended()).result is ResultCode.TLS
