"""Calls with linphonec 5.1 that uses ICE, over UDP alone: it passes over TCP candidates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import Kamailio, kamailio
from tests.peers.linphone import Linphone, linphone
from tests.peers.netns import TwoNetworks, two_networks
from tests.peers.process import Programs, until
from tests.peers.tones import lasts, seconds, tone_share, write_tone

pytestmark = [pytest.mark.peer("netns", "kamailio", "linphone"), pytest.mark.root]

TALK_S = 2.0


@asynccontextmanager
async def world(programs: Programs, folder: Path) -> AsyncIterator[tuple[TwoNetworks, Kamailio, Linphone]]:
    """Two networks, a proxy between them, the phone in the second."""
    tone = write_tone(folder / "1000.wav", 1000)
    async with (
        two_networks() as networks,
        kamailio(programs, place=networks.router) as proxy,
        linphone(programs, "lin", source=tone, proxy=proxy, ice=True, place=networks.callee) as lin,
    ):
        yield networks, proxy, lin


async def test_calling_it(programs: Programs, tmp_path: Path) -> None:
    ours = tmp_path / "ours.wav"
    async with world(programs, tmp_path) as (networks, proxy, lin):
        config = account_config(tmp_path, "alice", proxy, listen=f"{networks.caller.host}:0")
        talk = ("--tone", "440", "--record", ours, "--for", f"{TALK_S:g}s")
        phone = await icephone(
            programs, "call", proxy.uri("lin"), *talk, config=config, prefix=networks.caller.prefix
        )
        result = await phone.result()
        await lin.over()
    ice_completed(result, "controlling")
    both_heard_each_other(ours, lin.recording)


async def test_being_called_by_it(programs: Programs, tmp_path: Path) -> None:
    ours = tmp_path / "ours.wav"
    async with world(programs, tmp_path) as (networks, proxy, lin):
        config = account_config(tmp_path, "alice", proxy, listen=f"{networks.caller.host}:0")
        talk = ("--tone", "440", "--record", ours, "--calls", "1")
        phone = await icephone(
            programs, "answer", "--register", *talk, config=config, prefix=networks.caller.prefix
        )
        await phone.noted("registered")
        lin.command(f"call {proxy.uri('alice')}")
        await lin.connected()
        await until(lambda: ours.exists() and seconds(ours) > TALK_S, "two seconds are recorded")
        lin.command("terminate")
        result = await phone.result()
        await lin.over()
    ice_completed(result, "controlled")
    both_heard_each_other(ours, lin.recording)


def ice_completed(result: dict[str, Any], role: str) -> None:
    """Every component has a pair, all over UDP."""
    assert result["result"] == "ok"
    assert result["ice"]["state"] == "completed"
    assert result["ice"]["role"] == role
    selected = [pair for pair in result["ice"]["pairs"] if pair["selected"]]
    assert {pair["transport"] for pair in selected} == {"udp"}


def both_heard_each_other(ours: Path, theirs: Path) -> None:
    """Our recording holds 1000 Hz and theirs 440 Hz, for as long as the call was."""
    assert tone_share(ours, 1000) > 0.9
    assert tone_share(theirs, 440) > 0.85  # ends with a tone of its own that says that the call is over
    assert lasts(ours, TALK_S)
    assert lasts(theirs, TALK_S)
