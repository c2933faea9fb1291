"""The slow link: its round trip, its firewalls, and that nothing is left of it."""

from __future__ import annotations

import json
import socket
import sys

import pytest

from tests.peers.delayed_link import DelayedLink, delayed_link
from tests.peers.netns import run
from tests.peers.process import PeerError, Programs

pytestmark = [pytest.mark.peer("netns"), pytest.mark.root]

DELAY_S = 0.02

# Echoes datagrams, and greets whoever connects.
SERVE = """
import selectors, socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((sys.argv[1], 4000))
tcp = socket.create_server((sys.argv[1], 4000))
print("ready", flush=True)
selector = selectors.DefaultSelector()
for one in (udp, tcp):
    selector.register(one, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is udp:
            data, remote = udp.recvfrom(100)
            udp.sendto(data, remote)
        else:
            tcp.accept()[0].close()
"""

# Prints how long an answer took over UDP and a connection over TCP, in seconds; null where there was none.
ASK = """
import json, socket, sys, time
def timed(ask):
    started = time.monotonic()
    try:
        ask()
    except TimeoutError:
        return None
    return time.monotonic() - started
def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        s.sendto(b"?", (sys.argv[1], 4000))
        s.recv(100)
def tcp():
    socket.create_connection((sys.argv[1], 4000), timeout=0.5).close()
print(json.dumps([timed(udp), timed(tcp)]))
"""


async def ask(link: DelayedLink) -> list[float | None]:
    """Round trips from left to right over UDP and TCP, seconds."""
    answer = await run(*link.left.prefix, sys.executable, "-c", ASK, link.right.host)
    times: list[float | None] = json.loads(answer)
    return times


async def test_a_round_trip_takes_two_delays_and_the_firewall_is_silent(programs: Programs) -> None:
    async with delayed_link(DELAY_S) as link:
        serving = [*link.right.prefix, sys.executable, "-c", SERVE, link.right.host]
        await (await programs.start("server", serving)).wrote("ready")
        for time in await ask(link):
            assert time is not None
            assert 2 * DELAY_S <= time < 2 * DELAY_S + 0.1
        await link.filter(link.right, udp=False, dials=True)
        udp, tcp = await ask(link)
        assert udp is None
        assert tcp is not None
        await link.filter(link.right, udp=True, dials=False)
        udp, tcp = await ask(link)
        assert udp is not None
        assert tcp is None
        await link.filter(link.left, udp=False, dials=False)
        await link.filter(link.right, udp=True, dials=True)
        udp, tcp = await ask(link)
        assert udp is None, "the answer is dropped where it arrives"
        assert tcp is not None, "an answer to a SYN opens nothing"


async def test_nothing_is_left_of_it() -> None:
    interfaces = {name for _, name in socket.if_nameindex()}
    with pytest.raises(PeerError, match="said"):
        async with delayed_link(DELAY_S) as link:
            made = {link.left.name, link.right.name}
            assert made <= {entry["name"] for entry in json.loads(await run("ip", "-j", "netns"))}
            raise PeerError("said")
    assert not made & {entry["name"] for entry in json.loads(await run("ip", "-j", "netns") or "[]")}
    assert {name for _, name in socket.if_nameindex()} == interfaces
