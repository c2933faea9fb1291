"""What really crosses a TCP connection and a UDP socket: a peer made of bare sockets looks at every byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ice.messages import FlowClosed
from ice.net.demux import PacketKind, classify
from ice.net.framing import frame
from ice.net.sockets import HostNetwork
from ice.paths.path import SelectedPath
from ice.session import Session
from ice.stun.binding import binding_request, binding_success
from ice.stun.message import MessageClass, parse, short_term_key
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    Role,
    TcpType,
    Transport,
    TransportAddress,
)
from tests.ice.loopback import HOST, ignore_connection, until
from tests.ice.sessions import CONFIG, NOMINATION_S, rtp

THEIRS = Credentials(ufrag="bare", password="bare-socket-password-22-chars")

DTLS = b"\x16\xfe\xfd" + bytes(40)
RTCP = b"\x80\xc9\x00\x01" + bytes(4)


def check(ours: Credentials, number: int, *, use_candidate: bool = False) -> bytes:
    """A check of the bare peer."""
    return binding_request(
        transaction_id=number.to_bytes(12, "big"),
        local=THEIRS,
        remote=ours,
        role=Role.CONTROLLING if use_candidate else Role.CONTROLLED,
        tie_breaker=1,
        priority=1862270975,
        use_candidate=use_candidate,
    )


def description(transport: Transport, address: TransportAddress) -> Description:
    """The bare peer's one candidate."""
    tcp = transport is Transport.TCP
    candidate = Candidate(
        foundation="1",
        component=1,
        transport=transport,
        priority=2124414975 if tcp else 2130706431,
        address=address,
        type=CandidateType.HOST,
        tcptype=TcpType.PASSIVE if tcp else None,
    )
    return Description(credentials=THEIRS, candidates=(candidate,), options=frozenset({"ice2"}), pacing_ms=20)


def address_of(sock: socket.socket) -> TransportAddress:
    host, port = sock.getsockname()
    return TransportAddress(host=host, port=port)


@asynccontextmanager
async def session_of(role: Role, *, udp: bool = False, tcp: bool = True) -> AsyncIterator[Session]:
    """A session that has gathered."""
    session = Session(network=HostNetwork(), config=replace(CONFIG, udp=udp, tcp=tcp), role=role)
    try:
        await session.gather()
        yield session
    finally:
        await session.close()


async def bytes_until(sock: socket.socket, count: int) -> bytes:
    """Exactly `count` bytes of a stream."""
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < count:
        piece = await loop.sock_recv(sock, count - len(data))
        assert piece, "the stream has ended"
        data += piece
    return data


async def next_frame(sock: socket.socket) -> bytes:
    """The next packet, read by the letter of RFC 4571 §2."""
    size = int.from_bytes(await bytes_until(sock, 2), "big")
    return await bytes_until(sock, size)


async def dialled(session: Session) -> socket.socket:
    """A bare connection to the session's listener over which a check was answered."""
    passive = next(
        c.address
        for c in session.local_description.candidates
        if c.tcptype is TcpType.PASSIVE and c.address.host == HOST
    )
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (passive.host, passive.port))
    await loop.sock_sendall(sock, frame(check(session.local_description.credentials, 1)))
    async with asyncio.timeout(10):
        answer = parse(await next_frame(sock))
    assert answer.message_class is MessageClass.SUCCESS
    return sock


def success(sock: socket.socket, request: bytes) -> bytes:
    """The answer to a check that came over a bare connection."""
    host, port = sock.getpeername()
    mapped = TransportAddress(host=host, port=port)
    return binding_success(parse(request), mapped, short_term_key(THEIRS.password))


async def answer_checks(sock: socket.socket, count: int) -> None:
    """Answer so many framed checks on a bare connection: one that proves it, one that nominates."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        request = await next_frame(sock)
        assert parse(request).message_class is MessageClass.REQUEST
        await loop.sock_sendall(sock, frame(success(sock, request)))


def heard_by(path: SelectedPath) -> list[bytes]:
    """What a path delivers from now on."""
    heard: list[bytes] = []
    path.set_receiver(lambda packet, _at: heard.append(packet))
    return heard


@pytest.mark.req("ICETCP-10-6", "ICETCP-10-1")
async def test_a_media_packet_on_the_wire_is_its_length_and_itself() -> None:
    """Nothing stands between the packet and the frame, or between the frame and TCP."""
    async with session_of(Role.CONTROLLING) as session:
        loop = asyncio.get_running_loop()
        with socket.create_server((HOST, 0)) as server:
            server.setblocking(False)
            session.set_remote(description(Transport.TCP, address_of(server)))
            connection, _ = await loop.sock_accept(server)
            with connection:
                async with asyncio.timeout(NOMINATION_S):
                    await answer_checks(connection, 2)
                    await session.completed()
                packets = [rtp(1), RTCP, DTLS, rtp(2)[:12], rtp(3) * 8]
                for packet in packets:
                    assert session.path(1).send(packet)
                expected = b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)
                async with asyncio.timeout(10):
                    assert await bytes_until(connection, len(expected)) == expected


@pytest.mark.req("CON-1")
async def test_no_media_leaves_before_a_check_has_succeeded() -> None:
    """Neither RTP nor DTLS, and nothing of it later: what came too early is gone."""
    async with session_of(Role.CONTROLLING) as session:
        path = session.path(1)
        loop = asyncio.get_running_loop()
        with socket.create_server((HOST, 0)) as server:
            server.setblocking(False)
            assert not path.send(rtp(1))
            session.set_remote(description(Transport.TCP, address_of(server)))
            connection, _ = await loop.sock_accept(server)
            with connection:
                request = await next_frame(connection)
                assert not path.send(rtp(2))
                assert not path.send(DTLS)
                await loop.sock_sendall(connection, frame(success(connection, request)))
                async with asyncio.timeout(NOMINATION_S):
                    await answer_checks(connection, 1)
                    await session.completed()
                assert path.unsent_packets == 3
                assert path.send(rtp(3))
                async with asyncio.timeout(10):
                    assert await next_frame(connection) == rtp(3)


@pytest.mark.req("CON-1")
async def test_no_datagram_of_media_leaves_before_a_check_has_succeeded() -> None:
    async with session_of(Role.CONTROLLING, udp=True, tcp=False) as session:
        path = session.path(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((HOST, 0))
            peer.setblocking(False)
            session.set_remote(description(Transport.UDP, address_of(peer)))
            loop = asyncio.get_running_loop()
            for _ in range(3):
                assert not path.send(rtp(1))
                assert not path.send(DTLS)
                async with asyncio.timeout(10):
                    data = await loop.sock_recv(peer, 2048)
                assert classify(data) is PacketKind.STUN
            assert path.unsent_packets == 6


@pytest.mark.req("ICETCP-10-15")
async def test_what_arrives_is_unframed_then_sorted_and_stays_in_order() -> None:
    """Checks between media are answered, the rest is the application's, joined as it was sent."""
    async with session_of(Role.CONTROLLED) as session:
        heard = heard_by(session.path(1))
        packets = [rtp(1), RTCP, DTLS, rtp(2), DTLS, rtp(3)]
        ours = session.local_description.credentials
        stream = b""
        for number, packet in enumerate(packets, start=2):
            stream += frame(packet) + frame(check(ours, number))
        with await dialled(session) as sock:
            # Frames in pieces of 7 bytes: what a segment holds means nothing.
            for start in range(0, len(stream), 7):
                await asyncio.get_running_loop().sock_sendall(sock, stream[start : start + 7])
            async with asyncio.timeout(10):
                answers = [parse(await next_frame(sock)) for _ in packets]
            await until(lambda: len(heard) == len(packets))
        assert heard == packets
        assert [answer.transaction_id for answer in answers] == [
            number.to_bytes(12, "big") for number in range(2, 2 + len(packets))
        ]
        assert {answer.message_class for answer in answers} == {MessageClass.SUCCESS}


@pytest.mark.req("ICETCP-10-13")
async def test_a_stray_byte_in_the_stream_is_noticed() -> None:
    """It shifts every length after it; what comes out then does not begin like any packet."""
    async with session_of(Role.CONTROLLED) as session:
        ended: list[FlowClosed] = []
        session.subscribe(lambda event: ended.append(event) if isinstance(event, FlowClosed) else None)
        heard = heard_by(session.path(1))
        loop = asyncio.get_running_loop()
        # G.711 silence, as most of a call is: 0xFF has neither the version bits of RTP nor those of STUN.
        silence = [frame(rtp(number)[:12] + b"\xff" * 160) for number in range(6000)]
        with await dialled(session) as sock:
            await loop.sock_sendall(sock, b"".join(silence))
            await until(lambda: len(heard) == len(silence))
            assert not ended
            await loop.sock_sendall(sock, b"\x01")
            with contextlib.suppress(ConnectionError):
                await loop.sock_sendall(sock, b"".join(silence))
            await until(lambda: bool(ended))
        assert "framing is lost" in ended[0].reason


@pytest.mark.req("ICETCP-B-2")
async def test_a_port_has_one_listener() -> None:
    """A second listener on the port would take every other connection away from the first."""
    network = HostNetwork()
    first = await network.listen_tcp(HOST, 0, ignore_connection)
    try:
        with pytest.raises(OSError, match="in use"):
            await network.listen_tcp(HOST, first.local.port, ignore_connection)
        # Nor can a foreign socket that asks to share the port.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sharing:
            sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with pytest.raises(OSError, match="in use"):
                sharing.bind((HOST, first.local.port))
    finally:
        first.close()


@pytest.mark.req("ICE-7.2-3")
async def test_checks_carry_the_dscp_of_media() -> None:
    async with session_of(Role.CONTROLLING, udp=True, tcp=False) as session:
        marks: dict[PacketKind, set[int]] = {PacketKind.STUN: set(), PacketKind.RTP: set()}
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((HOST, 0))
            peer.setblocking(False)
            peer.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)

            def arrived() -> None:
                data, control, _flags, source = peer.recvmsg(2048, 64)
                marks[classify(data)].add(control[0][2][0])
                if classify(data) is PacketKind.STUN:
                    mapped = TransportAddress(host=source[0], port=source[1])
                    answer = binding_success(parse(data), mapped, short_term_key(THEIRS.password))
                    peer.sendto(answer, source)

            loop.add_reader(peer, arrived)
            try:
                session.set_remote(description(Transport.UDP, address_of(peer)))
                async with asyncio.timeout(NOMINATION_S):
                    await session.completed()
                assert session.path(1).send(rtp(1))
                await until(lambda: bool(marks[PacketKind.RTP]))
            finally:
                loop.remove_reader(peer)
        assert marks[PacketKind.STUN] == marks[PacketKind.RTP]
        assert len(marks[PacketKind.RTP]) == 1
