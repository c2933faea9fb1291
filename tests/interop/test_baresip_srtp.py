"""Protected calls with a real phone: SRTP by keys in the description and by DTLS, as caller and as callee."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.peers.baresip import baresip
from tests.peers.process import Programs, until
from tests.peers.tones import tone_share, write_tone
from tests.peers.tshark import capture
from tests.ua.phones import account
from ua.config.srtp import SrtpChoice
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import MediaPlan, Tone

pytestmark = pytest.mark.peer("baresip", "tshark")

WAYS = pytest.mark.parametrize(
    ("protection", "choice"), [("srtp-mand", "sdes"), ("dtls_srtp", "dtls"), ("srtp", "auto")]
)


@WAYS
async def test_calling_the_phone(
    programs: Programs, tmp_path: Path, protection: str, choice: SrtpChoice
) -> None:
    high, record = write_tone(tmp_path / "high.wav", 1000), tmp_path / "ours.wav"
    ours = account("alice", srtp_over_plain_sip=True)
    log = EventLog()
    async with (
        baresip(programs, "bob", source=high, protection=protection) as bob,
        capture(programs, "udp") as seen,
        Phone(ours, log) as phone,
    ):
        plan = MediaPlan(source=Tone(hz=440), record=record, duration_s=3.0, srtp=choice)
        call = await phone.place(f"sip:bob@{bob.host}:{bob.port}", plan)
        result = await call.ended()
        await bob.event("CALL_CLOSED")
        theirs = await bob.recording()
    assert result.result is ResultCode.OK, result.error
    assert result.srtp is not None
    assert result.received is not None
    assert result.received.packets > 50
    assert tone_share(record, 1000) > 0.9
    assert tone_share(theirs, 440) > 0.9
    assert result.ice is not None
    port = str(result.ice.local).rpartition(":")[2]
    condition = f"udp.port == {port} && udp.length > 150"
    sizes = await seen.decode("-Y", condition, "-T", "fields", "-e", "udp.length")
    lengths = [int(line.split()[0]) - 8 for line in sizes.splitlines()]
    # Each packet of 160 bytes of audio has a tag; that of the handshake is longer.
    assert sum(length - 12 - 160 in (4, 10, 16) for length in lengths) > 100
    assert 12 + 160 not in lengths


@WAYS
async def test_being_called_by_the_phone(
    programs: Programs, tmp_path: Path, protection: str, choice: SrtpChoice
) -> None:
    high, record = write_tone(tmp_path / "high.wav", 1000), tmp_path / "ours.wav"
    async with (
        Phone(account("alice", srtp_over_plain_sip=True), EventLog()) as phone,
        baresip(programs, "bob", source=high, protection=protection) as bob,
    ):
        ringing = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        address = next(uri for uri in phone.addresses if "transport" not in uri)
        await bob.dial(address)
        call = await ringing
        await call.accept(MediaPlan(source=Tone(hz=440), record=record, srtp="auto"))
        await call.established()
        await bob.event("CALL_ESTABLISHED")
        theirs = await bob.recording()
        await until(lambda: theirs.stat().st_size > 16_000, "a second is recorded")
        await bob.hang_up()
        result = await call.ended()
    assert result.result is ResultCode.OK, result.error
    assert result.srtp is not None, choice
    assert tone_share(record, 1000) > 0.9
    assert tone_share(theirs, 440) > 0.9
