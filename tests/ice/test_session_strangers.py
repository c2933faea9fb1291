"""What comes to a session from others than its checked peer: strangers, early media, peers without ICE."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import replace

import pytest

from ice.messages import CheckReceived, FlowClosed, PacketRefused
from ice.net.framing import frame
from ice.types import Candidate, FlowId, SessionState, TcpType, Transport, TransportAddress
from tests.ice.loopback import HOST, until
from tests.ice.sessions import CONFIG, NOMINATION_S, connect, exchange_packets, only, rtp, two

# --- strangers ---


@pytest.mark.req("ICETCP-3-5", "ICETCP-7.2-7")
async def test_media_from_strangers_reaches_nobody() -> None:
    async with two(config=CONFIG) as (left, right, _policy):
        udp, tcp = (
            next(c.address for c in left.description.candidates if _is(c, transport, tcptype))
            for transport, tcptype in ((Transport.UDP, None), (Transport.TCP, TcpType.PASSIVE))
        )
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
            socket.create_connection((tcp.host, tcp.port)) as caller,
        ):
            for number in range(5):
                stranger.sendto(rtp(number), (udp.host, udp.port))
            caller.sendall(frame(rtp(1)) + frame(rtp(2)) + frame(rtp(3)) + frame(rtp(4)))
            await until(lambda: left.session.report().unvalidated_packets >= 8)
            assert left.received[1] == []
            # The one UDP source is told once, not five times; the connection is closed.
            told = left.of(PacketRefused)
            assert len([event for event in told if "without a valid check" in event.reason]) == 1
            await until(lambda: bool(left.of(FlowClosed)))
        await connect(left, right)
        await exchange_packets(left, right, 1)
        left.received[1].clear()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            before = left.session.report().unvalidated_packets
            address = left.session.default_address(1)
            stranger.sendto(rtp(9), (address.host, address.port))
            await until(lambda: left.session.report().unvalidated_packets > before)
        assert left.received[1] == []


def _is(candidate: Candidate, transport: Transport, tcptype: TcpType | None) -> bool:
    return (
        candidate.address.host == HOST and candidate.transport is transport and candidate.tcptype is tcptype
    )


@pytest.mark.req("ICETCP-10-10", "FRM-3")
async def test_a_connection_out_of_step_is_closed() -> None:
    """Frames of no known protocol on the selected connection: the framing is lost, it is replaced."""
    async with two(udp=False) as (left, right, _policy):
        await connect(left, right)
        for _ in range(10):
            assert right.session.path(1).send(b"\x08" * 40)
        await until(lambda: any("framing is lost" in event.reason for event in left.of(FlowClosed)))


@pytest.mark.req("ICETCP-7.2-7")
async def test_idle_strangers_do_not_keep_the_peer_out() -> None:
    config = replace(CONFIG, max_unproved_connections=4)
    async with two(udp=False, config=config) as (left, right, _policy):
        passive = next(
            c.address for c in left.description.candidates if _is(c, Transport.TCP, TcpType.PASSIVE)
        )
        idle = [socket.create_connection((passive.host, passive.port)) for _ in range(12)]
        await until(lambda: len(left.of(FlowClosed)) >= 8)
        left.session.set_remote(only(right.description, TcpType.ACTIVE))
        right.session.set_remote(only(left.description, TcpType.PASSIVE))
        async with asyncio.timeout(NOMINATION_S):
            await left.session.completed()
        for sock in idle:
            sock.close()


async def test_datagrams_that_are_no_stun_never_raise() -> None:
    async with two() as (left, right, _policy):
        address = left.session.default_address(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for data in (b"", b"\x00", b"\x00" * 20, b"\x01\x01" + bytes(40), b"\xff" * 30, b"\x50" * 8):
                stranger.sendto(data, (address.host, address.port))
            await until(lambda: len(left.of(PacketRefused)) >= 4)
        await connect(left, right)


# --- early media ---


@pytest.mark.req("ICETCP-7.2-5", "ICETCP-10-8")
async def test_media_is_taken_before_the_answer_once_a_check_was_good() -> None:
    """The answerer's checks overtake its answer; media from where they came is the peer's."""
    async with two() as (left, right, _policy):
        right.session.set_remote(left.description)
        await until(lambda: bool(left.of(CheckReceived)))
        check = left.of(CheckReceived)[0]
        assert left.session.state is SessionState.NEW
        bound = [right.session._flows.udp(FlowId(number)) for number in range(1, 20)]
        sender = next(sock for sock in bound if sock is not None and sock.local == check.remote)
        target = next(
            candidate.address
            for candidate in left.description.candidates
            if candidate.transport is Transport.UDP and candidate.address.host == check.remote.host
        )
        assert sender.send(rtp(1), target)
        await until(lambda: left.received[1] == [rtp(1)])
        left.session.set_remote(right.description)
        async with asyncio.timeout(NOMINATION_S):
            await left.session.completed()
            await right.session.completed()
        assert left.session.report().unvalidated_packets == 0


# --- peers without ICE ---


async def test_a_peer_without_ice() -> None:
    async with two(components=2) as (left, _right, _policy):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp,
        ):
            for sock in (peer, rtcp):
                sock.bind((HOST, 0))
                sock.setblocking(False)
            path = left.session.plain_path(1, TransportAddress(host=HOST, port=peer.getsockname()[1]))
            second = left.session.plain_path(2, TransportAddress(host=HOST, port=rtcp.getsockname()[1]))
            assert path is left.session.path(1)
            assert path.transport is Transport.UDP
            assert path.pair is None
            # Two UDP sockets are left of all that was gathered; RTCP is RTP's neighbour.
            assert left.session.open_sockets == 2
            ours, ours_rtcp = left.session.default_address(1), left.session.default_address(2)
            assert ours.host == HOST
            assert path.send(rtp(1))
            assert second.send(b"\x80\xc8" + bytes(6))
            await until(lambda: readable(peer) == rtp(1))
            await until(lambda: readable(rtcp) == b"\x80\xc8" + bytes(6))
            peer.sendto(rtp(2), (ours.host, ours.port))
            rtcp.sendto(b"\x80\xc9" + bytes(6), (ours_rtcp.host, ours_rtcp.port))
            await until(lambda: left.received == {1: [rtp(2)], 2: [b"\x80\xc9" + bytes(6)]})
            # The peer moved (a re-INVITE): the same path sends there.
            moved = left.session.plain_path(1, TransportAddress(host=HOST, port=rtcp.getsockname()[1]))
            assert moved is path
            assert path.send(rtp(3))
            await until(lambda: readable(rtcp) == rtp(3))


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 exists on Linux only")
async def test_strangers_to_a_peer_without_ice() -> None:
    async with two() as (left, _right, _policy):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        ):
            peer.bind((HOST, 0))
            stranger.bind(("127.0.0.2", 0))
            left.session.plain_path(1, TransportAddress(host=HOST, port=peer.getsockname()[1]))
            address = left.session.default_address(1)
            peer.sendto(rtp(1), (address.host, address.port))
            await until(lambda: left.received[1] == [rtp(1)])
            stranger.sendto(rtp(2), (address.host, address.port))
            await until(lambda: left.session.report().unvalidated_packets == 1)
            assert left.received[1] == [rtp(1)]


def readable(sock: socket.socket) -> bytes:
    try:
        return sock.recv(2048)
    except BlockingIOError:
        return b""


async def test_plain_media_needs_udp() -> None:
    async with two(config=replace(CONFIG, udp=False)) as (left, right, _policy):
        with pytest.raises(ValueError, match="no UDP"):
            left.session.plain_path(1, TransportAddress(host=HOST, port=9))
        right.session.set_remote(left.description)
        with pytest.raises(RuntimeError, match="description"):
            right.session.plain_path(1, TransportAddress(host=HOST, port=9))
