"""A real registrar is killed and started again, and has forgotten everybody: the phone comes back."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.peers.icephone import Icephone, account_config, icephone
from tests.peers.kamailio import Kamailio, kamailio
from tests.peers.process import Programs, until

pytestmark = pytest.mark.peer("kamailio")

OUTAGE_S = 3.0
AGAIN_S = 10.0
"""From the moment when the server answers again (measured: 0 to 4 s)."""


async def kill(proxy: Kamailio) -> None:
    """End every process of it at once, with no word to anybody."""
    os.killpg(proxy.program.pid, signal.SIGKILL)
    await proxy.program.ended(5)


def states(phone: Icephone) -> list[str]:
    """What it said of its registration."""
    return [str(event["state"]) for event in phone.objects if "event" in event]


@pytest.mark.req("REG-6")
@pytest.mark.parametrize(
    ("transport", "sip"), [("tcp", ""), ("udp", 'keepalive = "always"\nkeepalive_s = 1\n')]
)
async def test_a_server_that_was_killed_has_us_back_within_ten_seconds(
    programs: Programs, tmp_path: Path, transport: str, sip: str
) -> None:
    """Over TCP the end of the connection tells; over UDP the next keep-alive finds nobody."""
    async with kamailio(programs) as first:
        config = account_config(tmp_path, "alice", first, transport=transport, sip=sip)
        phone = await icephone(programs, "register", "--watch", config=config)
        before = await first.registered("alice")
        await asyncio.sleep(1.5)
        await kill(first)
        port = first.port
        await asyncio.sleep(OUTAGE_S)
    async with kamailio(programs, port=port) as second:
        assert await second.registered("alice", AGAIN_S) == before
        await until(lambda: states(phone)[-1] == "registered", "it says so", 3.0)
        assert states(phone)[:2] == ["registered", "flow failed"]
        assert await phone.interrupt() == 130
        assert await second.location("alice") == []


@pytest.mark.req("TRN-4", "TRN-11")
async def test_keep_alives_go_on_where_the_server_answers_them(programs: Programs, tmp_path: Path) -> None:
    async with kamailio(programs) as proxy:
        for transport in ("udp", "tcp"):
            sip = 'keepalive = "always"\nkeepalive_s = 1\n'
            config = account_config(tmp_path, "alice", proxy, transport=transport, sip=sip)
            phone = await icephone(programs, "register", "--watch", config=config)
            await until(lambda: bool(phone.results), "it prints that it is registered", 30.0)  # noqa: B023
            await asyncio.sleep(2.5)
            assert states(phone) == ["registered"], transport
            assert await phone.interrupt() == 130
