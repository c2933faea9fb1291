"""Calls of phones that are ICE lite: with a full phone, and with each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from tests.ua.phones import LOOPBACK, account, pair
from ua.errors import ResultCode
from ua.plan import Echo, MediaPlan, Tone
from ua.results import CallResult

LITE = replace(LOOPBACK, lite=True)
TALK = MediaPlan(source=Tone(hz=440), duration_s=0.6)


async def call(
    alice: IceConfig, bob: IceConfig, *, udp: bool = True
) -> tuple[CallResult, CallResult, list[str], list[str]]:
    """A call; both results, Bob's gathering problems and the requests that he got."""
    network = FirewallNetwork(HostNetwork(), FirewallPolicy(udp="open" if udp else "blocked"))
    async with pair(
        alice=account("alice", ice=alice), bob=account("bob", ice=bob), network=network
    ) as phones:
        # Over TCP: the firewall drops all UDP.
        outgoing, ringing = await phones.ring(TALK, transport="tcp")
        await ringing.accept(MediaPlan(source=Echo()))
        caller, callee = await asyncio.gather(outgoing.ended(), ringing.ended())
        problems = [
            str(entry.data["reason"])
            for entry in phones.log.entries
            if (entry.party, entry.name) == ("bob", "gathering_problem")
        ]
        requests = [line.split()[0] for line in phones.messages("bob", "in")]
    return caller, callee, problems, requests


@pytest.mark.req("ICE-8.2-1", "ICE-6.1.1-1", "ICETCP-4.4-2")
@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
@pytest.mark.parametrize("calls", [True, False], ids=["lite calls", "lite answers"])
async def test_a_call_with_a_lite_phone(udp: bool, calls: bool) -> None:
    configs = (LITE, LOOPBACK) if calls else (LOOPBACK, LITE)
    caller, callee, problems, _ = await call(*configs, udp=udp)
    assert caller.result is callee.result is ResultCode.OK
    for result in (caller, callee):
        assert result.ice is not None
        assert (result.ice.state, result.ice.transport) == ("completed", "udp" if udp else "tcp")
        assert result.received is not None
        assert result.received.packets >= 5
    lite, full = (caller, callee) if calls else (callee, caller)
    assert lite.ice is not None
    assert full.ice is not None
    assert (lite.ice.role, full.ice.role) == ("controlled", "controlling")
    assert bool(problems) is not calls, "loopback is no public address, and the log says so"


@pytest.mark.req("ICE-6.2-1", "ICE-8.2-2")
@pytest.mark.parametrize("tcp", [True, False], ids=["tcp alone", "two families"])
async def test_two_lite_phones_reconcile_by_a_second_invite(tcp: bool) -> None:
    config = replace(LITE, udp=not tcp, tcp=tcp, lite_unproved_tcp=tcp)
    caller, callee, _, requests = await call(config, config)
    assert caller.result is callee.result is ResultCode.OK
    assert [each for each in requests if each != "PRACK"] == ["INVITE", "ACK", "INVITE", "ACK", "BYE"]
    for result in (caller, callee):
        assert result.ice is not None
        assert (result.ice.state, result.ice.transport) == ("completed", "tcp" if tcp else "udp")
        assert result.received is not None
        assert result.received.packets >= 5
    assert "both sides are ICE lite" in caller.why


@pytest.mark.req("ICETCP-12-6")
async def test_two_lite_phones_with_tcp_alone_say_why_there_is_no_path() -> None:
    config = replace(LITE, udp=False)
    caller, _, _, _ = await call(config, config)
    assert caller.result is ResultCode.NO_MEDIA_PATH
    assert caller.error is not None
    assert "nothing would prove who is at the other end" in caller.error
