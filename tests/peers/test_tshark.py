"""tshark reads RTP and STUN in RFC 4571 frames; made here by hand."""

from __future__ import annotations

import asyncio
import struct

import pytest

from tests.peers.process import PeerError, Programs
from tests.peers.tshark import capture

pytestmark = [pytest.mark.peer("tshark"), pytest.mark.root]

SSRC = 0x1234ABCD
BINDING = bytes.fromhex("000100002112a442") + bytes(12)


def frame(packet: bytes) -> bytes:
    """RFC 4571 §2, written out here so that the two sides share no code."""
    return struct.pack("!H", len(packet)) + packet


def rtp(number: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, number, number * 160, SSRC) + bytes(160)


@pytest.mark.parametrize("left_out", [0, 2])
async def test_framed_rtp_and_stun_are_decoded(programs: Programs, left_out: int) -> None:
    done = asyncio.Event()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()
        done.set()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with capture(programs, f"tcp port {port}") as captured:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frame(BINDING))
        for number in range(50):
            if not 10 <= number < 10 + left_out:
                writer.write(frame(rtp(number)))
        writer.close()
        await done.wait()
    server.close()
    await server.wait_closed()
    streams = await captured.rtp_streams([port])
    assert [(stream.ssrc, stream.packets, stream.lost) for stream in streams] == [
        (SSRC, 50 - left_out, left_out)
    ]
    assert streams[0].destination == f"127.0.0.1:{port}"
    assert "711" in streams[0].payload
    assert await captured.stun_over_tcp([port]) == [0x0001]


async def test_a_wrong_filter_is_told(programs: Programs) -> None:
    with pytest.raises(PeerError, match="dumpcap ended"):
        async with capture(programs, "nonsense here"):
            pass
