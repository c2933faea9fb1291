"""The handshake over a path in an event loop: who begins when, who is let in, and another association."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from media.errors import HandshakeFailed
from media.path import PacketReceiver
from media.protection.certificate import Certificate
from media.protection.dtls_runner import DtlsRunner
from media.protection.secure_path import MOST_EARLY, SecurePath
from tests.media.dtls_pair import ALICE, BOB, MALLORY, known
from tests.media.protection.test_srtp import rtp


@dataclass
class Link:
    """One end of a wire in memory; what is sent arrives in the next turn of the loop."""

    peer: Link | None = None
    receiver: PacketReceiver | None = None
    sent: list[bytes] = field(default_factory=list)
    reliable: bool = False

    def send(self, packet: bytes) -> bool:
        self.sent.append(packet)
        if self.peer is not None:
            asyncio.get_running_loop().call_soon(self.peer.deliver, packet)
        return True

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        self.receiver = receiver

    def deliver(self, packet: bytes) -> None:
        if self.receiver is not None:
            self.receiver(packet, now())


def now() -> float:
    """The clock of the loop."""
    clock: Callable[[], float] = asyncio.get_running_loop().time
    return clock()


@dataclass
class End:
    """A path, its handshake, and what was heard and told."""

    link: Link
    path: SecurePath
    runner: DtlsRunner
    heard: list[bytes] = field(default_factory=list)
    ends: list[tuple[str, bool]] = field(default_factory=list)


@asynccontextmanager
async def two(*certificates: Certificate) -> AsyncIterator[tuple[End, End]]:
    links = Link(), Link()
    links[0].peer, links[1].peer = links[1], links[0]
    ends = []
    for link, certificate in zip(links, certificates or (ALICE, BOB), strict=True):
        path = SecurePath(link)
        told: list[tuple[str, bool]] = []
        end = End(
            link,
            path,
            DtlsRunner(path, certificate, clock=now, on_end=lambda *end, told=told: told.append(end)),
            ends=told,
        )
        heard = end.heard
        path.set_receiver(lambda packet, _, heard=heard: heard.append(packet))  # type: ignore[misc]
        ends.append(end)
    try:
        yield ends[0], ends[1]
    finally:
        for end in ends:
            end.runner.close()
            end.path.close()


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.req("KEY-14", "DTLS-3")
async def test_a_hello_before_begin_is_answered_at_once() -> None:
    async with two() as (client, server):
        client.runner.begin(is_client=True, fingerprints=known(BOB))
        await settle()
        assert server.link.sent == []
        server.runner.begin(is_client=False, fingerprints=known(ALICE))
        async with asyncio.timeout(0.5):
            await asyncio.gather(client.runner.completed(), server.runner.completed())
        assert client.runner.profile is server.runner.profile is not None
        assert client.path.send(rtp(1))
        await settle()
        assert server.heard == [rtp(1)]


@pytest.mark.req("DTLS-2", "KEY-1")
async def test_an_impostor_ends_media_at_once() -> None:
    async with two(ALICE, MALLORY) as (client, server):
        server.runner.begin(is_client=False, fingerprints=known(ALICE))
        client.runner.begin(is_client=True, fingerprints=known(BOB))
        with pytest.raises(HandshakeFailed, match="certificate"):
            await asyncio.wait_for(client.runner.completed(), 1)
        assert [failed for _, failed in client.ends] == [True]
        assert not client.path.send(rtp(1))
        assert not client.path.is_keyed


@pytest.mark.req("DTLS-8", "DTLS-5", "KEY-6")
async def test_media_goes_on_while_another_association_comes() -> None:
    async with two() as (client, server):
        for end, other, begins in ((server, ALICE, False), (client, BOB, True)):
            end.runner.begin(is_client=begins, fingerprints=known(other))
        await asyncio.gather(client.runner.completed(), server.runner.completed())
        client.path.send(rtp(1))
        before = client.link.sent[-1]
        # the roles change (RFC 8842 §3.1)
        client.runner.begin(is_client=False, fingerprints=known(BOB))
        client.path.send(rtp(2))
        server.runner.begin(is_client=True, fingerprints=known(ALICE))
        await asyncio.gather(client.runner.completed(), server.runner.completed())
        client.path.send(rtp(3))
        server.link.deliver(before)
        await settle()
        assert server.heard == [rtp(1), rtp(2), rtp(3)], "and nothing twice"
        assert client.runner.handshakes == server.runner.handshakes == 2
        assert client.ends == server.ends == []


async def test_the_end_of_the_peer_is_told() -> None:
    async with two() as (client, server):
        server.runner.begin(is_client=False, fingerprints=known(ALICE))
        client.runner.begin(is_client=True, fingerprints=known(BOB))
        await asyncio.gather(client.runner.completed(), server.runner.completed())
        client.runner.close()
        await settle()
        assert server.ends == [("the peer closed the DTLS association", False)]
        assert not server.path.send(rtp(1))


@pytest.mark.req("DTLS-7")
async def test_early_packets_are_bounded_and_media_among_them_is_dropped() -> None:
    async with two() as (client, server):
        for _ in range(3 * MOST_EARLY):
            server.link.deliver(b"\x16\xfe\xfd" + bytes(10))
            server.link.deliver(rtp(1))
        assert len(server.path._early) == MOST_EARLY
        assert server.heard == []
        assert server.path.refused == {"packet before there is a key": 3 * MOST_EARLY}
        server.runner.begin(is_client=False, fingerprints=known(ALICE))
        client.runner.begin(is_client=True, fingerprints=known(BOB))
        await asyncio.gather(client.runner.completed(), server.runner.completed())
