"""Relayed TCP on real sockets: how data connections begin, what they carry, how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ice.gathering.servers import ServerTransport
from ice.net.framing import frame
from ice.turn.client import RelayedListener
from ice.turn.connections import MAX_UNBOUND
from ice.turn.events import ConnectFailed
from ice.turn.requests import TurnMethod
from ice.types import TransportAddress
from tests.ice.loopback import HOST, until
from tests.ice.turn.relayed_tcp import Heard, listening, peer
from tests.ice.turn.turn_service import NAME, TurnService, turn_service
from tests.peers.coturn import write_certificate
from tests.peers.process import free_ports

TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("tls"), NAME)


@asynccontextmanager
async def relaying(
    transport: ServerTransport, certificate: tuple[Path, Path], heard: Heard, **options: Any
) -> AsyncIterator[tuple[TurnService, RelayedListener]]:
    """A server that relays TCP, and our listener there."""
    pair = certificate if transport == "tls" else None
    async with (
        turn_service(
            transport,
            certificate=pair,
            relays_tcp=True,
            host=HOST,
            free_port=lambda: free_ports(1)[0],
            **options,
        ) as service,
        listening(service.account(), heard) as relay,
    ):
        yield service, relay


@TRANSPORTS
@pytest.mark.req("6062-4", "6062-8", "ICETCP-T-1", "ICETCP-5.2-2", "6062-15")
async def test_a_connection_to_a_peer(transport: ServerTransport, certificate: tuple[Path, Path]) -> None:
    ours = Heard()
    async with peer() as (address, theirs), relaying(transport, certificate, ours) as (service, relay):
        connection = await relay.connect(address)
        ours.take(connection)
        assert (connection.local, connection.remote) == (relay.local, address)
        # One more connection, to the very address of the server, and no bind that had to be repeated.
        assert service.connections == 2
        assert len({seen.client.port for seen in service.core.seen}) == 2
        (bind,) = service.core.requests(TurnMethod.CONNECTION_BIND)
        assert bind.code == 0
        for number in range(50):
            assert connection.send(bytes([128, number]) * 600, droppable=False)
        await until(lambda: len(theirs.frames) == 50)
        assert theirs.frames == [bytes([128, number]) * 600 for number in range(50)]
        (other,) = theirs.connections
        assert other.send(b"answer", droppable=False)
        await until(lambda: ours.frames == [b"answer"])


@TRANSPORTS
@pytest.mark.req("6062-7", "ICETCP-T-2", "6062-5", "ICETCP-T-4")
async def test_what_the_peer_sent_before_the_bind_comes_first(
    transport: ServerTransport, certificate: tuple[Path, Path]
) -> None:
    ours = Heard()
    async with relaying(transport, certificate, ours) as (service, relay):
        relay.permit(HOST)
        await until(lambda: bool(service.core.requests(TurnMethod.CREATE_PERMISSION)))
        reader, writer = await asyncio.open_connection(relay.local.host, relay.local.port)
        # Two frames and a half, before we can have a data connection.
        writer.write(frame(b"one") + frame(b"two") + frame(b"three")[:4])
        await until(lambda: len(ours.frames) == 2)
        writer.write(frame(b"three")[4:])
        await until(lambda: len(ours.frames) == 3)
        assert ours.frames == [b"one", b"two", b"three"]
        (connection,) = ours.connections
        assert connection.remote.port == writer.get_extra_info("sockname")[1]
        assert connection.send(b"back", droppable=False)
        assert await reader.readexactly(6) == frame(b"back")
        writer.transport.abort()
        await until(lambda: bool(ours.ended))


@TRANSPORTS
@pytest.mark.req("6062-16")
async def test_a_data_connection_that_cannot_be_had_fails_that_attempt_alone(
    transport: ServerTransport, certificate: tuple[Path, Path]
) -> None:
    ours = Heard()
    async with (
        peer() as (address, _),
        peer() as (other, _),
        relaying(transport, certificate, ours) as (service, relay),
    ):
        service.refuse_data = True
        with pytest.raises(OSError):
            await relay.connect(address)
        relay.permit(HOST)
        await until(lambda: bool(service.core.requests(TurnMethod.CREATE_PERMISSION)))
        _, writer = await asyncio.open_connection(relay.local.host, relay.local.port)
        await until(lambda: any(isinstance(event, ConnectFailed) for event in ours.events))
        writer.transport.abort()
        service.refuse_data = False
        assert not relay.lost
        # The server holds the first peer for a while; another one is free.
        with pytest.raises(ConnectionError, match="446"):
            await relay.connect(address)
        ours.take(await relay.connect(other))


@pytest.mark.req("6062-4", "6062-16")
async def test_a_bind_that_comes_too_late_fails_its_attempt(certificate: tuple[Path, Path]) -> None:
    ours = Heard()
    async with peer() as (address, _), relaying("tcp", certificate, ours) as (service, relay):
        service.core.fail_with[TurnMethod.CONNECTION_BIND] = 400
        with pytest.raises(ConnectionError, match="400"):
            await relay.connect(address)
        assert not relay.lost
        assert not service.core.tcp.bound(service.core.seen[-1].client)


@pytest.mark.req("6062-14")
async def test_a_flood_of_peers_opens_few_data_connections(certificate: tuple[Path, Path]) -> None:
    ours = Heard()
    async with relaying("tcp", certificate, ours) as (service, relay):
        relay.permit(HOST)
        await until(lambda: bool(service.core.requests(TurnMethod.CREATE_PERMISSION)))
        # Nobody answers on the data connections.
        service.silent = True
        (known,) = service.core.relays.values()
        for port in range(1, 101):
            assert service.core.tcp.accepted(
                relay.local, TransportAddress(host=HOST, port=port), known.expires_at - 600
            )
        for client, message in service.core.take_output():
            service.clients[client].write(message)
        await until(lambda: service.connections == 1 + MAX_UNBOUND)
        await asyncio.sleep(0.05)
        assert service.connections == 1 + MAX_UNBOUND


@TRANSPORTS
@pytest.mark.req("6062-18")
async def test_a_peer_that_does_not_read_blocks_nobody(
    transport: ServerTransport, certificate: tuple[Path, Path]
) -> None:
    ours = Heard()
    held = asyncio.Event()

    async def stall(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.transport.abort()

    server = await asyncio.start_server(stall, HOST, 0, limit=1024)
    address = TransportAddress(host=HOST, port=server.sockets[0].getsockname()[1])
    async with relaying(transport, certificate, ours) as (_, relay):
        connection = await relay.connect(address)
        ours.take(connection)
        media = b"\x80" + bytes(1200)
        for _ in range(20_000):
            if not connection.send(media, droppable=True):
                break
            await asyncio.sleep(0)
        else:
            pytest.fail("nothing was dropped")
        assert connection.dropped > 0
        # Checks are kept, and the connection stays.
        assert connection.send(b"\x00\x01" + bytes(18), droppable=False)
        assert not ours.ended
        held.set()
    server.close()


@TRANSPORTS
@pytest.mark.req("6062-19")
async def test_closing_the_listener_ends_what_goes_through_it(
    transport: ServerTransport, certificate: tuple[Path, Path]
) -> None:
    ours = Heard()
    async with peer() as (address, theirs), relaying(transport, certificate, ours) as (service, relay):
        ours.take(await relay.connect(address))
        await until(lambda: bool(theirs.connections))
        relay.close()
        assert ours.ended == ["the relay was given back"]
        await relay.wait_closed()
        assert service.core.relays == {}
        await until(lambda: bool(theirs.ended))
        with pytest.raises(ConnectionError, match="given back"):
            await relay.connect(address)


@pytest.mark.req("6062-3")
async def test_dialling_may_be_cancelled_at_any_moment(certificate: tuple[Path, Path]) -> None:
    ours = Heard()
    async with peer() as (address, theirs), relaying("tcp", certificate, ours) as (service, relay):
        given_up = 0
        for turns in range(60):
            dialling = asyncio.ensure_future(relay.connect(address))
            for _ in range(turns):
                await asyncio.sleep(0)
            dialling.cancel()
            try:
                (await dialling).close()
            except asyncio.CancelledError:
                given_up += 1
            except ConnectionError as error:
                # The server may hold the connection of the last attempt still.
                assert "446" in str(error) or "already" in str(error)
            await asyncio.sleep(0.005)
            for stream in tuple(service.core.tcp.streams.values()):
                if stream.answer is None and stream.client is None:
                    service.core.tcp.ended(stream)
            service.peers.begin()
        assert given_up > 5
        async with asyncio.timeout(10):
            while not ours.connections:
                try:
                    ours.take(await relay.connect(address))
                except ConnectionError:
                    await asyncio.sleep(0.01)
        # No data connection of those that were given up is left.
        await until(lambda: len(theirs.ended) == len(theirs.connections) - 1)


@pytest.mark.req("6062-6", "TURN-8")
async def test_the_end_of_the_control_connection_ends_all_at_once(certificate: tuple[Path, Path]) -> None:
    ours = Heard()
    async with peer() as (address, _), relaying("tcp", certificate, ours) as (service, relay):
        ours.take(await relay.connect(address))
        (known,) = service.core.relays.values()
        service.clients[known.client].transport.abort()
        await until(lambda: bool(relay.lost))
        assert len(ours.ended) == 1
        assert "relay is lost" in ours.ended[0]
        with pytest.raises(ConnectionError):
            await relay.connect(address)
