"""icephone at a real proxy, in calls with a real phone, over UDP and TCP."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.baresip import baresip
from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import kamailio
from tests.peers.process import Programs, until
from tests.peers.tones import both_heard_each_other, write_tone

pytestmark = pytest.mark.peer("kamailio", "baresip")

TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])
TALK_S = 3.0


@pytest.mark.req("REG-3")
@TRANSPORTS
async def test_registering_and_leaving(programs: Programs, tmp_path: Path, transport: str) -> None:
    tone = write_tone(tmp_path / "tone.wav", 440)
    async with kamailio(programs) as proxy, baresip(programs, "alice", source=tone, proxy=proxy):
        other = await proxy.registered("alice")
        config = account_config(tmp_path, "alice", proxy, transport=transport)
        phone = await icephone(programs, "register", "--watch", config=config)
        await until(lambda: bool(phone.results), "it prints that it is registered", 30.0)
        assert phone.results[0]["result"] == "ok"
        contact = phone.results[0]["contact"]
        assert ("transport=tcp" in contact) is (transport == "tcp")
        assert set(await proxy.location("alice")) == {other, contact}
        assert await phone.interrupt() == 130
        assert await proxy.location("alice") == [other]
    states = [event["state"] for event in phone.objects if "event" in event]
    assert states == ["registered", "removed"]


@TRANSPORTS
async def test_a_wrong_password_is_told(programs: Programs, tmp_path: Path, transport: str) -> None:
    async with kamailio(programs) as proxy:
        config = account_config(tmp_path, "alice", proxy, transport=transport, password="wrong")
        phone = await icephone(programs, "register", config=config)
        assert await phone.program.ended(15) == 3
        assert await proxy.location("alice") == []
        assert "Traceback" not in phone.program.text()


@pytest.mark.req("DIG-9", "SDP-ICE-23")
@TRANSPORTS
async def test_calling_the_phone(programs: Programs, tmp_path: Path, transport: str) -> None:
    high = write_tone(tmp_path / "high.wav", 1000)
    record = tmp_path / "ours.wav"
    async with (
        kamailio(programs) as proxy,
        baresip(programs, "bob", source=high, proxy=proxy, transport=transport) as bob,
    ):
        config = account_config(tmp_path, "alice", proxy, transport=transport)
        talk = ("--tone", "440", "--record", record, "--for", f"{TALK_S:g}s")
        phone = await icephone(programs, "call", proxy.uri("bob"), *talk, config=config)
        result = await phone.result()
        await bob.event("CALL_CLOSED")
        theirs = await bob.recording()
    assert result["result"] == "ok"
    assert result["codec"] == "PCMU"
    assert result["ice"]["state"] == "off"
    assert result["received"]["packets"] > 50 * TALK_S * 0.3, (
        "a second of it may be lost to a machine that stands still"
    )
    both_heard_each_other(record, theirs, TALK_S)


@pytest.mark.req("SDP-ICE-6")
@TRANSPORTS
async def test_being_called_by_the_phone(programs: Programs, tmp_path: Path, transport: str) -> None:
    high = write_tone(tmp_path / "high.wav", 1000)
    record = tmp_path / "ours.wav"
    async with (
        kamailio(programs) as proxy,
        baresip(programs, "bob", source=high, proxy=proxy, transport=transport) as bob,
    ):
        config = account_config(tmp_path, "alice", proxy, transport=transport)
        talk = ("--tone", "440", "--record", record, "--calls", "1")
        phone = await icephone(programs, "answer", "--register", *talk, config=config)
        await phone.noted("registered")
        await bob.dial(proxy.uri("alice"))
        await bob.event("CALL_ESTABLISHED")
        theirs = await bob.recording()
        await until(lambda: theirs.stat().st_size > TALK_S * 16000, "three seconds are recorded")
        await bob.hang_up()
        result = await phone.result()
        assert await proxy.location("alice") == []
        # Its trace shows our answer.
        assert "a=sendrecv" in bob.program.text()
        assert "a=ice" not in bob.program.text()
        assert "a=candidate" not in bob.program.text()
    assert result["result"] == "ok"
    assert "bob" in result["remote"]
    both_heard_each_other(record, theirs, TALK_S)
