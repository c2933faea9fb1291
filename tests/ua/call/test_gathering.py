"""A call that rings has gathered already (RFC 8445 §5.1.1)."""

from __future__ import annotations

import asyncio

import pytest

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import DatagramReceiver, UdpSocket
from ice.net.sockets import HostNetwork
from tests.ua.phones import account, pair
from ua.config.calls import CallsSettings
from ua.errors import ResultCode, UsageError
from ua.plan import Echo, MediaPlan, PathChoice, Tone

STAY = MediaPlan(source=Tone(hz=440))


class WatchedNetwork(FirewallNetwork):
    """Counts the UDP sockets that are bound."""

    def __init__(self) -> None:
        super().__init__(HostNetwork(), FirewallPolicy(udp="open"))
        self.bound = 0

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        self.bound += 1
        return await super().bind_udp(host, port, on_datagram)


async def sockets_for_answering(path: PathChoice, *, early: bool = True) -> int:
    """How many UDP sockets are bound because a call that has rung for a while is answered on `path`."""
    network = WatchedNetwork()
    async with pair(bob=account("bob", calls=CallsSettings(early_answer=early)), network=network) as phones:
        ours, theirs = await phones.ring(STAY)
        await asyncio.sleep(0.2)
        rung = network.bound
        await theirs.accept(MediaPlan(source=Echo(), path=path))
        await asyncio.gather(ours.established(), theirs.established())
        answered = network.bound
        ours.hang_up()
        await asyncio.gather(ours.ended(), theirs.ended())
    return answered - rung


@pytest.mark.req("ICE-5.1.1-1")
async def test_the_callee_gathers_before_it_answers() -> None:
    assert await sockets_for_answering("auto") == 0


async def test_who_answers_on_other_ways_gathers_anew() -> None:
    assert await sockets_for_answering("udp", early=False) > 0


async def test_who_has_told_its_candidates_cannot_take_other_ways_any_more() -> None:
    """Nothing that was asked for is left out in silence."""
    async with pair() as phones:
        ours, theirs = await phones.ring(STAY)
        await theirs.accept(MediaPlan(source=Echo(), path="tcp"))
        with pytest.raises(UsageError, match="too late"):
            await theirs.established()
        assert (await theirs.ended()).result is ResultCode.USAGE
        assert (await ours.ended()).sip_code == 480


@pytest.mark.parametrize("end", ["reject", "hang up"])
async def test_a_call_that_nobody_answers_frees_what_it_gathered(end: str) -> None:
    # What is left open fails every test of this project.
    async with pair() as phones:
        ours, theirs = await phones.ring(STAY)
        if end == "reject":
            theirs.reject(486)
        else:
            theirs.hang_up()
        result, _ = await asyncio.gather(ours.ended(), theirs.ended())
    assert result.sip_code == (486 if end == "reject" else 480)
