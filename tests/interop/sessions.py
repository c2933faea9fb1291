"""Our session against the ICE agent of somebody else: who is told what, and packets both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

from ice.config import IceConfig
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Description, Role, TcpType
from tests.peers.ice_peer import IcePeer
from tests.peers.process import until

PACKETS = 50
_AT_ONCE = 3

Dials = Literal["we", "they", "any"]


def rtp(number: int, size: int = 160) -> bytes:
    """Something that is neither STUN nor DTLS: version 2 and a number."""
    return b"\x80\x00" + number.to_bytes(2, "big") + bytes(8 + size)


@asynccontextmanager
async def our_session(role: Role, *, udp: bool, tcp: bool) -> AsyncIterator[Session]:
    """A session on loopback that has gathered."""
    session = Session(
        network=HostNetwork(),
        config=IceConfig(loopback=True, interfaces=("lo",), udp=udp, tcp=tcp),
        role=role,
    )
    try:
        await session.gather()
        yield session
    finally:
        await session.close()


def exchange(session: Session, peer: IcePeer, *, dials: Dials) -> None:
    """Tell each side the other's candidates; only those that let the chosen side dial."""
    ours = session.local_description
    theirs = peer.description
    # The peers know no address of IPv6.
    ours = _only(ours, lambda tcptype: dials == "any" or (tcptype is TcpType.ACTIVE) is (dials == "we"))
    theirs = _only(theirs, lambda tcptype: dials == "any" or (tcptype is TcpType.PASSIVE) is (dials == "we"))
    peer.tell(ours)
    session.set_remote(theirs)


def _only(description: Description, wanted: Callable[[TcpType | None], bool]) -> Description:
    kept = tuple(
        candidate
        for candidate in description.candidates
        if candidate.address.host == "127.0.0.1" and wanted(candidate.tcptype)
    )
    return replace(description, candidates=kept)


async def packets_both_ways(session: Session, peer: IcePeer) -> None:
    """Send packets of several sizes each way; all arrive, whole and in order."""
    arrived: list[bytes] = []
    path = session.path(1)
    path.set_receiver(lambda packet, _: arrived.append(packet))
    sent = [rtp(number, number * 20) for number in range(PACKETS)]
    for number, packet in enumerate(sent, 1):
        assert path.send(packet)
        peer.send(packet)
        if number % _AT_ONCE == 0:
            # No faster than a connection takes them: a path drops media that would have to wait.
            await peer.got(packet)
    await peer.got(sent[-1])
    await until(lambda: len(arrived) >= PACKETS, "all packets arrive")
    assert peer.received == sent
    assert arrived == sent
