"""A real registrar is killed and started again, and has forgotten everybody: the phone comes back."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.peers.kamailio import Kamailio, kamailio
from tests.peers.process import Programs, until
from tests.peers.proxied import WAYS, call, user
from ua import clock
from ua.config.registration import RegistrationPolicy
from ua.events import EventLog
from ua.phone import Phone

pytestmark = pytest.mark.peer("kamailio-tls")

OUTAGE_S = 3.0
AGAIN_S = 10.0
"""From the moment when the server answers again."""


async def kill(proxy: Kamailio) -> None:
    """End every process of it at once, with no word to anybody."""
    os.killpg(proxy.program.pid, signal.SIGKILL)
    await proxy.program.ended(5)


def states(log: EventLog) -> list[str]:
    """What became of a registration."""
    return [str(entry.data["state"]) for entry in log.entries if entry.name == "registration"]


async def came_back(proxy: Kamailio, log: EventLog, since: float) -> float:
    """Seconds from `since` until the phone said that the new server knows it; 0 where it was quicker."""
    await proxy.registered("alice", 2 * AGAIN_S)
    await until(lambda: states(log)[-1] in ("registered", "refreshed"), "the phone says so", 3.0)
    last = [entry.at for entry in log.entries if entry.name == "registration"][-1]
    return max(0.0, last - since)


@pytest.mark.req("REG-6")
@pytest.mark.parametrize(
    ("way", "outage_s"), [(way, OUTAGE_S) for way in WAYS] + [("udp", 0.0), ("tcp", 0.0)]
)
async def test_a_server_that_was_killed_has_us_back_within_ten_seconds(
    programs: Programs,
    tmp_path: Path,
    authority: Authority,
    request: pytest.FixtureRequest,
    way: str,
    outage_s: float,
) -> None:
    """A connection that ends tells at once; over UDP the next REGISTER does."""
    issued, log = authority.issue(dns=["localhost"]), EventLog()
    async with AsyncExitStack() as phones:
        async with kamailio(programs, certificate=issued) as first:
            ours = user("alice", first, way, authority)
            alice = await phones.enter_async_context(Phone(ours, log))
            await alice.register(expires=300)
            await kill(first)
        await asyncio.sleep(outage_s)
        async with kamailio(programs, certificate=issued, again=first) as second:
            after = await came_back(second, log, clock.now())
            request.node.user_properties.append(("seconds", round(after, 2)))
            assert after <= AGAIN_S, (
                f"{way}: registered {after:.1f} s after the server answered: {states(log)}"
            )
            async with Phone(user("bob", second, way, authority), EventLog()) as bob:
                await bob.register(expires=300)
                await call(bob, alice, second.uri("alice"), tmp_path, "again")
            await phones.aclose()
            assert await second.location("alice") == []


@pytest.mark.req("TRN-4", "TRN-11")
@pytest.mark.parametrize("way", WAYS)
async def test_keep_alives_go_on_where_the_server_answers_them(
    programs: Programs, authority: Authority, way: str
) -> None:
    policy, log = RegistrationPolicy(keepalive="always", keepalive_s=0.5), EventLog()
    async with kamailio(programs, certificate=authority.issue(dns=["localhost"])) as proxy:
        async with Phone(user("alice", proxy, way, authority, registration=policy), log) as alice:
            await alice.register(expires=300)
            await asyncio.sleep(1.5)
        assert states(log) == ["registered", "removed"]
