"""Strangers, silence, wrong passwords, misplaced answers: the call is set up all the same."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import pytest

from ice.messages import FlowClosed, FlowOpened, PacketRefused
from ice.net.framing import frame
from ice.stun.binding import binding_request, binding_success
from ice.stun.message import MessageClass, parse, short_term_key
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    PairState,
    PairView,
    Role,
    TcpType,
    Transport,
    TransportAddress,
)
from tests.ice.loopback import HOST, until
from tests.ice.sessions import NOMINATION_S, Side, exchange_packets, only, two
from tests.net.pair_network import PairNetwork, Wire, mirrored


def listener_of(side: Side) -> tuple[str, int]:
    """Where a side takes connections."""
    (address,) = {
        candidate.address
        for candidate in side.description.candidates
        if candidate.tcptype is TcpType.PASSIVE and candidate.address.host == HOST
    }
    return address.host, address.port


async def call(
    left: Side,
    right: Side,
    *,
    left_gets: Description | None = None,
    first: Callable[[], bool] = lambda: True,
) -> None:
    """Set the call up with the right side dialling, and send packets both ways.

    Args:
        left: takes the connection.
        right: dials.
        left_gets: what the left side is told.
        first: what must have happened before the right side knows of the left one and begins.
    """
    left.session.set_remote(left_gets or only(right.description, TcpType.ACTIVE))
    await until(first)
    right.session.set_remote(only(left.description, TcpType.PASSIVE))
    async with asyncio.timeout(NOMINATION_S):
        await left.session.completed()
        await right.session.completed()
    await exchange_packets(left, right, 1)


# --- strangers at the listener -----------------------------------------------------------------------------


@pytest.mark.req("ICETCP-10-2", "ICETCP-7.2-7")
@pytest.mark.parametrize("held", [b"\x00", b"\x00\x64", b"\x00\x64\x00\x01", b"\xff\xff" + bytes(500)])
async def test_a_stranger_holds_a_half_written_frame(held: bytes) -> None:
    async with two(udp=False) as (left, right, _policy):
        with socket.create_connection(listener_of(left)) as stranger:
            stranger.sendall(held)
            await until(lambda: bool(left.of(FlowOpened)))
            await call(left, right)
            stranger.sendall(b"\x00")
            await exchange_more(left, right)


async def exchange_more(left: Side, right: Side) -> None:
    """Once more, packets both ways."""
    for side in (left, right):
        side.received[1].clear()
    await exchange_packets(left, right, 1)


def opened(side: Side, count: int) -> bool:
    """So many connections were opened or accepted."""
    return len(side.of(FlowOpened)) >= count


@pytest.mark.req("ICETCP-7.2-7")
async def test_a_hundred_strangers_are_idle() -> None:
    async with two(udp=False) as (left, right, _policy):
        with ExitStack() as stack:
            for number in range(100):
                stack.enter_context(socket.create_connection(listener_of(left)))
                await until(partial(opened, left, number + 1))
            await call(left, right)
            assert len(left.of(FlowClosed)) >= 84, "no more than sixteen of them are kept"


# --- a peer that answers nothing ---------------------------------------------------------------------------


@contextmanager
def silent_server() -> Iterator[TransportAddress]:
    """A port where connections and datagrams arrive and nobody answers."""
    with socket.create_server((HOST, 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        address = TransportAddress(host=HOST, port=tcp.getsockname()[1])
        udp.bind((address.host, address.port))
        yield address


@pytest.mark.req("ICE-8.1.1-1")
async def test_the_best_candidates_answer_nothing() -> None:
    """They are waited for as long as an answer could take, not until they time out."""
    async with two() as (left, right, _policy):
        with silent_server() as address:
            lures = [lure(Transport.UDP, address), lure(Transport.TCP, address)]
            theirs = only(right.description, TcpType.ACTIVE)

            def silent() -> list[PairView]:
                return [pair for pair in left.session.report().pairs if pair.remote.address == address]

            await call(
                *(left, right),
                left_gets=replace(theirs, candidates=(*lures, *theirs.candidates)),
                first=lambda: (
                    {pair.local.transport for pair in silent() if pair.checks_sent} == set(Transport)
                ),
            )
        assert not any(pair.checks_answered for pair in silent())


def lure(transport: Transport, address: TransportAddress) -> Candidate:
    """A candidate that is better than any real one."""
    tcp = transport is Transport.TCP
    return Candidate(
        foundation=f"lure{transport}",
        component=1,
        transport=transport,
        priority=2**31 - 1,
        address=address,
        type=CandidateType.HOST,
        tcptype=TcpType.PASSIVE if tcp else None,
    )


# --- wrong passwords ---------------------------------------------------------------------------------------


def check(credentials: Credentials) -> bytes:
    """A check that claims to come from a controlling peer."""
    return binding_request(
        transaction_id=bytes(12),
        local=Credentials(ufrag="evil", password="x" * 22),
        remote=credentials,
        role=Role.CONTROLLING,
        tie_breaker=2**64 - 1,
        priority=2**31 - 1,
        use_candidate=True,
    )


@pytest.mark.req("ICE-7.3-1", "ICETCP-7.2-6")
async def test_strangers_check_with_a_wrong_password() -> None:
    """They know the user name and nominate themselves: connections are closed, datagrams refused."""
    async with two() as (left, right, _policy):
        guess = check(replace(left.session.local_description.credentials, password="y" * 22))
        default = left.session.default_address(1)
        with ExitStack() as stack:
            for _ in range(5):
                stranger = stack.enter_context(socket.create_connection(listener_of(left)))
                stranger.sendall(frame(guess) * 3)
            udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            for _ in range(20):
                udp.sendto(guess, (default.host, default.port))
            await until(lambda: len(left.of(FlowClosed)) == 5)
            await call(left, right)
            udp.sendto(guess, (default.host, default.port))
        refused = Counter(event.reason for event in left.of(PacketRefused))
        assert refused["check answered 401 Unauthenticated"] >= 5 * 3 + 20
        assert left.session.role is Role.CONTROLLING, "a role conflict needs the password too"


class Impostor:
    """Listens, and answers every check with a success that is signed with another password."""

    def __init__(self) -> None:
        self.checks = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            (size,) = struct.unpack("!H", await reader.readexactly(2))
            request = parse(await reader.readexactly(size))
            host, port = writer.get_extra_info("peername")
            mapped = TransportAddress(host=host, port=port)
            writer.write(frame(binding_success(request, mapped, short_term_key("z" * 22))))
            self.checks += 1
            await reader.read()
        finally:
            writer.close()


async def test_the_best_candidate_answers_with_a_wrong_password() -> None:
    impostor = Impostor()
    server = await asyncio.start_server(impostor.serve, HOST, 0)
    host, port = server.sockets[0].getsockname()
    address = TransportAddress(host=host, port=port)
    async with server, two(udp=False) as (left, right, _policy):
        theirs = only(right.description, TcpType.ACTIVE)
        candidates = (lure(Transport.TCP, address), *theirs.candidates)
        await call(
            *(left, right),
            left_gets=replace(theirs, candidates=candidates),
            first=lambda: impostor.checks == 1,
        )
        (lured,) = [pair for pair in left.session.report().pairs if pair.remote.address == address]
        assert lured.state is PairState.FAILED
        assert "without the peer's password" in lured.reason


# --- answers on the wrong connection -----------------------------------------------------------------------


class Crossed(PairNetwork):
    """Every answer of the peer arrives on all other connections first."""

    def deliver_frame(self, to: Wire, data: bytes) -> None:
        """Deliver it where it does not belong, then where it does."""
        if parse(data).message_class is MessageClass.SUCCESS:
            for wire in to.side.connections.values():
                if wire is not to:
                    super().deliver_frame(wire, data)
        super().deliver_frame(to, data)


@pytest.mark.req("ICETCP-7.1-8")
def test_answers_arrive_on_other_connections_first() -> None:
    network = Crossed(udp=False)
    network.a.gather(["192.0.2.1", "192.0.2.2"])
    network.b.gather(["198.51.100.1", "198.51.100.2"])
    network.start()
    network.run_to_end()
    assert mirrored(network)
    assert network.now - 1000 < 0.25, "it costs no time"
    assert network.a.agent.counters["misplaced_answers"] > 0


class Crossing:
    """Two ways to one listener: what it says on the one comes out of the other."""

    def __init__(self, target: TransportAddress) -> None:
        self._target = target
        self._out: list[asyncio.Future[asyncio.StreamWriter]] = [
            asyncio.get_running_loop().create_future() for _ in range(2)
        ]

    async def serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to way `number`."""
        self._out[number].set_result(writer)
        back, there = await asyncio.open_connection(self._target.host, self._target.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, there))
                both.create_task(self._pass_on(back, await asyncio.shield(self._out[1 - number])))
        finally:
            there.close()
            writer.close()

    @staticmethod
    async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(4096):
            target.write(data)


@pytest.mark.req("ICETCP-7.1-8")
async def test_answers_arrive_on_other_connections_only() -> None:
    """Two candidates lead to the peer over connections whose answers are exchanged: neither is used."""
    async with two(udp=False) as (left, right, _policy), AsyncExitStack() as stack:
        crossing = Crossing(TransportAddress(host=HOST, port=listener_of(right)[1]))
        lures = []
        for number in range(2):
            server = await asyncio.start_server(partial(crossing.serve, number), HOST, 0)
            await stack.enter_async_context(server)
            address = TransportAddress(host=HOST, port=server.sockets[0].getsockname()[1])
            lures.append(replace(lure(Transport.TCP, address), foundation=f"lure{number}"))
        theirs = only(right.description, TcpType.ACTIVE)

        def misplaced() -> int:
            reasons = Counter(event.reason for event in left.of(PacketRefused))
            return reasons["answer to a check of another connection"]

        # The peer answers before it knows us; it dials once it does.
        await call(
            *(left, right),
            left_gets=replace(theirs, candidates=(*lures, *theirs.candidates)),
            first=lambda: misplaced() >= 2,
        )
        selected = left.session.report().selected
        assert selected is not None
        assert selected.remote.address not in {each.address for each in lures}
