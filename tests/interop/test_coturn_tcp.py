"""TCP relayed by coturn (RFC 6062): both directions over TCP and TLS, and what can go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from ice.errors import TurnError
from ice.gathering.servers import ServerTransport, TurnServer
from ice.net.sockets import HostNetwork
from ice.turn.events import AllocationLost
from ice.types import TransportAddress
from tests.ice.turn.relayed_tcp import Heard, listening, peer
from tests.peers.coturn import coturn
from tests.peers.process import Programs, until

pytestmark = pytest.mark.peer("coturn")

HOST = "127.0.0.1"
TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


async def arrives(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    await until(condition, what, 15.0)


@TRANSPORTS
@pytest.mark.req("6062-1", "6062-3", "6062-4", "6062-8", "6062-15", "ICETCP-5.5-2", "ICETCP-T-1")
async def test_our_connection_reaches_a_peer_by_relay(programs: Programs, transport: ServerTransport) -> None:
    ours = Heard()
    async with (
        coturn(programs) as server,
        peer() as (address, theirs),
        listening(server.server(transport), ours) as relay,
    ):
        connection = await relay.connect(address)
        ours.take(connection)
        await arrives(lambda: bool(theirs.connections), "the connection at the peer")
        (other,) = theirs.connections
        assert (connection.local, connection.remote) == (relay.local, address)
        assert other.remote == relay.local
        assert connection.send(b"check", droppable=False)
        assert other.send(b"answer", droppable=False)
        big = bytes(range(256)) * 200
        assert connection.send(big, droppable=False)
        await arrives(lambda: len(theirs.frames) == 2 and len(ours.frames) == 1, "frames")
        assert (theirs.frames, ours.frames) == ([b"check", big], [b"answer"])
        assert server.program.text().count("TLS/TCP" if transport == "tls" else "TCP") > 0


@TRANSPORTS
@pytest.mark.req("6062-5", "6062-7", "6062-13", "ICETCP-T-2", "ICETCP-T-4", "ICETCP-5.5-1")
async def test_a_peer_reaches_our_relayed_address(programs: Programs, transport: ServerTransport) -> None:
    ours, theirs = Heard(), Heard()
    async with coturn(programs) as server, listening(server.server(transport), ours) as relay:
        relay.permit(HOST)
        await server.program.wrote("CREATE_PERMISSION processed, success")
        connection = await HostNetwork().connect_tcp(HOST, relay.local)
        theirs.take(connection)
        # It is there before the data connection is.
        assert connection.send(b"early", droppable=False)
        await arrives(lambda: bool(ours.frames), "what the peer sent first")
        (accepted,) = ours.connections
        assert (accepted.local, accepted.remote) == (relay.local, connection.local)
        assert accepted.send(b"answer", droppable=False)
        await arrives(lambda: bool(theirs.frames), "our answer")
        assert (ours.frames, theirs.frames) == ([b"early"], [b"answer"])


@pytest.mark.req("6062-5", "6062-13")
async def test_a_peer_without_permission_is_turned_away(programs: Programs) -> None:
    ours, theirs = Heard(), Heard()
    async with coturn(programs) as server, listening(server.server("tcp"), ours) as relay:
        # The server resets it: often before we have seen that it stood.
        with contextlib.suppress(OSError):
            theirs.take(await HostNetwork().connect_tcp(HOST, relay.local))
            await arrives(lambda: bool(theirs.ended), "the end at the peer")
        await server.program.wrote("peer has no permission to connect")
        assert not ours.connections
        assert not ours.events
        relay.permit(HOST)
        await server.program.wrote("CREATE_PERMISSION processed, success")
        theirs.take(await HostNetwork().connect_tcp(HOST, relay.local))
        await arrives(lambda: bool(ours.connections), "the permitted connection")


@pytest.mark.req("6062-3", "6062-16", "TURN-5", "ICETCP-T-3")
async def test_peers_that_cannot_be_reached(programs: Programs) -> None:
    ours = Heard()
    with socket.create_server((HOST, 0)) as taken:
        nobody = TransportAddress(host=HOST, port=taken.getsockname()[1])
    async with (
        coturn(programs, more=("denied-peer-ip=192.0.2.0-192.0.2.255",)) as server,
        peer() as (address, _),
        listening(server.server("tcp"), ours) as relay,
    ):
        with pytest.raises(ConnectionError, match="447"):
            await relay.connect(nobody)
        with pytest.raises(ConnectionError, match="a moment ago"):
            await relay.connect(nobody)
        with pytest.raises(ConnectionError, match="403"):
            await relay.connect(TransportAddress(host="192.0.2.7", port=5000))
        ours.take(await relay.connect(address))
        with pytest.raises(ConnectionError, match="already"):
            await relay.connect(address)


@TRANSPORTS
@pytest.mark.req("6062-6", "6062-17")
async def test_ends_are_passed_on(programs: Programs, transport: ServerTransport) -> None:
    ours = Heard()
    async with (
        coturn(programs) as server,
        peer() as (address, theirs),
        listening(server.server(transport), ours) as relay,
    ):
        connection = await relay.connect(address)
        ours.take(connection)
        await arrives(lambda: len(theirs.connections) == 1, "the connection")
        connection.close()
        await arrives(lambda: bool(theirs.ended), "the end at the peer")
        again = await relay.connect(address)
        ours.take(again)
        await arrives(lambda: len(theirs.connections) == 2, "another connection")
        theirs.connections[1].close()
        await arrives(lambda: bool(ours.ended), "the end here")


@pytest.mark.req("6062-15", "TURN-7")
async def test_a_stale_nonce_is_followed_on_the_data_connection(programs: Programs) -> None:
    ours = Heard()
    async with (
        coturn(programs, nonce_lifetime_s=1) as server,
        peer() as (address, _),
        listening(server.server("tcp"), ours) as relay,
    ):
        # The nonce of a server ages in real time.
        await asyncio.sleep(2.5)
        ours.take(await relay.connect(address))
        assert "438" in server.program.text()


@TRANSPORTS
@pytest.mark.req("6062-6", "TURN-8")
async def test_a_server_that_ends_takes_all_with_it(programs: Programs, transport: ServerTransport) -> None:
    ours = Heard()
    async with (
        coturn(programs) as server,
        peer() as (address, _),
        listening(server.server(transport), ours) as relay,
    ):
        ours.take(await relay.connect(address))
        await server.program.stop()
        await arrives(lambda: bool(relay.lost) and bool(ours.ended), "the end of the relay")
        assert any(isinstance(event, AllocationLost) for event in ours.events)
        with pytest.raises(ConnectionError):
            await relay.connect(address)


@pytest.mark.req("6062-19", "TURN-22")
async def test_data_connections_end_before_the_allocation(programs: Programs) -> None:
    ours = Heard()
    async with coturn(programs) as server, peer() as (address, _):
        async with listening(server.server("tcp"), ours) as relay:
            ours.take(await relay.connect(address))
        await server.program.wrote("REFRESH processed, success")
        text = server.program.text()
        assert ours.ended == []
        closed = text.index("TCP socket closed remotely")
        assert closed < text.index("REFRESH processed, success")


@pytest.mark.req("6062-10")
async def test_a_server_that_relays_no_tcp_says_so(programs: Programs) -> None:
    async with coturn(programs, more=("no-tcp-relay",)) as server:
        with pytest.raises(TurnError) as raised:
            async with listening(server.server("tcp"), Heard()):
                pass
        assert raised.value.code == 442


@pytest.mark.req("6062-1")
async def test_a_server_over_udp_relays_no_tcp() -> None:
    with pytest.raises(ValueError, match="TCP and TLS only"):
        async with listening(TurnServer(host=HOST, transport="udp"), Heard()):
            pass
