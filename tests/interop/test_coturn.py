"""Our TURN client against coturn: data both ways over UDP, TCP and TLS, and what can go wrong."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from ice.servers import ServerTransport, TurnServer
from ice.sockets import HostNetwork
from ice.turn_client import RelayedSocket, allocate
from ice.turn_events import TurnEvent
from ice.types import TransportAddress
from ice.udp_socket import HostUdpSocket
from tests.peers.coturn import coturn
from tests.peers.process import Programs, until

pytestmark = pytest.mark.peer("coturn")

HOST = "127.0.0.1"
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
STUN = b"\x00\x01\x00\x00" + bytes(16)


@dataclass
class Heard:
    """What arrived, with the address it came from."""

    packets: list[tuple[bytes, TransportAddress]] = field(default_factory=list)
    events: list[TurnEvent] = field(default_factory=list)

    def take(self, data: bytes, remote: TransportAddress) -> None:
        self.packets.append((data, remote))


async def relay(server: TurnServer, heard: Heard) -> RelayedSocket:
    return await allocate(
        server,
        network=HostNetwork(),
        local_host=HOST,
        on_datagram=heard.take,
        random=secrets.token_bytes,
        on_event=heard.events.append,
    )


@asynccontextmanager
async def relayed(server: TurnServer, heard: Heard) -> AsyncIterator[RelayedSocket]:
    socket = await relay(server, heard)
    try:
        yield socket
    finally:
        socket.close()
        await socket.wait_closed()


@asynccontextmanager
async def peer(heard: Heard) -> AsyncIterator[HostUdpSocket]:
    socket = HostUdpSocket.bind(HOST, 0, heard.take)
    try:
        yield socket
    finally:
        socket.close()


def rtp(number: int, size: int = 161) -> bytes:
    """Something that is neither STUN nor DTLS; a size that needs padding on a stream."""
    return b"\x80\x00" + number.to_bytes(2, "big") + bytes(size)


async def arrives(condition: Callable[[], bool], what: str) -> None:
    await until(condition, what, 5.0)


@TRANSPORTS
@pytest.mark.req("TURN-1", "TURN-3", "TURN-9", "TURN-25", "TURN-22", "STUN-32", "TURN-8")
async def test_checks_and_media_go_both_ways(programs: Programs, transport: ServerTransport) -> None:
    ours, theirs = Heard(), Heard()
    async with coturn(programs) as server, peer(theirs) as other:
        async with relayed(server.server(transport), ours) as socket:
            assert socket.local.host == HOST
            assert socket.mapped == socket.control_local
            assert socket.send(STUN, other.local)
            await arrives(lambda: bool(theirs.packets), "the check")
            assert theirs.packets == [(STUN, socket.local)]
            for number in range(20):
                assert socket.send(rtp(number), other.local)
                assert other.send(rtp(number), socket.local)
                # Media comes at a pace, and the channel is bound meanwhile.
                await asyncio.sleep(0.005)
            await arrives(lambda: len(theirs.packets) == 21, "our media")
            await arrives(lambda: len(ours.packets) == 20, "their media")
            assert theirs.packets[1:] == [(rtp(number), socket.local) for number in range(20)]
            assert ours.packets == [(rtp(number), other.local) for number in range(20)]
            log = server.program.text()
            assert "CREATE_PERMISSION processed, success" in log
            assert "CHANNEL_BIND processed, success" in log
        await server.program.wrote("REFRESH processed, success")
        assert "closed (2nd stage)" in server.program.text()
