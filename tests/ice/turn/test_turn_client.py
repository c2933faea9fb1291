"""The TURN client on real sockets: how it connects, what it says when it cannot, and how it ends."""

from __future__ import annotations

import asyncio
import secrets
import socket
from pathlib import Path

import pytest

from ice.errors import IceError, TurnError
from ice.gathering.servers import ServerTransport, TurnServer
from ice.net.network import DatagramReceiver
from ice.net.sockets import HostNetwork
from ice.stun.message import MessageClass, StunMessage, serialise
from ice.turn.attributes import Data, XorPeerAddress
from ice.turn.client import RelayedSocket, allocate
from ice.turn.events import AllocationLost, TurnEvent
from ice.turn.requests import TurnMethod
from ice.types import TransportAddress
from tests.ice.loopback import HOST, ignore_datagram, until
from tests.ice.turn.turn_service import NAME, turn_service
from tests.ice.turn.turn_world import CHECK, PASSWORD, PEER, RTP
from tests.peers.coturn import write_certificate

TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("tls"), NAME)


async def relay(
    server: TurnServer,
    on_datagram: DatagramReceiver = ignore_datagram,
    events: list[TurnEvent] | None = None,
) -> RelayedSocket:
    return await allocate(
        server,
        network=HostNetwork(),
        local_host=HOST,
        on_datagram=on_datagram,
        random=secrets.token_bytes,
        on_event=None if events is None else events.append,
    )


async def closed(relayed: RelayedSocket) -> None:
    relayed.close()
    await relayed.wait_closed()


@TRANSPORTS
@pytest.mark.req("TURN-8", "TURN-22", "STUN-10", "STUN-12", "TURN-28")
async def test_data_both_ways_and_nothing_left(
    transport: ServerTransport, certificate: tuple[Path, Path]
) -> None:
    heard: list[tuple[bytes, TransportAddress]] = []
    async with turn_service(transport, certificate=certificate if transport == "tls" else None) as service:
        relayed = await relay(service.account(), lambda data, peer: heard.append((data, peer)))
        (known,) = service.core.relays.values()
        assert relayed.local == known.relayed
        assert (relayed.mapped, relayed.control_local) == (known.client, known.client)
        assert relayed.server == service.address
        odd = RTP + b"odd"
        for data in (CHECK, odd, odd, odd, odd):
            assert relayed.send(data, PEER)
        sent = 4
        while not service.core.counters["channel-data"]:
            assert relayed.send(odd, PEER)
            sent += 1
            await asyncio.sleep(0.001)
        await until(lambda: len(service.at_peers) == 1 + sent)
        assert service.at_peers == [(relayed.local, PEER, data) for data in (CHECK, *[odd] * sent)]
        service.peer_sends(odd, PEER)
        service.peer_sends(CHECK, TransportAddress(host=PEER.host, port=1))
        await until(lambda: len(heard) == 2)
        assert heard == [(odd, PEER), (CHECK, TransportAddress(host=PEER.host, port=1))]
        await closed(relayed)
        assert service.core.relays == {}
        assert not relayed.send(CHECK, PEER)
        # Closing again does nothing.
        await closed(relayed)
        assert relayed.control_local is None


@TRANSPORTS
@pytest.mark.req("STUN-8")
async def test_a_wrong_password_is_said_without_saying_it(
    transport: ServerTransport, certificate: tuple[Path, Path]
) -> None:
    async with turn_service(transport, certificate=certificate if transport == "tls" else None) as service:
        with pytest.raises(TurnError, match="refused the user name or the password") as raised:
            await relay(service.account(password="guess-me"))
        assert raised.value.code == 401
        assert "guess-me" not in str(raised.value)
        assert isinstance(raised.value, IceError)


async def test_nobody_listens() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TurnError, match=f"turn:{HOST}:{port}.*connection refused"):
        await relay(TurnServer(host=HOST, port=port, transport="tcp", username="u", password="p"))


@pytest.mark.req("STUN-12")
async def test_a_server_of_another_name_gets_no_byte_of_stun(certificate: tuple[Path, Path]) -> None:
    async with turn_service("tls", certificate=certificate) as service:
        with pytest.raises(TurnError, match=r"certificate is refused.*turn\.example\.com"):
            await relay(service.account(server_name="turn.example.com"))
        assert service.received == 0


@pytest.mark.req("STUN-12")
async def test_a_server_that_nobody_vouches_for_gets_no_byte_of_stun(certificate: tuple[Path, Path]) -> None:
    async with turn_service("tls", certificate=certificate) as service:
        with pytest.raises(TurnError, match=r"certificate is refused: self.signed"):
            await relay(service.account(ca_file=None))
        assert service.received == 0


async def test_certificates_that_cannot_be_read(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    async with turn_service("tls", certificate=certificate) as service:
        with pytest.raises(TurnError, match=r"nothing\.pem cannot be used: no such file"):
            await relay(service.account(ca_file=tmp_path / "nothing.pem"))
        empty = tmp_path / "empty.pem"
        empty.write_text("not a certificate")
        with pytest.raises(TurnError, match="no certificate in it"):
            await relay(service.account(ca_file=empty))


async def test_tls_to_a_server_without_it(certificate: tuple[Path, Path]) -> None:
    with socket.create_server((HOST, 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        account = TurnServer(
            host=HOST, port=port, transport="tls", username="u", password="p", server_name=NAME
        )
        asking = asyncio.ensure_future(relay(account))
        other, _ = await asyncio.get_running_loop().sock_accept(server)
        with other:
            await asyncio.get_running_loop().sock_sendall(other, b"HTTP/1.0 400 Bad Request\r\n\r\n")
            with pytest.raises(TurnError, match="no TLS there"):
                await asking


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.req("TURN-8", "STUN-21")
async def test_a_connection_that_ends_takes_the_relay_with_it(
    transport: ServerTransport, certificate: tuple[Path, Path]
) -> None:
    events: list[TurnEvent] = []
    async with turn_service(transport, certificate=certificate if transport == "tls" else None) as service:
        relayed = await relay(service.account(), events=events)
        service.cut()
        await until(lambda: bool(relayed.lost))
        assert "TURN server" in relayed.lost
        assert isinstance(events[-1], AllocationLost)
        assert not relayed.send(CHECK, PEER)
        await closed(relayed)


@pytest.mark.req("STUN-10")
async def test_a_server_that_speaks_something_else_is_left() -> None:
    async with turn_service("tcp") as service:
        relayed = await relay(service.account())
        for writer in service.clients.values():
            writer.write(b"SSH-2.0-OpenSSH\r\n")
        await until(lambda: bool(relayed.lost))
        assert "begins with 0x53" in relayed.lost
        await closed(relayed)


@pytest.mark.req("TURN-15")
async def test_another_port_is_tried_three_times_where_the_server_remembers_one() -> None:
    async with turn_service() as service:
        service.core.fail_with[TurnMethod.ALLOCATE] = 437
        with pytest.raises(TurnError, match="another allocation") as raised:
            await relay(service.account())
        assert raised.value.code == 437
        assert len({seen.client for seen in service.core.seen}) == 3


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.req("STUN-45")
async def test_a_redirection_is_followed(transport: ServerTransport) -> None:
    async with turn_service(transport) as second, turn_service(transport) as first:
        first.core.alternate = second.address
        relayed = await relay(first.account())
        assert relayed.server == second.address
        assert len(second.core.relays) == 1
        await closed(relayed)


@pytest.mark.req("STUN-45")
async def test_a_redirection_in_a_circle_ends() -> None:
    async with turn_service() as second, turn_service() as first:
        first.core.alternate, second.core.alternate = second.address, first.address
        with pytest.raises(TurnError, match="300") as raised:
            await relay(first.account())
        assert raised.value.code == 300
        assert [len(service.core.seen) for service in (first, second)] == [2, 2]


@TRANSPORTS
async def test_asking_may_be_cancelled(transport: ServerTransport, certificate: tuple[Path, Path]) -> None:
    async with turn_service(transport, certificate=certificate if transport == "tls" else None) as service:
        service.silent = True
        asking = asyncio.ensure_future(relay(service.account()))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


@pytest.mark.req("TURN-22")
async def test_a_silent_server_is_waited_for_a_second_at_the_end() -> None:
    async with turn_service() as service:
        relayed = await relay(service.account())
        service.silent = True
        began = asyncio.get_running_loop().time()
        await closed(relayed)
        assert 0.9 < asyncio.get_running_loop().time() - began < 3


@TRANSPORTS
@pytest.mark.req("TURN-22")
async def test_giving_up_at_once_tells_the_server_too(
    transport: ServerTransport, certificate: tuple[Path, Path]
) -> None:
    async with turn_service(transport, certificate=certificate if transport == "tls" else None) as service:
        relayed = await relay(service.account())
        relayed.abort()
        assert relayed.control_local is None
        await relayed.wait_closed()
        if transport == "udp":
            await until(lambda: not service.core.relays)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_media_is_dropped_and_checks_are_not_where_the_server_does_not_read(
    transport: ServerTransport, certificate: tuple[Path, Path]
) -> None:
    async with turn_service(transport, certificate=certificate if transport == "tls" else None) as service:
        relayed = await relay(service.account())
        relayed.send(CHECK, PEER)
        await until(lambda: bool(service.at_peers))
        service.reading.clear()
        big = RTP + bytes(1000)
        for _ in range(20_000):
            if not relayed.send(big, PEER):
                break
        assert relayed.dropped == 1
        assert not relayed.send(big, PEER)
        assert relayed.send(CHECK + b"last", PEER)
        service.reading.set()
        await until(lambda: service.at_peers[-1][2] == CHECK + b"last")
        assert relayed.send(big, PEER)
        await closed(relayed)


async def test_a_stranger_on_the_socket_to_the_server_is_not_heard() -> None:
    heard: list[bytes] = []
    async with turn_service() as service:
        relayed = await relay(service.account(), lambda data, _peer: heard.append(data))
        relayed.send(CHECK, PEER)
        await until(lambda: bool(service.at_peers))
        assert relayed.control_local is not None
        service.peer_sends(RTP, PEER)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((HOST, 0))
            indication = StunMessage(
                method=TurnMethod.DATA,
                message_class=MessageClass.INDICATION,
                transaction_id=bytes(12),
                attributes=(XorPeerAddress(address=PEER), Data(payload=b"forged")),
            )
            data = serialise(indication, integrity_key=None, fingerprint=False)
            stranger.sendto(data, (HOST, relayed.control_local.port))
        await until(lambda: bool(heard))
        await asyncio.sleep(0.01)
        assert heard == [RTP]
        await closed(relayed)


async def test_names_are_looked_up_and_families_do_not_mix() -> None:
    async with turn_service() as service:
        relayed = await relay(service.account(host="localhost"))
        assert relayed.server == service.address
        await closed(relayed)
        with pytest.raises(TurnError, match=r"cannot be reached from 127\.0\.0\.1"):
            await relay(service.account(host="::1"))
        with pytest.raises(TurnError, match=r"no socket on 192\.0\.2\.200"):
            await allocate(
                service.account(),
                network=HostNetwork(),
                local_host="192.0.2.200",
                on_datagram=ignore_datagram,
                random=secrets.token_bytes,
            )


async def test_the_password_is_in_no_text() -> None:
    async with turn_service() as service:
        relayed = await relay(service.account())
        assert PASSWORD not in f"{relayed!r}{vars(relayed)!r}{service.account()!r}{service.account()}"
        await closed(relayed)
