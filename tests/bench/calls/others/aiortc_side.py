"""One side with aiortc, in its environment (`tests.bench.calls.stage`): ICE, DTLS-SRTP, PCMU alone."""

# mypy: ignore-errors
from __future__ import annotations

import asyncio
import fractions
import time

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from av import AudioFrame

from tests.bench.calls.others.exchange import Offers, answer_all, frames_of, target_of
from tests.bench.calls.stage import Stage, options, tell

PTIME_S = 0.02


class FileTrack(MediaStreamTrack):
    """The file again and again, paced as aiortc's own tracks are."""

    kind = "audio"

    def __init__(self, frames: list[bytes]) -> None:
        super().__init__()
        self.frames = frames
        self.number = 0
        self.began = None

    async def recv(self) -> AudioFrame:
        """The next frame, when it is due."""
        if self.began is None:
            self.began = time.monotonic()
        await asyncio.sleep(self.began + self.number * PTIME_S - time.monotonic())
        frame = AudioFrame(format="s16", layout="mono", samples=160)
        frame.planes[0].update(self.frames[self.number % len(self.frames)])
        frame.pts = 160 * self.number
        frame.sample_rate = 8000
        frame.time_base = fractions.Fraction(1, 8000)
        self.number += 1
        return frame


class Side:
    """All calls of one side."""

    def __init__(self, chosen) -> None:
        self.calls = chosen.calls
        self.target = chosen.target
        self.frames = frames_of(chosen.wav)
        self.stage = Stage(chosen.calls)
        self.connections = []
        self.tasks = []

    def connection(self) -> RTCPeerConnection:
        """One more call."""
        connection = RTCPeerConnection()
        connection.addTrack(FileTrack(self.frames))
        pcmu = [
            each for each in RTCRtpSender.getCapabilities("audio").codecs if each.mimeType == "audio/PCMU"
        ]
        transceiver = connection.getTransceivers()[0]
        transceiver.setCodecPreferences(pcmu)
        NOTES[id(transceiver.receiver)] = self.stage.arrivals.call()
        connection.on("track", lambda track: self.tasks.append(asyncio.ensure_future(self.hear(track))))
        self.connections.append(connection)
        return connection

    async def hear(self, track: MediaStreamTrack) -> None:
        """Decode what comes."""
        while True:
            await track.recv()

    async def answer(self, offer: dict[str, str]) -> dict[str, str]:
        """Take a call."""
        connection = self.connection()
        await connection.setRemoteDescription(RTCSessionDescription(**offer))
        await connection.setLocalDescription(await connection.createAnswer())
        local = connection.localDescription
        return {"sdp": local.sdp, "type": local.type}

    async def listen(self) -> None:
        """Take all calls."""
        self.server = await answer_all(self.answer)
        tell(target=target_of(self.server))

    async def place(self) -> None:
        """Place all calls."""
        async with Offers(self.target) as offers:
            for _ in range(self.calls):
                connection = self.connection()
                await connection.setLocalDescription(await connection.createOffer())
                local = connection.localDescription
                answer = await offers.answered({"sdp": local.sdp, "type": local.type})
                await connection.setRemoteDescription(RTCSessionDescription(**answer))


NOTES = {}
_handle = RTCRtpReceiver._handle_rtp_packet


async def _watched(self, packet, *arguments, **named) -> None:
    note = NOTES.get(id(self))
    if note is not None:
        note(packet.sequence_number)
    await _handle(self, packet, *arguments, **named)


async def main() -> None:
    """Read the arguments and run."""
    RTCRtpReceiver._handle_rtp_packet = _watched
    chosen = options(__doc__)
    side = Side(chosen)
    await side.stage.play(side.listen if chosen.role == "callee" else side.place)
    for task in side.tasks:
        task.cancel()
    await asyncio.gather(*(connection.close() for connection in side.connections))


if __name__ == "__main__":
    asyncio.run(main())
