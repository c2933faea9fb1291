"""A real phone at our PBX: it registers, is called, calls, is held, and hears an echo."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.test_digits import pressed
from tests.peers.baresip import baresip
from tests.peers.icephone import account_config, icephone
from tests.peers.icephone_pbx import icephone_pbx
from tests.peers.process import Programs, until
from tests.peers.tones import both_heard_each_other, tone_share, write_tone

pytestmark = pytest.mark.peer("baresip")

TALK_S = 3.0


@pytest.mark.req("PBX-1", "PBX-2", "PBX-4")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_baresip_is_called_through_the_pbx(programs: Programs, tmp_path: Path, transport: str) -> None:
    high = write_tone(tmp_path / "high.wav", 1000)
    record = tmp_path / "ours.wav"
    async with (
        icephone_pbx(programs, "alice", "bob") as pbx,
        baresip(programs, "bob", source=high, proxy=pbx, transport=transport) as bob,
    ):
        config = account_config(tmp_path, "alice", pbx, transport=transport)
        talk = ("--tone", "440", "--record", record, "--for", f"{TALK_S:g}s")
        calling = await icephone(programs, "call", pbx.uri("bob"), *talk, config=config)
        result = await calling.result()
        assert result["result"] == "ok"
        await bob.event("CALL_CLOSED")
        both_heard_each_other(record, await bob.recording(), TALK_S)


@pytest.mark.req("PBX-1", "PBX-2", "PBX-4")
async def test_baresip_calls_a_phone_and_the_echo(programs: Programs, tmp_path: Path) -> None:
    high = write_tone(tmp_path / "high.wav", 1000)
    record = tmp_path / "ours.wav"
    async with (
        icephone_pbx(programs, "alice", "bob", "carol") as pbx,
        baresip(programs, "bob", source=high, proxy=pbx) as bob,
        baresip(programs, "carol", source=high, proxy=pbx) as carol,
    ):
        config = account_config(tmp_path, "alice", pbx)
        talk = ("--tone", "440", "--record", record, "--for", f"{TALK_S:g}s", "--calls", "1")
        answering = await icephone(programs, "answer", "--register", *talk, config=config)
        await pbx.registered("alice")
        await bob.dial(pbx.uri("alice"))
        assert (await answering.result())["result"] == "ok"
        await bob.event("CALL_CLOSED")
        both_heard_each_other(record, await bob.recording(), TALK_S)
        await carol.dial(pbx.uri("600"))
        await carol.event("CALL_ESTABLISHED")
        answered = await icephone(programs, "call", pbx.uri("606"), config=config)
        assert (await answered.result(exit_code=4))["sip_code"] == 486
        await carol.hang_up()
        assert tone_share(await carol.recording(), 1000) > 0.8


@pytest.mark.req("PBX-4")
async def test_baresip_hears_a_tone_before_the_answer_and_its_keys_come_back(
    programs: Programs, tmp_path: Path
) -> None:
    low = write_tone(tmp_path / "low.wav", 600)
    async with (
        icephone_pbx(programs, "bob", "carol") as pbx,
        baresip(programs, "bob", source=low, proxy=pbx) as bob,
        baresip(programs, "carol", source=low, proxy=pbx) as carol,
    ):
        await bob.dial(pbx.uri("605"))
        await bob.event("CALL_PROGRESS")
        assert not any(event.get("type") == "CALL_ESTABLISHED" for event in bob.events)
        await carol.dial(pbx.uri("603"))
        await carol.event("CALL_ESTABLISHED")
        for key in "59#":
            await carol.command("sndcode", key)
        await until(lambda: pressed(carol) == "59#", "its keys come back")
        await carol.hang_up()
        await bob.event("CALL_ESTABLISHED")
        heard = await bob.recording()
        before = heard.stat().st_size
        await until(lambda: heard.stat().st_size > before + 24_000, "a second more is heard", 20)
        await bob.hang_up()
        assert tone_share(heard, 440) > 0.8, "before the answer"
        assert tone_share(heard, 1000) > 0.8, "and after it"
