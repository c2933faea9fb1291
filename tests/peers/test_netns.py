"""The two networks: reachable at first, then without UDP and with drops counted."""

from __future__ import annotations

import socket
import sys

import pytest

from tests.peers.kamailio import kamailio
from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.netns import run, two_networks
from tests.peers.process import PeerError, Programs

pytestmark = [pytest.mark.peer("netns"), pytest.mark.root]

ECHO = """
import asyncio, socket, sys
host, kind = sys.argv[1:]
async def main():
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, getattr(socket, kind)) as s:
        s.setblocking(False)
        s.bind((host, 4000))
        if kind == "SOCK_STREAM":
            s.listen()
        print("ready", flush=True)
        while True:
            if kind == "SOCK_STREAM":
                connection, _ = await loop.sock_accept(s)
                await loop.sock_sendall(connection, await loop.sock_recv(connection, 100))
                connection.close()
            else:
                data, remote = await loop.sock_recvfrom(s, 100)
                await loop.sock_sendto(s, data, remote)
asyncio.run(main())
"""

ASK = """
import socket, sys
host, kind = sys.argv[1:]
with socket.socket(socket.AF_INET, getattr(socket, kind)) as s:
    s.settimeout(0.5)
    s.connect((host, 4000))
    s.send(b"hello")
    assert s.recv(100) == b"hello"
"""


async def answers(programs: Programs, asking: Namespace, host: str, kind: str) -> bool:
    program = await programs.start("ask", [*asking.prefix, sys.executable, "-c", ASK, host, kind])
    return await program.ended(10) == 0


async def test_udp_is_dropped_and_counted_and_tcp_is_not(programs: Programs) -> None:
    async with two_networks() as networks:
        callee = networks.callee
        for kind in ("SOCK_STREAM", "SOCK_DGRAM"):
            command = [*callee.prefix, sys.executable, "-c", ECHO, callee.host, kind]
            await (await programs.start("echo", command)).wrote("ready")
            assert await answers(programs, networks.caller, callee.host, kind)
        with pytest.raises(PeerError, match="dropped"):
            await networks.drops()
        await networks.drop_udp()
        assert await networks.drops() == 0
        assert await answers(programs, networks.caller, callee.host, "SOCK_STREAM")
        assert await networks.drops() == 0
        assert not await answers(programs, networks.caller, callee.host, "SOCK_DGRAM")
        assert await networks.drops() == 1
        await programs.stop()


@pytest.mark.peer("kamailio")
async def test_a_proxy_in_the_router_serves_both(programs: Programs) -> None:
    connect = "import socket, sys; socket.create_connection((sys.argv[1], 5060), 2).close()"
    async with two_networks() as networks:
        await networks.drop_udp()
        router = networks.router
        async with kamailio(programs, place=router, port=5060) as proxy:
            assert await proxy.location("nobody") == []
            for side in (networks.caller, networks.callee):
                program = await programs.start(
                    "connect", [*side.prefix, sys.executable, "-c", connect, proxy.host]
                )
                assert await program.ended(10) == 0


async def test_the_test_itself_reaches_inside() -> None:
    async with two_networks() as networks:
        inside = networks.callee
        with inside.entered():
            server = socket.create_server((inside.host, 0))
        with server:
            port = server.getsockname()[1]
            assert await inside.accepts(port)
            assert await networks.caller.at(inside.host).accepts(port)
            assert not await LOOPBACK.accepts(port)
        assert not await inside.accepts(port)
        with pytest.raises(ZeroDivisionError), inside.entered():
            raise ZeroDivisionError
        with pytest.raises(OSError, match="assign requested address"):
            socket.create_server((inside.host, 0))
    with pytest.raises(FileNotFoundError), inside.entered():
        pass


async def test_nothing_is_left_of_them() -> None:
    async with two_networks() as networks:
        assert networks.router.name in await run("ip", "netns", "list")
    assert networks.router.name not in await run("ip", "netns", "list")
