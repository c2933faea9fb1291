"""One end of one connection: ``python -m tests.bench.tcp_delay.agent KIND PART --seconds S --interface I``.

KIND is ours, an ICE session over TCP, or naive, asyncio's streams, to which everything is written at once.
PART is hears or sends. The one that hears writes a line of JSON for the other one; with ours there is a
line the other way too. Then there is a packet every 20 ms that says when it was sent, by the clock that all
processes of the machine share, and each end writes what it saw as its last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
import time
from collections.abc import Callable

from ice.config import IceConfig
from ice.description import dump_description, load_description
from ice.errors import IceFailed
from ice.messages import ConsentAnswered, Event, PathLost
from ice.net.framing import Deframer, frame
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Role
from tests.bench.tcp_delay.figures import PTIME_S

_HEADER = struct.Struct("!BBHLLd")
_PACKET = 172
"""Bytes of RTP with 20 ms of G.711."""

_PORT = 4000
_DRAIN_S = 3.0
"""What has not come so long after the last packet was sent has not come at all."""


def packet(number: int) -> bytes:
    """The packet that is sent now."""
    header = _HEADER.pack(0x80, 0, number & 0xFFFF, 160 * number & 0xFFFFFFFF, 1, time.monotonic())
    return header + bytes(_PACKET - _HEADER.size)


class Heard:
    """Notes what comes."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, float]] = []

    def take(self, data: bytes) -> None:
        """A packet has come: its number, and its delay in ms."""
        if len(data) == _PACKET:
            _, _, _, timestamp, _, sent_at = _HEADER.unpack_from(data)
            self.frames.append((timestamp // 160, round((time.monotonic() - sent_at) * 1000, 2)))


async def _every_20_ms(seconds: float, send: Callable[[bytes], object]) -> int:
    began = time.monotonic()
    count = round(seconds / PTIME_S)
    for number in range(count):
        await asyncio.sleep(began + number * PTIME_S - time.monotonic())
        send(packet(number))
    return count


async def ours(part: str, seconds: float, interface: str, lines: asyncio.StreamReader) -> None:
    """An ICE session over TCP alone; consent is asked for all the time."""
    config = IceConfig(udp=False, interfaces=(interface,))
    role = Role.CONTROLLING if part == "sends" else Role.CONTROLLED
    session = Session(network=HostNetwork(), config=config, role=role)
    answered = lost = 0

    def note(event: Event) -> None:
        nonlocal answered, lost
        answered += isinstance(event, ConsentAnswered)
        lost += isinstance(event, PathLost)

    session.subscribe(note)
    try:
        print(dump_description(await session.gather()), flush=True)
        session.set_remote(load_description(await lines.readline()))
        await session.completed()
        path = session.path(1)
        heard = Heard()
        path.set_receiver(lambda data, _now: heard.take(data))
        if part == "sends":
            sent = await _every_20_ms(seconds, path.send)
            print(
                json.dumps({"sent": sent, "dropped": path.dropped_stale, "consent": answered, "lost": lost})
            )
        else:
            await asyncio.sleep(seconds + _DRAIN_S)
            print(json.dumps({"frames": heard.frames, "consent": answered, "lost": lost}))
        sys.stdout.flush()
        await lines.read()
    except IceFailed as error:
        print(json.dumps({"failed": str(error)}), flush=True)
    finally:
        await session.close()


async def naive(part: str, seconds: float, host: str, lines: asyncio.StreamReader) -> None:
    """A stream of asyncio."""
    if part == "hears":
        heard = Heard()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            deframer = Deframer()
            while data := await reader.read(65536):
                for each in deframer.feed(data):
                    heard.take(each)
            writer.close()

        server = await asyncio.start_server(take, host, _PORT)
        print(json.dumps({"host": host, "port": _PORT}), flush=True)
        await lines.readline()
        await asyncio.sleep(seconds + _DRAIN_S)
        print(json.dumps({"frames": heard.frames}), flush=True)
        await lines.read()
        server.close()
    else:
        address = json.loads(await lines.readline())
        _, writer = await asyncio.open_connection(address["host"], address["port"])
        print(json.dumps({"begun": True}), flush=True)
        sent = await _every_20_ms(seconds, lambda data: writer.write(frame(data)))
        print(json.dumps({"sent": sent, "dropped": 0}), flush=True)
        await lines.read()
        writer.transport.abort()


async def main() -> None:
    """Read the arguments and run."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("kind", choices=("ours", "naive"))
    options.add_argument("part", choices=("hears", "sends"))
    options.add_argument("--seconds", type=float, required=True)
    options.add_argument("--interface", required=True)
    options.add_argument("--host", required=True, help="our own address")
    chosen = options.parse_args()
    lines = asyncio.StreamReader(limit=1 << 20)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    try:
        if chosen.kind == "ours":
            await ours(chosen.part, chosen.seconds, chosen.interface, lines)
        else:
            await naive(chosen.part, chosen.seconds, chosen.host, lines)
    finally:
        transport.close()


if __name__ == "__main__":
    asyncio.run(main())
