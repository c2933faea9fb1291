"""The selected path: what is sent where, what is counted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from ice.net.departures import Departures
from ice.net.network import CloseReceiver, FrameReceiver
from ice.paths.path import MOST_RECENT, SelectedPath
from ice.paths.plain import PlainSource
from ice.types import (
    Candidate,
    CandidateType,
    PairState,
    PairView,
    TcpType,
    Transport,
    TransportAddress,
)
from media.path import PacketPath

LOCAL = TransportAddress(host="192.0.2.1", port=4000)
REMOTE = TransportAddress(host="192.0.2.2", port=5000)
OTHER = TransportAddress(host="192.0.2.3", port=6000)
RTP = b"\x80\x00" + bytes(10)
DTLS = b"\x16\xfe" + bytes(10)


@dataclass
class FakeUdp:
    local: TransportAddress = LOCAL
    works: bool = True
    sent: list[tuple[bytes, TransportAddress]] = field(default_factory=list)

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        self.sent.append((data, remote))
        return self.works

    def close(self) -> None:
        raise AssertionError("a path closes nothing")


@dataclass
class FakeTcp:
    local: TransportAddress = LOCAL
    remote: TransportAddress = REMOTE
    dropped: int = 0
    drops: int = 0
    open: bool = True
    sent: list[tuple[bytes, bool]] = field(default_factory=list)

    def start(self, on_frame: FrameReceiver, on_closed: CloseReceiver, *, queue_ms: int) -> None:
        raise AssertionError("a path starts nothing")

    def limit_received(self, most: int | None) -> None:
        raise AssertionError("a path limits nothing")

    def send(self, packet: bytes, *, droppable: bool) -> bool:
        if not self.open:
            return False
        self.sent.append((packet, droppable))
        self.dropped += self.drops
        return not self.drops

    def close(self) -> None:
        raise AssertionError("a path closes nothing")


def pair(transport: Transport) -> PairView:
    def candidate(address: TransportAddress, tcptype: TcpType | None) -> Candidate:
        return Candidate(
            foundation="1",
            component=1,
            transport=transport,
            priority=1,
            address=address,
            type=CandidateType.HOST,
            tcptype=tcptype,
        )

    tcp = transport is Transport.TCP
    return PairView(
        id=1,
        component=1,
        local=candidate(LOCAL, TcpType.ACTIVE if tcp else None),
        remote=candidate(REMOTE, TcpType.PASSIVE if tcp else None),
        priority=1,
        state=PairState.SUCCEEDED,
    )


def test_it_is_the_path_that_media_wants() -> None:
    path: PacketPath = SelectedPath(1)
    assert not path.reliable


def test_nothing_is_sent_before_a_pair_is_selected() -> None:
    path = SelectedPath(1)
    assert not path.send(RTP)
    assert (path.sent_packets, path.unsent_packets) == (0, 1)
    assert (path.transport, path.remote, path.pair) == (None, None, None)


def test_packets_arrive_before_any_selection() -> None:
    path = SelectedPath(1)
    received: list[tuple[bytes, float]] = []
    path.deliver(b"nobody listens", 0.5)
    path.set_receiver(lambda packet, at: received.append((packet, at)))
    path.deliver(RTP, 1.0)
    path.set_receiver(None)
    path.deliver(RTP, 2.0)
    assert received == [(RTP, 1.0)]
    assert path.received_packets == 3


def test_the_last_packets_of_rtp_wait_for_who_takes_them() -> None:
    path = SelectedPath(1)
    received: list[tuple[bytes, float]] = []
    packets = [(RTP + bytes([number]), float(number)) for number in range(MOST_RECENT + 3)]
    for packet, at in packets:
        path.deliver(packet, at)
    path.set_receiver(lambda packet, at: received.append((packet, at)))
    assert received == packets[-MOST_RECENT:]
    path.set_receiver(None)
    path.deliver(RTP, 20.0)
    path.set_receiver(None)
    path.set_receiver(lambda packet, at: received.append((packet, at)))
    assert received == packets[-MOST_RECENT:], "who wants none gets none later"


def test_udp() -> None:
    path = SelectedPath(1)
    udp = FakeUdp()
    view = pair(Transport.UDP)
    path.use_udp(udp, REMOTE, view)
    assert path.send(RTP)
    assert udp.sent == [(RTP, REMOTE)]
    assert (path.transport, path.remote, path.pair) == (Transport.UDP, REMOTE, view)
    assert not path.reliable
    udp.works = False
    assert not path.send(RTP)
    assert (path.sent_packets, path.unsent_packets, path.dropped_stale) == (1, 1, 0)


def test_tcp_drops_media_and_keeps_dtls() -> None:
    path = SelectedPath(1)
    tcp = FakeTcp()
    path.use_tcp(tcp, pair(Transport.TCP))
    assert path.reliable
    assert path.remote == REMOTE
    assert path.send(RTP)
    assert path.send(DTLS)
    assert tcp.sent == [(RTP, True), (DTLS, False)]
    tcp.drops = 2
    assert not path.send(RTP)
    assert (path.sent_packets, path.unsent_packets, path.dropped_stale) == (2, 0, 2)
    tcp.open, tcp.drops = False, 0
    assert not path.send(RTP)
    assert (path.sent_packets, path.unsent_packets, path.dropped_stale) == (2, 1, 2)


@pytest.mark.parametrize("first", [0x40, 0x4F, 0x50, 0x7F, 0xC0, 0xFF])
def test_quic_may_be_dropped_for_it_sends_again(first: int) -> None:
    """A short header begins with 64 to 127, a long one with 192 to 255 (RFC 9000 §17, RFC 9443)."""
    path = SelectedPath(1)
    tcp = FakeTcp()
    path.use_tcp(tcp, pair(Transport.TCP))
    packet = bytes((first,)) + bytes(1199)
    path.send(packet)
    assert tcp.sent == [(packet, True)]


def test_the_counts_survive_a_change_of_the_pair() -> None:
    path = SelectedPath(1)
    first = FakeTcp(drops=1)
    path.use_tcp(first, pair(Transport.TCP))
    path.send(RTP)
    # The same connection again: nothing is counted twice.
    path.use_tcp(first, pair(Transport.TCP))
    assert path.dropped_stale == 1
    udp = FakeUdp()
    path.use_udp(udp, OTHER, pair(Transport.UDP))
    assert path.send(RTP)
    assert udp.sent == [(RTP, OTHER)]
    assert not path.reliable
    second = FakeTcp(drops=1)
    path.use_tcp(second, pair(Transport.TCP))
    path.send(RTP)
    assert path.dropped_stale == 2
    assert path.sent_packets == 1


def test_a_stopped_path_sends_nothing_and_still_tells_what_it_was() -> None:
    path = SelectedPath(1)
    tcp = FakeTcp(drops=1)
    path.use_tcp(tcp, pair(Transport.TCP))
    path.send(RTP)
    path.stop()
    assert not path.send(RTP)
    assert len(tcp.sent) == 1
    assert path.dropped_stale == 1
    assert path.unsent_packets == 1
    assert path.transport is Transport.TCP
    assert path.pair is not None


# --- peers without ICE ---


def at(host: str, port: int = 4000) -> TransportAddress:
    return TransportAddress(host=host, port=port)


def test_the_signalled_host_is_believed_on_any_port() -> None:
    source = PlainSource(REMOTE)
    assert source.accepts(REMOTE)
    assert source.accepts(at(REMOTE.host, 9999))
    assert not source.accepts(OTHER)


def test_another_host_is_believed_while_the_signalled_one_is_silent() -> None:
    source = PlainSource(REMOTE)
    assert source.accepts(OTHER)
    assert not source.accepts(at("192.0.2.77"))
    assert source.accepts(at(OTHER.host, 7))
    # The signalled one speaks: only it counts from now on.
    assert source.accepts(REMOTE)
    assert not source.accepts(OTHER)


async def test_what_one_turn_sends_leaves_together() -> None:
    departures = Departures.running()
    path, udp = SelectedPath(1, departures), FakeUdp()
    path.use_udp(udp, REMOTE, pair(Transport.UDP))
    assert path.send(RTP)
    assert path.send(DTLS)
    assert udp.sent == []
    await asyncio.sleep(0)
    assert udp.sent == [(RTP, REMOTE), (DTLS, REMOTE)]
    assert path.sent_packets == 2


async def test_what_was_sent_leaves_before_the_path_changes_or_ends() -> None:
    path, first, second = SelectedPath(1, Departures.running()), FakeUdp(), FakeUdp()
    path.use_udp(first, REMOTE, pair(Transport.UDP))
    path.send(RTP)
    path.use_udp(second, OTHER, pair(Transport.UDP))
    assert first.sent == [(RTP, REMOTE)]
    path.send(DTLS)
    path.stop()
    assert second.sent == [(DTLS, OTHER)]
    await asyncio.sleep(0)
    assert (len(first.sent), len(second.sent), path.sent_packets) == (1, 1, 2)
    assert not path.send(RTP)
