"""Calls with a phone that knows ICE over UDP with two components, and tells afterwards what it selected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.peers.baresip import Baresip, baresip
from tests.peers.coturn import coturn
from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import Kamailio, kamailio
from tests.peers.netns import TwoNetworks, two_networks
from tests.peers.process import Programs, until
from tests.peers.tones import both_heard_each_other, write_tone

pytestmark = [pytest.mark.peer("netns", "kamailio", "coturn", "baresip"), pytest.mark.root]

TALK_S = 3.0


@dataclass(frozen=True, kw_only=True)
class World:
    """Where the calls take place."""

    networks: TwoNetworks
    proxy: Kamailio
    bob: Baresip


@asynccontextmanager
async def world(programs: Programs, folder: Path) -> AsyncIterator[World]:
    """Two networks, a proxy and a STUN server between them, the phone in the second."""
    tone = write_tone(folder / "1000.wav", 1000)
    async with (
        two_networks() as networks,
        kamailio(programs, place=networks.router) as proxy,
        coturn(programs, place=networks.router) as server,
        baresip(
            *(programs, "bob"),
            source=tone,
            proxy=proxy,
            stun=f"stun:{server.host}:{server.port}",
            place=networks.callee,
        ) as bob,
    ):
        yield World(networks=networks, proxy=proxy, bob=bob)


async def test_calling_the_phone(programs: Programs, tmp_path: Path) -> None:
    ours = tmp_path / "ours.wav"
    async with world(programs, tmp_path) as here:
        caller = here.networks.caller
        config = account_config(tmp_path, "alice", here.proxy, listen=f"{caller.host}:0")
        talk = ("--tone", "440", "--record", ours, "--for", f"{TALK_S:g}s")
        phone = await icephone(
            programs, "call", here.proxy.uri("bob"), *talk, config=config, prefix=caller.prefix
        )
        result = await phone.result()
        await here.bob.event("CALL_CLOSED")
        theirs = await here.bob.recording()
    ice_completed(result, "controlling")
    both_heard_each_other(ours, theirs, TALK_S)


async def test_being_called_by_the_phone(programs: Programs, tmp_path: Path) -> None:
    ours = tmp_path / "ours.wav"
    async with world(programs, tmp_path) as here:
        caller = here.networks.caller
        config = account_config(tmp_path, "alice", here.proxy, listen=f"{caller.host}:0")
        talk = ("--tone", "440", "--record", ours, "--calls", "1")
        phone = await icephone(programs, "answer", "--register", *talk, config=config, prefix=caller.prefix)
        await phone.noted("registered")
        await here.bob.dial(here.proxy.uri("alice"))
        await here.bob.event("CALL_ESTABLISHED")
        theirs = await here.bob.recording()
        await until(lambda: theirs.stat().st_size > TALK_S * 16000, "three seconds are recorded")
        await here.bob.hang_up()
        result = await phone.result()
    ice_completed(result, "controlled")
    both_heard_each_other(ours, theirs, TALK_S)


def ice_completed(result: dict[str, Any], role: str) -> None:
    """RTP and RTCP have a pair each."""
    assert result["result"] == "ok"
    assert result["ice"]["state"] == "completed"
    assert result["ice"]["role"] == role
    selected = [pair for pair in result["ice"]["pairs"] if pair["selected"]]
    assert sorted(pair["component"] for pair in selected) == [1, 2]
    assert {pair["transport"] for pair in selected} == {"udp"}
