"""One side with nothing but sockets, G.711 and a header: what a call cannot cost less than in this Python.

Connected UDP sockets that one epoll watches, one timer for half of all calls, RTP without a jitter buffer,
RTCP, ICE or signalling. The standard library alone, as the other sides (`tests.bench.calls.stage`).
"""

from __future__ import annotations

import argparse
import asyncio
import audioop
import select
import socket
import struct
from collections.abc import Callable

from tests.bench.calls.others.exchange import Offers, answer_all, frames_of, target_of
from tests.bench.calls.stage import Stage, options, tell

HOST = "127.0.0.1"
PTIME_S = 0.02
PHASES = 2

_HEADER = struct.Struct("!BBHLL")


class Call:
    """One call: a socket, and what is sent and heard on it."""

    def __init__(self, note: Callable[[int], None]) -> None:
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((HOST, 0))
        self.port: int = self.socket.getsockname()[1]
        self._note = note
        self._sent = 0
        self._waiting: list[bytes] = []

    def tick(self, frames: list[bytes]) -> None:
        """Hear what has come, say the next frame."""
        for payload in self._waiting:
            audioop.ulaw2lin(payload, 2)
        self._waiting.clear()
        number = self._sent
        payload = audioop.lin2ulaw(frames[number % len(frames)], 2)
        self._sent += 1
        packet = _HEADER.pack(0x80, 0, number & 0xFFFF, 160 * number & 0xFFFFFFFF, self.port) + payload
        try:
            self.socket.send(packet)
        except OSError:
            return

    def readable(self) -> None:
        """Take one packet."""
        try:
            packet = self.socket.recv(2048)
        except OSError:
            return
        _, _, sequence, _, _ = _HEADER.unpack_from(packet)
        self._note(sequence)
        self._waiting.append(packet[_HEADER.size :])


class Side:
    """All calls of one side."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self._wanted: int = chosen.calls
        self._target: str = chosen.target
        self._frames = frames_of(chosen.wav)
        self.stage = Stage(chosen.calls)
        self._calls: list[Call] = []
        self._by_socket: dict[int, Call] = {}
        self._epoll = select.epoll()
        self._turn = 0
        loop = asyncio.get_running_loop()
        loop.add_reader(self._epoll.fileno(), self._read)
        self._began = loop.time()
        loop.call_soon(self._tick)

    def _add(self) -> Call:
        call = Call(self.stage.arrivals.call())
        self._by_socket[call.socket.fileno()] = call
        self._epoll.register(call.socket.fileno(), select.EPOLLIN)
        return call

    def _talk(self, call: Call, port: int) -> None:
        call.socket.connect((HOST, port))
        self._calls.append(call)

    def _read(self) -> None:
        for descriptor, _ in self._epoll.poll(0, 1000):
            self._by_socket[descriptor].readable()

    def _tick(self) -> None:
        for call in self._calls[self._turn % PHASES :: PHASES]:
            call.tick(self._frames)
        self._turn += 1
        at = self._began + self._turn * PTIME_S / PHASES
        asyncio.get_running_loop().call_at(at, self._tick)

    async def _answer(self, port: int) -> int:
        call = self._add()
        self._talk(call, port)
        return call.port

    async def listen(self) -> None:
        """Take all calls."""
        self.server = await answer_all(self._answer)
        tell(target=target_of(self.server))

    async def place(self) -> None:
        """Place all calls."""
        async with Offers(self._target) as offers:
            for _ in range(self._wanted):
                call = self._add()
                self._talk(call, await offers.answered(call.port))


async def main() -> None:
    """Read the arguments and run."""
    chosen = options(__doc__ or "")
    side = Side(chosen)
    await side.stage.play(side.listen if chosen.role == "callee" else side.place)


if __name__ == "__main__":
    asyncio.run(main())
