"""Our ICE session against libnice, over TCP: who dials, who nominates, and packets both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from ice.config import IceConfig
from ice.session import Session
from ice.sockets import HostNetwork
from ice.types import Credentials, Description, Role, TcpType, Transport
from sdp.candidate_attr import format_candidate, parse_candidate
from tests.peers.libnice import Libnice, libnice
from tests.peers.process import Programs, until

pytestmark = pytest.mark.peer("libnice")

NOMINATED_S = 10.0
PACKETS = 50


def rtp(number: int, size: int = 160) -> bytes:
    """Something that is neither STUN nor DTLS: version 2 and a number."""
    return b"\x80\x00" + number.to_bytes(2, "big") + bytes(8 + size)


@asynccontextmanager
async def our_session(role: Role, *, udp: bool, tcp: bool) -> AsyncIterator[Session]:
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


def exchange(session: Session, peer: Libnice, *, dials: Literal["we", "they", "any"]) -> None:
    """Tell each side the other's candidates; only those that let the chosen side dial."""
    ours = [
        candidate
        for candidate in session.local_description.candidates
        if candidate.address.host == "127.0.0.1"
        and (dials == "any" or (candidate.tcptype is TcpType.ACTIVE) is (dials == "we"))
    ]
    theirs = [
        candidate
        for candidate in (parse_candidate(line.removeprefix("candidate:")) for line in peer.candidates)
        if dials == "any" or (candidate.tcptype is TcpType.PASSIVE) is (dials == "we")
    ]
    assert ours
    assert theirs
    credentials = session.local_description.credentials
    peer.set_remote(
        credentials.ufrag, credentials.password, [f"candidate:{format_candidate(each)}" for each in ours]
    )
    session.set_remote(
        Description(
            credentials=Credentials(ufrag=peer.ufrag, password=peer.password),
            candidates=tuple(theirs),
            options=frozenset(),
        )
    )


async def packets_both_ways(session: Session, peer: Libnice) -> None:
    """Send packets of several sizes each way; all arrive, whole and in order."""
    arrived: list[bytes] = []
    path = session.path(1)
    path.set_receiver(lambda packet, _: arrived.append(packet))
    sent = [rtp(number, number * 20) for number in range(PACKETS)]
    for packet in sent:
        assert path.send(packet)
        peer.send(packet)
    await peer.got(sent[-1])
    await until(lambda: len(arrived) >= PACKETS, "all packets arrive")
    assert peer.received == sent
    assert arrived == sent


@pytest.mark.req("ICETCP-10-1")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("dials", ["we", "they"])
async def test_tcp_with_either_side_dialling_and_nominating(
    programs: Programs, role: Role, dials: Literal["we", "they"]
) -> None:
    their_role: Literal["controlling", "controlled"] = role.other.value
    async with (
        libnice(programs, their_role, udp=False) as peer,
        our_session(role, udp=False, tcp=True) as session,
    ):
        exchange(session, peer, dials=dials)
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        pair = session.report().selected
        assert pair is not None
        assert pair.local.transport is pair.remote.transport is Transport.TCP
        assert pair.local.tcptype is (TcpType.ACTIVE if dials == "we" else TcpType.PASSIVE)
        assert session.path(1).reliable
        await packets_both_ways(session, peer)


@pytest.mark.parametrize("role", list(Role))
async def test_all_candidates_at_once_choose_udp(programs: Programs, role: Role) -> None:
    their_role: Literal["controlling", "controlled"] = role.other.value
    async with libnice(programs, their_role) as peer, our_session(role, udp=True, tcp=True) as session:
        exchange(session, peer, dials="any")
        await asyncio.wait_for(session.completed(), NOMINATED_S)
        await peer.ready()
        pair = session.report().selected
        assert pair is not None
        assert pair.local.transport is Transport.UDP
        await packets_both_ways(session, peer)


async def test_a_wrong_password_connects_nobody(programs: Programs) -> None:
    async with (
        libnice(programs, "controlled", udp=False) as peer,
        our_session(Role.CONTROLLING, udp=False, tcp=True) as session,
    ):
        peer.password = "x" * 24
        exchange(session, peer, dials="we")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.completed(), 1.0)
        assert session.report().selected is None
        assert "ready" not in peer.states
