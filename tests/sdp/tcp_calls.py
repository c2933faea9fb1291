"""Two sides of media over TCP without ICE on real loopback, joined by nothing but SDP text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ice.net.network import Network, TcpConnection, TcpListener
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from sdp.attributes.connection_attr import Setup
from sdp.media_paths import Paths
from sdp.negotiation.negotiated import AudioWish, NegotiatedMedia
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from sdp.tcp.binding import TcpBinding
from sdp.tcp.events import TcpEvent
from tests.sdp.calls import CONFIG, WISH, Edit, unchanged

CONNECT_S = 0.3
"""Seconds that these tests wait for a connection which does not come."""


class Side:
    """A binding and all that it told."""

    def __init__(self, binding: TcpBinding) -> None:
        self.binding = binding
        self.events: list[TcpEvent] = []
        binding.subscribe(self.events.append)

    def told(self, *kinds: type[TcpEvent], component: int | None = None) -> list[TcpEvent]:
        """The events of these kinds, of one component or of both."""
        return [
            event
            for event in self.events
            if isinstance(event, kinds) and component in (None, event.component)
        ]


class TcpCall:
    """An offerer, an answerer, and the texts between them."""

    def __init__(self, alice: Side, bob: Side) -> None:
        self.alice = alice
        self.bob = bob
        self.offer_text = ""
        self.answer_text = ""

    async def exchange(
        self,
        ours: AudioWish = WISH,
        theirs: AudioWish = WISH,
        *,
        offer: Edit = unchanged,
        answer: Edit = unchanged,
        back: bool = False,
    ) -> NegotiatedMedia:
        """Offer, answer, and what the offerer made of it; `back`: Bob offers."""
        first, second = (self.bob, self.alice) if back else (self.alice, self.bob)
        self.offer_text = offer(write(first.binding.offer(ours)))
        given = parse(self.offer_text)
        await second.binding.prepare(given, theirs)
        answered = second.binding.answer(given, theirs)
        assert answered.negotiated is not None, answered.reason
        self.answer_text = answer(write(answered.description))
        second.binding.answer_sent()
        return first.binding.apply_answer(parse(self.answer_text))

    async def paths(self) -> tuple[Paths, Paths]:
        async with asyncio.timeout(10):
            return await self.alice.binding.paths(), await self.bob.binding.paths()


@asynccontextmanager
async def tcp_call(
    offerer: Setup = Setup.ACTPASS,
    answerer: Setup = Setup.ACTPASS,
    *,
    network: Network | None = None,
    connect_s: float = CONNECT_S,
) -> AsyncIterator[TcpCall]:
    """The two sides; the offerer is ready to offer."""
    network = network or HostNetwork()
    sides = [
        Side(TcpBinding(network=network, config=CONFIG, session_id=number, setup=setup, connect_s=connect_s))
        for number, setup in ((1, offerer), (2, answerer))
    ]
    try:
        await sides[0].binding.open()
        yield TcpCall(*sides)
    finally:
        for side in sides:
            await side.binding.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


class Watched(HostNetwork):
    """This host; notes where was dialled and what was listened on."""

    def __init__(self) -> None:
        super().__init__()
        self.dialled: list[TransportAddress] = []
        self.listened: list[TransportAddress] = []

    async def connect_tcp(
        self, local_host: str, remote: TransportAddress, *, local_port: int = 0
    ) -> TcpConnection:
        self.dialled.append(remote)
        return await super().connect_tcp(local_host, remote, local_port=local_port)

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        listener = await super().listen_tcp(host, port, on_accept, shared=shared)
        self.listened.append(listener.local)
        return listener


def port_of(text: str) -> int:
    """Port of the m= line."""
    line = next(line for line in text.split("\r\n") if line.startswith("m=audio"))
    return int(line.split(" ")[1])


async def refuses(port: int) -> bool:
    """True where nobody listens on this port of loopback."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    await writer.wait_closed()
    return False
