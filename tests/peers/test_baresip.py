"""Two phones through the proxy hear each other's tone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.baresip import baresip
from tests.peers.kamailio import kamailio
from tests.peers.process import PeerError, Programs, until
from tests.peers.tones import seconds, tone_share, write_tone

pytestmark = pytest.mark.peer("kamailio", "baresip")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_two_phones_hear_each_other(programs: Programs, tmp_path: Path, transport: str) -> None:
    low = write_tone(tmp_path / "low.wav", 440)
    high = write_tone(tmp_path / "high.wav", 1000)
    async with (
        kamailio(programs) as proxy,
        baresip(programs, "alice", source=low, proxy=proxy, transport=transport) as alice,
        baresip(programs, "bob", source=high, proxy=proxy, transport=transport) as bob,
    ):
        assert ("transport=tcp" in await proxy.registered("bob")) is (transport == "tcp")
        await alice.dial(proxy.uri("bob"))
        await alice.event("CALL_ESTABLISHED")
        heard = [await phone.recording() for phone in (alice, bob)]
        await until(lambda: min(file.stat().st_size for file in heard) > 32000, "two seconds are recorded")
        await alice.hang_up()
        await bob.event("CALL_CLOSED")
    assert tone_share(heard[0], 1000) > 0.9
    assert tone_share(heard[1], 440) > 0.9
    assert min(map(seconds, heard)) > 1.5


async def test_a_phone_that_is_asked_answers(programs: Programs, tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "tone.wav", 440)
    async with (
        kamailio(programs) as proxy,
        baresip(programs, "alice", source=tone, proxy=proxy) as alice,
        baresip(programs, "bob", source=tone, proxy=proxy, answers=False) as bob,
    ):
        await alice.dial(proxy.uri("bob"))
        await bob.event("CALL_INCOMING")
        assert not any(event["type"] == "CALL_ESTABLISHED" for event in bob.events)
        await bob.answer()
        await alice.event("CALL_ESTABLISHED")
        await bob.hang_up()
        await alice.event("CALL_CLOSED")
        with pytest.raises(PeerError, match="alice has CALL_INCOMING"):
            await alice.event("CALL_INCOMING", 0.01)


async def test_a_wrong_password_does_not_register(programs: Programs, tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "tone.wav", 440)
    async with kamailio(programs) as proxy, baresip(programs, "bob", source=tone, password="wrong") as bob:
        await bob.command("uanew", f"<{proxy.uri('bob')}>;auth_pass=wrong;regint=60")
        await bob.event("REGISTER_FAIL")
        assert await proxy.location("bob") == []
