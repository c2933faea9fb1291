"""Two bindings on real loopback, joined by nothing but SDP text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from ice.config import IceConfig
from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import Network
from ice.net.sockets import HostNetwork
from ice.paths.path import SelectedPath
from ice.types import Role
from sdp.attributes.direction import Direction
from sdp.ice.binding import IceBinding
from sdp.media_paths import Paths
from sdp.negotiation.negotiated import Answer, AudioWish, NegotiatedMedia
from sdp.silent_path import SilentPath
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.local import EVENTS, PCMA, PCMU

WISH = AudioWish(formats=(PCMU, PCMA, EVENTS))
HOLD = replace(WISH, direction=Direction.SENDONLY)
WITHOUT_MUX = replace(WISH, rtcp_mux=False)
WITHOUT_ICE = replace(WISH, ice=False)

LOOPBACK = next(a.interface for a in HostNetwork().host_addresses() if a.host == "127.0.0.1")
CONFIG = IceConfig(loopback=True, interfaces=(LOOPBACK,))

Edit = Callable[[str], str]


def unchanged(text: str) -> str:
    return text


def without(*words: str) -> Edit:
    """Drops the lines that hold one of `words`."""
    return lambda text: "".join(
        f"{line}\r\n" for line in text.split("\r\n") if line and not any(word in line for word in words)
    )


class Call:
    """An offerer, an answerer, and the texts between them."""

    def __init__(self, alice: IceBinding, bob: IceBinding, policy: FirewallPolicy) -> None:
        self.alice = alice
        self.bob = bob
        self.policy = policy
        self.offer_text = ""
        self.answer_text = ""

    def exchange(
        self,
        ours: AudioWish = WISH,
        theirs: AudioWish = WISH,
        *,
        offer: Edit = unchanged,
        answer: Edit = unchanged,
        back: bool = False,
    ) -> tuple[NegotiatedMedia, Answer]:
        first, second = (self.bob, self.alice) if back else (self.alice, self.bob)
        self.offer_text = offer(write(first.offer(ours)))
        answered = second.answer(parse(self.offer_text), theirs)
        assert answered.negotiated is not None, answered.reason
        self.answer_text = answer(write(answered.description))
        second.answer_sent()
        return first.apply_answer(parse(self.answer_text)), answered

    async def paths(self) -> tuple[Paths, Paths]:
        async with asyncio.timeout(10):
            return await self.alice.paths(), await self.bob.paths()


@asynccontextmanager
async def two(
    *,
    udp: bool = True,
    config: IceConfig = CONFIG,
    answerer: IceConfig | None = None,
    network: Network | None = None,
) -> AsyncIterator[Call]:
    policy = FirewallPolicy(udp="open" if udp else "blocked")
    network = FirewallNetwork(network or HostNetwork(), policy)
    alice = await IceBinding.gather(network=network, config=config, role=Role.CONTROLLING, session_id=1)
    bob = await IceBinding.gather(
        network=network, config=answerer or config, role=Role.CONTROLLED, session_id=2
    )
    try:
        yield Call(alice, bob, policy)
    finally:
        await alice.close()
        await bob.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.001)


def packet(number: int, kind: int = 0) -> bytes:
    return bytes((0x80, kind)) + number.to_bytes(2, "big") + bytes(160)


async def carry(source: SelectedPath | SilentPath, sink: SelectedPath | SilentPath, kind: int) -> None:
    """Ten packets from one path to the other."""
    sent = [packet(number, kind) for number in range(10)]
    got: list[bytes] = []
    sink.set_receiver(lambda data, _at: got.append(data))
    assert all(source.send(data) for data in sent)
    await until(lambda: len(got) == len(sent))
    assert got == sent


async def talk(left: Paths, right: Paths) -> None:
    """Packets both ways on RTP and on RTCP."""
    for index, kind in ((0, 0), (1, 200)):
        await carry(left[index], right[index], kind)
        await carry(right[index], left[index], kind)


def role(binding: IceBinding) -> Role:
    return binding.session.role


def wants_update(binding: IceBinding) -> bool:
    return binding.needs_updated_offer
