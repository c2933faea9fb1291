"""Calls whose network changes in the middle: the real command line, real links, a real firewall."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.peers.baresip import baresip
from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import kamailio
from tests.peers.netns import TwoNetworks, two_networks
from tests.peers.process import Programs, until
from tests.peers.tones import longest_silence, seconds, tone_share, write_tone

pytestmark = [pytest.mark.peer("netns", "kamailio"), pytest.mark.root]

BEFORE_S, TALK_S = 2.0, 9.0


@dataclass(kw_only=True)
class Talk:
    """A call between two namespaces, and how it ended."""

    networks: TwoNetworks
    heard: dict[str, Path]
    results: dict[str, dict[str, Any]]

    def silent_s(self) -> float:
        """For how long the caller or the callee heard nothing; what came is the tone of the other."""
        for side, hz in (("caller", 1000), ("callee", 440)):
            assert tone_share(self.heard[side], hz, whole=True) > 0.6
        return max(longest_silence(file) for file in self.heard.values())


async def disturbed(
    programs: Programs,
    folder: Path,
    disturb: Callable[[TwoNetworks], Awaitable[None]],
    *,
    sip: str,
    second_link: bool = False,
    calls_from: str = "caller",
) -> Talk:
    """Let the two talk, disturb their network in the middle, wait for the end."""
    heard = {name: folder / f"{name}.wav" for name in ("caller", "callee")}
    async with two_networks() as networks:
        if second_link:
            await networks.add_link()
        places = {"caller": networks.caller, "callee": networks.callee}
        tones = {"caller": "440", "callee": "1000"}
        other = "callee" if calls_from == "caller" else "caller"
        async with kamailio(programs, place=networks.router) as proxy:
            configs = {
                name: account_config(folder, name, proxy, transport=sip, listen="0.0.0.0:0")
                for name in places
            }
            answering = await icephone(
                programs,
                *("answer", "--register", "--tone", tones[other], "--record", heard[other], "--calls", "1"),
                config=configs[other],
                prefix=places[other].prefix,
            )
            await answering.noted("registered")
            calling = await icephone(
                programs,
                *("call", proxy.uri(other), "--tone", tones[calls_from]),
                *("--record", heard[calls_from], "--for", f"{TALK_S:g}s"),
                config=configs[calls_from],
                prefix=places[calls_from].prefix,
            )
            await until(
                lambda: all(file.exists() and seconds(file) > BEFORE_S for file in heard.values()),
                "both talk",
                timeout_s=30.0,
            )
            await disturb(networks)
            results = {
                calls_from: await calling.result(60.0, exit_code=0),
                other: await answering.result(60.0, exit_code=0),
            }
    return Talk(networks=networks, heard=heard, results=results)


@pytest.mark.parametrize("sip", ["tcp", "udp"])
async def test_udp_that_dies_in_the_call_is_followed_by_tcp(
    programs: Programs, tmp_path: Path, sip: str
) -> None:
    talk = await disturbed(programs, tmp_path, TwoNetworks.drop_udp, sip=sip)
    for result in talk.results.values():
        (change,) = result["path_changes"][:1]
        assert change["transport"] == result["ice"]["transport"] == "tcp"
    assert talk.silent_s() < 5.0


@pytest.mark.req("ICE-5.1.1.4-2")
@pytest.mark.parametrize(
    ("lose", "sip", "calls_from"),
    [
        (TwoNetworks.lose_address, "udp", "caller"),
        (TwoNetworks.lose_address, "udp", "callee"),
        (TwoNetworks.lose_address, "tcp", "caller"),
        (TwoNetworks.lose_link, "udp", "caller"),
    ],
    ids=["address", "address-of-the-callee", "address-sip-tcp", "link"],
)
async def test_a_link_that_goes_is_followed_by_the_other(
    programs: Programs,
    tmp_path: Path,
    lose: Callable[[TwoNetworks], Awaitable[None]],
    sip: str,
    calls_from: str,
) -> None:
    talk = await disturbed(programs, tmp_path, lose, sip=sip, second_link=True, calls_from=calls_from)
    changes = talk.results["caller"]["path_changes"]
    assert changes[0]["reason"] == "this host has lost the address 192.0.2.2"
    assert talk.results["caller"]["ice"]["local"].startswith("203.0.113.2:")
    assert talk.silent_s() < 3.0


@pytest.mark.req("TRN-14")
@pytest.mark.peer("baresip")
@pytest.mark.parametrize(
    ("sip", "gap_s", "route_after_s"),
    [("udp", 0.0, 0.0), ("tcp", 0.0, 0.0), ("udp", 2.0, 0.0), ("udp", 0.5, 2.5), ("tcp", 0.5, 2.5)],
)
async def test_a_phone_without_ice_is_told_the_new_address(
    programs: Programs, tmp_path: Path, sip: str, gap_s: float, route_after_s: float
) -> None:
    """Media and Contact: baresip sends RTP and BYE to the other link, whose route may come late."""
    ours, tone = tmp_path / "ours.wav", write_tone(tmp_path / "1000.wav", 1000)
    async with two_networks() as networks:
        if not gap_s:
            await networks.add_link()
        async with (
            kamailio(programs, place=networks.router) as proxy,
            baresip(programs, "bob", source=tone, proxy=proxy, place=networks.callee) as bob,
        ):
            calling = await icephone(
                programs,
                *("call", proxy.uri("bob"), "--tone", "440", "--record", ours, "--for", "60s"),
                config=account_config(tmp_path, "alice", proxy, transport=sip, listen="0.0.0.0:0"),
                prefix=networks.caller.prefix,
            )
            theirs = await bob.recording()
            await until(
                lambda: seconds(ours) > BEFORE_S and theirs.stat().st_size > BEFORE_S * 16000, "both talk"
            )
            await networks.lose_address()
            if gap_s:
                await asyncio.sleep(gap_s)
                await networks.add_link(route_after_s=route_after_s)
            before = seconds(ours)
            await until(lambda: seconds(ours) > before + 4.0, "four seconds more are recorded")
            await bob.hang_up()
            result = await calling.result(10.0, exit_code=0)
        assert [change["local"].split(":")[0] for change in result["path_changes"]] == ["203.0.113.2"]
        assert result["path_changes"][0]["reason"] == "this host has lost the address 192.0.2.2"
        for file, hz in ((ours, 1000), (theirs, 440)):
            assert longest_silence(file) < 3.0 + gap_s + route_after_s
            assert tone_share(file, hz, whole=True) > 0.6
