"""The connection to coturn breaks while its relay carries the media: another relay, by a restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ice.messages import PathLost, RestartAdvised
from ice.types import CandidateType
from tests.ice.loopback import HOST, until
from tests.ice.sessions import CONFIG, NOMINATION_S, connect, exchange_packets, two
from tests.peers.coturn import coturn
from tests.peers.process import Programs

pytestmark = pytest.mark.peer("coturn")


class Line:
    """What lies between us and the server; `cut` breaks all connections through it."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.connections = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a connection to a new one to the server."""
        self.connections += 1
        to_server, from_us = await asyncio.open_connection(HOST, self._server_port)
        self._writers |= {writer, from_us}
        await asyncio.gather(self._carry(reader, from_us), self._carry(to_server, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
        writer.transport.abort()
        self._writers.discard(writer)

    def cut(self) -> None:
        """Break everything that is open; what comes later passes."""
        for writer in tuple(self._writers):
            writer.transport.abort()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[tuple[Line, int]]:
    line = Line(port)
    server = await asyncio.start_server(line.accept, HOST, 0)
    try:
        yield line, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        line.cut()
        await asyncio.sleep(0.05)


@pytest.mark.req("ICETCP-11.2-2")
async def test_a_lost_control_connection_leads_to_another_relay(programs: Programs) -> None:
    async with coturn(programs) as server, line_to(server.port) as (line, port):
        account = replace(server.server("tcp"), port=port)
        config = replace(
            CONFIG, turn_servers=(account,), tcp_relay=False, relay_only=True, gather_timeout_s=5.0
        )
        # The controlled side has the relay: who lost it restarts, whatever its role.
        async with two(config=CONFIG, answerer=config) as (left, right, _policy):
            await connect(left, right)
            await exchange_packets(left, right, 1, count=20)
            before = right.description.candidates
            line.cut()
            await until(lambda: bool(right.of(RestartAdvised)))
            assert len(right.of(PathLost)) == 1
            assert not right.session.path(1).send(b"\x80" + bytes(20))
            assert line.connections == 1
            offer = await right.session.restart()
            assert line.connections == 2
            assert {c.address for c in offer.candidates}.isdisjoint(c.address for c in before)
            answer = await left.session.restart()
            left.session.set_remote(offer)
            right.session.set_remote(answer)
            async with asyncio.timeout(NOMINATION_S):
                await left.session.completed()
                await right.session.completed()
            for side in (left, right):
                side.received[1].clear()
            await exchange_packets(left, right, 1, count=20)
            selected = right.session.report().selected
            assert selected is not None
            assert selected.local.type is CandidateType.RELAY
            assert selected.local.address in {c.address for c in offer.candidates}
