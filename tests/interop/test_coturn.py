"""Our TURN client against coturn: data both ways over UDP, TCP and TLS, and what can go wrong."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from ice.errors import TurnError
from ice.gathering.servers import ServerTransport, TurnServer
from ice.net.sockets import HostNetwork
from ice.net.udp_socket import HostUdpSocket
from ice.turn.client import RelayedSocket, allocate
from ice.turn.events import AllocationLost, PermissionRefused, TurnEvent
from ice.types import TransportAddress
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

    def refusals(self) -> list[PermissionRefused]:
        return [event for event in self.events if isinstance(event, PermissionRefused)]

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
    await until(condition, what, 15.0)


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


@TRANSPORTS
@pytest.mark.req("STUN-8")
async def test_a_wrong_password_is_refused(programs: Programs, transport: ServerTransport) -> None:
    async with coturn(programs) as server:
        with pytest.raises(TurnError, match="refused the user name or the password") as raised:
            await relay(server.server(transport, password="guess"), Heard())
        assert raised.value.code == 401


@pytest.mark.req("STUN-12")
async def test_a_certificate_of_another_name_is_refused(programs: Programs) -> None:
    async with coturn(programs) as server:
        account = replace(server.server("tls"), server_name="turn.example.com")
        with pytest.raises(TurnError, match="certificate is refused"):
            await relay(account, Heard())


@pytest.mark.req("TURN-24", "TURN-5")
async def test_a_peer_that_the_server_does_not_send_to(programs: Programs) -> None:
    ours, theirs = Heard(), Heard()
    async with (
        coturn(programs, more=("denied-peer-ip=192.0.2.0-192.0.2.255",)) as server,
        relayed(server.server(), ours) as socket,
        peer(theirs) as other,
    ):
        forbidden = TransportAddress(host="192.0.2.7", port=5000)
        assert socket.send(STUN, forbidden)
        await arrives(lambda: bool(ours.refusals()), "the refusal")
        (refused,) = ours.refusals()
        assert refused.host == forbidden.host
        assert "403" in refused.reason
        assert not socket.send(STUN, forbidden)
        assert socket.send(STUN, other.local)
        await arrives(lambda: bool(theirs.packets), "the check to another peer")


@pytest.mark.req("TURN-7", "TURN-22")
async def test_a_stale_nonce_is_followed(programs: Programs) -> None:
    ours, theirs = Heard(), Heard()
    async with coturn(programs, nonce_lifetime_s=1) as server, peer(theirs) as other:
        async with relayed(server.server("tcp"), ours) as socket:
            # The nonce of a server ages in real time.
            await asyncio.sleep(2.5)
            assert socket.send(STUN, other.local)
            await arrives(lambda: bool(theirs.packets), "the check")
            assert "438" in server.program.text()
        await server.program.wrote("REFRESH processed, success")


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.req("TURN-8", "STUN-21")
async def test_a_server_that_ends_takes_the_relay_with_it(
    programs: Programs, transport: ServerTransport
) -> None:
    ours = Heard()
    async with coturn(programs) as server, relayed(server.server(transport), ours) as socket:
        await server.program.stop(signal.SIGKILL)
        await arrives(lambda: bool(socket.lost), "the end of the relay")
        assert isinstance(ours.events[-1], AllocationLost)
        assert not socket.send(STUN, TransportAddress(host=HOST, port=5000))


@pytest.mark.req("TURN-16")
async def test_a_server_that_was_started_anew_knows_the_relay_no_more(programs: Programs) -> None:
    ours = Heard()
    async with coturn(programs) as first:
        socket = await relay(first.server(), ours)
        await first.program.stop(signal.SIGKILL)
        async with coturn(programs, port=first.port, tls_port=first.tls_port):
            assert socket.send(STUN, TransportAddress(host=HOST, port=5000))
            await arrives(lambda: bool(socket.lost), "the end of the relay")
            assert "forgot" in socket.lost
        socket.close()
        await socket.wait_closed()


@TRANSPORTS
async def test_two_relays_reach_each_other(programs: Programs, transport: ServerTransport) -> None:
    here, there = Heard(), Heard()
    async with (
        coturn(programs) as server,
        relayed(server.server(transport), here) as one,
        relayed(server.server("udp"), there) as two,
    ):
        assert one.send(STUN, two.local)
        assert two.send(STUN, one.local)
        for number in range(30):
            assert one.send(rtp(number), two.local)
            assert two.send(rtp(number), one.local)
            await asyncio.sleep(0.005)
        await arrives(lambda: len(here.packets) >= 30 and len(there.packets) >= 30, "media")
        assert here.packets[-1] == (rtp(29), two.local)
        assert there.packets[-1] == (rtp(29), one.local)
