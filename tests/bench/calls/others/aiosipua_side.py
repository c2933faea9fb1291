"""One side with aiosipua and aiortp, in their environment (`tests.bench.calls.stage`).

Offers and answers are theirs and so is the media: RTP and RTCP over UDP, real G.711, packet loss concealment.
"""

# mypy: ignore-errors
from __future__ import annotations

import asyncio
import itertools
import socket
import time

from aiortp import RTPSession
from aiosipua import build_sdp, parse_sdp, serialize_sdp
from aiosipua.rtp_bridge import CallSession

from tests.bench.calls.others.exchange import Offers, answer_all, frames_of, target_of
from tests.bench.calls.stage import Stage, options, tell

HOST = "127.0.0.1"
PTIME_S = 0.02


def free_port() -> int:
    """An even port that is free, and the one after it."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as first, socket.socket(type=socket.SOCK_DGRAM) as second:
            first.bind((HOST, 0))
            port = first.getsockname()[1]
            if port % 2:
                continue
            try:
                second.bind((HOST, port + 1))
            except OSError:
                continue
            return port


def heard(_pcm: bytes, _timestamp: int) -> None:
    """Decoded audio; nobody listens."""


class Side:
    """All calls of one side."""

    def __init__(self, chosen) -> None:
        self.calls = chosen.calls
        self.target = chosen.target
        self.frames = frames_of(chosen.wav)
        self.stage = Stage(chosen.calls)
        self.sessions = []
        self.tasks = []
        self.ports = set()

    def port(self) -> int:
        """One that no call has."""
        while (port := free_port()) in self.ports:
            pass
        self.ports.add(port)
        return port

    async def talk(self, port: int, offer: str) -> CallSession:
        """Begin the media of a call."""
        session = CallSession(HOST, port, parse_sdp(offer), supported_codecs=[0])
        session.on_audio = heard
        await session.start()
        NOTES[id(session.rtp_session)] = self.stage.arrivals.call()
        self.sessions.append(session)
        self.tasks.append(asyncio.create_task(self.speak(session)))
        return session

    async def speak(self, session: CallSession) -> None:
        """Send the file, a frame every 20 ms, without drift."""
        at = time.monotonic()
        for number, frame in enumerate(itertools.cycle(self.frames)):
            session.send_audio_pcm(frame, 160 * number & 0xFFFFFFFF)
            at += PTIME_S
            await asyncio.sleep(at - time.monotonic())

    async def answer(self, offer: str) -> str:
        """Take a call."""
        return serialize_sdp((await self.talk(self.port(), offer)).sdp_answer)

    async def listen(self) -> None:
        """Take all calls."""
        self.server = await answer_all(self.answer)
        tell(target=target_of(self.server))

    async def place(self) -> None:
        """Place all calls."""
        async with Offers(self.target) as offers:
            for _ in range(self.calls):
                port = self.port()
                offer = build_sdp(HOST, port, 0, "PCMU")
                await self.talk(port, await offers.answered(serialize_sdp(offer)))


NOTES = {}
_handle = RTPSession._handle_rtp


def _watched(self, data, addr) -> None:
    note = NOTES.get(id(self))
    if note is not None:
        note(data[2] << 8 | data[3])
    _handle(self, data, addr)


async def main() -> None:
    """Read the arguments and run."""
    RTPSession._handle_rtp = _watched
    chosen = options(__doc__)
    side = Side(chosen)
    await side.stage.play(side.listen if chosen.role == "callee" else side.place)
    for task in side.tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
