"""Calls whose path dies: ICE is restarted and media goes on elsewhere, or the call ends with the reason."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.sockets import HostNetwork
from tests.ua.phones import LOOPBACK, Pair, account, pair
from ua.call.call import Call
from ua.errors import ResultCode
from ua.plan import MediaPlan, Tone

STAY = MediaPlan(source=Tone(hz=440))
IMPATIENT = dataclasses.replace(
    LOOPBACK, consent_interval_s=0.2, consent_timeout_s=1.0, patience_s=2.0, keepalive_s=0.5
)


async def talking(phones: Pair) -> tuple[Call, Call]:
    ours, theirs = await phones.ring(STAY)
    await theirs.accept(STAY)
    await asyncio.gather(ours.established(), theirs.established())
    return ours, theirs


async def hears_again(call: Call) -> None:
    """More packets than before arrive."""
    async with asyncio.timeout(15):
        before = 0
        while True:
            figures = call.statistics
            received = 0 if figures is None else figures.received.packets
            if before and received > before + 10:
                return
            before = before or received
            await asyncio.sleep(0.05)


@pytest.mark.req("ICETCP-11.1-5")
async def test_udp_that_dies_in_the_call_is_followed_by_tcp() -> None:
    policy = FirewallPolicy(udp="open")
    network = FirewallNetwork(HostNetwork(), policy)
    alice, bob = account("alice", ice=IMPATIENT), account("bob", ice=IMPATIENT)
    async with pair(alice=alice, bob=bob, network=network) as phones:
        ours, theirs = await talking(phones)
        sources = [
            call._media and call._media._session and call._media._session.ssrc for call in (ours, theirs)
        ]
        policy.udp = "blocked"
        restarted = 0
        async with asyncio.timeout(15):
            while restarted < 2:
                await asyncio.sleep(0.05)
                names = [entry.name for entry in phones.log.entries if entry.source == "ice"]
                restarted = sum(name == "path_selected" for name in names) // 2
        await hears_again(ours)
        await hears_again(theirs)
        # The streams are those of before: nothing begins anew that could be heard.
        assert sources == [
            call._media and call._media._session and call._media._session.ssrc for call in (ours, theirs)
        ]
        assert sum(entry.name == "media_started" for entry in phones.log.entries) == 2
        ours.hang_up()
        result, other = await asyncio.gather(ours.ended(), theirs.ended())
    assert (result.result, other.result) == (ResultCode.OK, ResultCode.OK)
    assert result.ice is not None
    assert result.ice.transport == "tcp"
    assert [change.transport for change in result.path_changes][-1] == "tcp"
    invites = [text for text in phones.messages("alice", "out") if text.startswith("INVITE")]
    assert len(invites) == 2


async def test_call_without_any_way_left_ends_with_the_reason() -> None:
    policy = FirewallPolicy(udp="open")
    network = FirewallNetwork(HostNetwork(), policy)
    no_tcp = dataclasses.replace(IMPATIENT, tcp=False)
    alice, bob = account("alice", ice=no_tcp), account("bob", ice=no_tcp)
    async with pair(alice=alice, bob=bob, network=network) as phones:
        ours, theirs = await talking(phones)
        policy.udp = "blocked"
        result, _ = await asyncio.gather(ours.ended(), theirs.ended())
    assert result.result is ResultCode.NO_MEDIA_PATH
    assert "was lost" in (result.error or "")
