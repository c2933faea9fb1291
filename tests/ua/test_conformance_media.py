"""What ICE asks of the phone around it (RFC 8445 §8.1.2)."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from ice.firewall import FirewallNetwork, FirewallPolicy
from ice.sockets import HostNetwork
from tests.ua.phones import LOOPBACK, account, pair
from ua.errors import NoMediaPath, ResultCode
from ua.plan import Echo, MediaPlan, Tone

UDP_ALONE = dataclasses.replace(LOOPBACK, tcp=False)
IMPATIENT = dataclasses.replace(UDP_ALONE, patience_s=0.5, check_timeout_s=0.4)


@pytest.mark.req("ICE-8.1.2-2")
async def test_the_controlling_side_ends_the_call_when_its_checks_have_failed() -> None:
    """The other side would check on for 40 s; it learns of the end by a BYE."""
    network = FirewallNetwork(HostNetwork(), FirewallPolicy(udp="blocked"))
    async with pair(
        alice=account("alice", ice=IMPATIENT), bob=account("bob", ice=UDP_ALONE), network=network
    ) as phones:
        call, ringing = await phones.ring(MediaPlan(source=Tone(hz=440)), transport="tcp")
        await ringing.accept(MediaPlan(source=Echo()))
        with pytest.raises(NoMediaPath):
            await call.established()
        async with asyncio.timeout(5):
            caller, callee = await asyncio.gather(call.ended(), ringing.ended())
        assert [line for line in phones.messages("alice", "out") if line.startswith("BYE ")]
        assert not [line for line in phones.messages("bob", "out") if line.startswith("BYE ")]
    assert caller.result is callee.result is ResultCode.NO_MEDIA_PATH
    assert caller.ice is not None
    assert (caller.ice.state, caller.ice.role) == ("failed", "controlling")
