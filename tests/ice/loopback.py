"""What tests on real loopback share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from ice.net.network import TcpConnection
from ice.net.sockets import HostNetwork
from ice.net.tcp_connection import HostTcpConnection
from ice.types import TransportAddress

HOST = "127.0.0.1"


def ignore_datagram(_data: bytes, _remote: TransportAddress) -> None:
    """Take a datagram and do nothing."""


def ignore_connection(connection: TcpConnection) -> None:
    """Take a connection and close it."""
    connection.close()


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Give the loop turns until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  the condition has no event
            await asyncio.sleep(0.001)


class Box:
    """Collects what a connection delivers."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended: list[str] = []

    def start(self, connection: TcpConnection, queue_ms: int = 200) -> None:
        connection.start(self.frames.append, self.ended.append, queue_ms=queue_ms)


async def connected(host: str = HOST) -> tuple[TcpConnection, TcpConnection]:
    """Two ends of one connection: dialled, accepted."""
    network = HostNetwork()
    accepted: list[TcpConnection] = []
    listener = await network.listen_tcp(host, 0, accepted.append)
    dialled = await network.connect_tcp(host, listener.local)
    await until(lambda: bool(accepted))
    listener.close()
    return dialled, accepted[0]


async def raw_peer() -> tuple[HostTcpConnection, socket.socket]:
    """A connection of ours and the bare socket at its other end."""
    loop = asyncio.get_running_loop()
    with socket.create_server((HOST, 0)) as server:
        server.setblocking(False)
        host, port = server.getsockname()
        dialling = asyncio.ensure_future(
            HostNetwork().connect_tcp(HOST, TransportAddress(host=host, port=port))
        )
        other, _ = await loop.sock_accept(server)
        connection = await dialling
    assert isinstance(connection, HostTcpConnection)
    other.setblocking(False)
    return connection, other
