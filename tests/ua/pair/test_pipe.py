"""Two pipes over paths that a test plays: packets lost, repeated, reordered; a path that goes and comes."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ice.paths.path import SelectedPath
from ice.types import TransportAddress
from ua import clock
from ua.errors import NoMediaPath, UaError, UsageError
from ua.pair import pipe as pipe_module
from ua.pair.files import Input
from ua.pair.identity import Identity
from ua.pair.pipe import PeerLeft, Pipe
from ua.pair.transfer import WINDOW

SOMEWHERE = TransportAddress(host="192.0.2.1", port=1)


class Wire:
    """What one side sends arrives at the other side's path, mostly.

    Attributes:
        loss: share of packets that are lost; a tenth of it comes twice, a tenth late.
        alter: what is done to each packet.
    """

    def __init__(self, to: SelectedPath, chance: random.Random) -> None:
        self.loss = 0.0
        self.alter: Callable[[bytes], bytes] = lambda packet: packet
        self._to = to
        self._chance = chance
        self._loop = asyncio.get_running_loop()

    @property
    def local(self) -> TransportAddress:
        return SOMEWHERE

    def send(self, data: bytes, _remote: TransportAddress) -> bool:
        drawn = self._chance.random()
        if drawn >= self.loss:
            self._loop.call_soon(self._arrive, self.alter(data))
        if drawn > 1 - self.loss / 10:
            self._loop.call_soon(self._arrive, data)
        elif drawn > 1 - self.loss / 5:
            self._loop.call_later(0.01, self._arrive, data)
        return True

    def _arrive(self, data: bytes) -> None:
        self._to.deliver(data, clock.now())

    def close(self) -> None:
        pass


class End:
    """One pipe with files for its input and output."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = SelectedPath(1)
        self.identity = Identity()
        self.source = folder / f"{name}.in"
        self.sink = folder / f"{name}.out"
        self.source.touch()
        self.opened = asyncio.Event()
        self.descriptors: list[int] = []

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)

    def pipe(self, proof: bytes, *, dials: bool) -> Pipe:
        reading = os.open(self.source, os.O_RDONLY)
        writing = os.open(self.sink, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.descriptors += [reading, writing]
        return Pipe(
            self.path,
            identity=self.identity,
            proof=proof,
            dials=dials,
            source=Input(reading),
            sink=writing,
            on_open=self.opened.set,
        )


class Two:
    """Both ends and the wires between them."""

    def __init__(self, folder: Path) -> None:
        self.dials, self.answers = End(folder, "dials"), End(folder, "answers")
        chance = random.Random(1)
        self.wires = [Wire(self.answers.path, chance), Wire(self.dials.path, chance)]
        self.connect()

    def connect(self) -> None:
        for end, wire in zip((self.dials, self.answers), self.wires, strict=True):
            end.path.use_udp(wire, SOMEWHERE, None)

    async def run(
        self, *, key: bytes | None = None, certificate: bytes | None = None
    ) -> list[UaError | None]:
        """How both ended; `key` and `certificate` stand in the lines in the place of the right ones."""
        dialling = self.dials.pipe(certificate or self.answers.identity.certificate_der, dials=True)
        answering = self.answers.pipe(key or self.dials.identity.public_key, dials=False)
        ended = await asyncio.gather(dialling.run(), answering.run(), return_exceptions=True)
        for each in ended:
            assert each is None or isinstance(each, UaError), repr(each)
        return [each if isinstance(each, UaError) else None for each in ended]


@asynccontextmanager
async def two_ends(folder: Path) -> AsyncIterator[Two]:
    two = Two(folder)
    try:
        yield two
    finally:
        two.dials.close()
        two.answers.close()


@pytest.mark.parametrize("loss", [0.0, 0.03])
async def test_both_directions_arrive_whole_whatever_is_lost(tmp_path: Path, loss: float) -> None:
    async with two_ends(tmp_path) as two:
        for wire in two.wires:
            wire.loss = loss
        two.dials.source.write_bytes(os.urandom(WINDOW + 100_000 if loss == 0 else 300_000))
        two.answers.source.write_bytes(os.urandom(50_000))
        assert await two.run() == [None, None]
        assert two.answers.sink.read_bytes() == two.dials.source.read_bytes()
        assert two.dials.sink.read_bytes() == two.answers.source.read_bytes()


async def test_nothing_to_say_ends_at_once(tmp_path: Path) -> None:
    async with two_ends(tmp_path) as two:
        async with asyncio.timeout(pipe_module.LINGER_S - 1):
            assert await two.run() == [None, None]


async def test_a_path_that_is_lost_is_waited_for(tmp_path: Path) -> None:
    async with two_ends(tmp_path) as two:
        two.dials.source.write_bytes(os.urandom(400_000))
        running = asyncio.ensure_future(two.run())
        await two.answers.opened.wait()
        two.dials.path.stop()
        two.answers.path.stop()
        asyncio.get_running_loop().call_later(0.5, two.connect)
        assert await running == [None, None]
        assert two.answers.sink.read_bytes() == two.dials.source.read_bytes()


async def test_packets_of_strangers_change_nothing(tmp_path: Path) -> None:
    async with two_ends(tmp_path) as two:
        two.dials.source.write_bytes(b"all of it")
        for packet in (b"", b"\xc0", b"\xc0\x00\x00\x00\x01" + bytes(1300), b"\x80" + bytes(50), bytes(1200)):
            for end in (two.dials, two.answers):
                end.path.deliver(packet, clock.now())
        assert await two.run() == [None, None]
        assert two.answers.sink.read_bytes() == b"all of it"


async def test_who_has_not_the_key_of_the_offer_gets_nothing(tmp_path: Path) -> None:
    async with two_ends(tmp_path) as two:
        two.dials.source.write_bytes(b"forged")
        two.answers.source.write_bytes(b"secret")
        ours, theirs = await two.run(key=Identity().public_key)
        assert isinstance(theirs, PeerLeft)
        assert "another key" in str(theirs)
        assert isinstance(ours, UaError)
        assert two.answers.sink.read_bytes() == two.dials.sink.read_bytes() == b""


async def test_who_has_not_the_certificate_of_the_answer_gets_nothing(tmp_path: Path) -> None:
    async with two_ends(tmp_path) as two:
        two.dials.source.write_bytes(b"secret")
        ours, theirs = await two.run(certificate=Identity().certificate_der)
        assert isinstance(ours, UaError)
        assert isinstance(theirs, UaError)
        assert two.answers.sink.read_bytes() == b""


async def test_a_certificate_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    async with two_ends(tmp_path) as two:
        with pytest.raises(UsageError, match="no certificate"):
            two.dials.pipe(b"not one", dials=True)


async def test_a_peer_that_never_shows_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe_module, "OPEN_S", 0.2)
    async with two_ends(tmp_path) as two:
        alone = two.answers.pipe(two.dials.identity.public_key, dials=False)
        with pytest.raises(NoMediaPath, match="showed no key"):
            await alone.run()
