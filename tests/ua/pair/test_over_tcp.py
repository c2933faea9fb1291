"""The pipe over a TCP pair: a byte stream in RFC 4571 frames, beside the STUN of ICE (RFC 6544 §10.2)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ice.messages import PacketRefused
from ice.net.demux import PacketKind, classify
from ice.types import Transport
from tests.ice.sessions import Side, connect, two
from tests.ua.pair.test_pipe import End
from ua.pair.transfer import MAX_DATA

VECTORS = Path(__file__).resolve().parents[2] / "vectors/stun"


class Listened(End):
    """An end whose path belongs to a session; what it sends is kept."""

    def __init__(self, folder: Path, name: str, side: Side) -> None:
        super().__init__(folder, name)
        self.path = side.session.path(1)
        self.sent: list[bytes] = []
        send = self.path.send

        def kept(packet: bytes) -> bool:
            self.sent.append(packet)
            return send(packet)

        setattr(self.path, "send", kept)  # noqa: B010


def stun() -> bytes:
    """A request that is whole and right, with its fingerprint: the one of RFC 5769 §2.1."""
    return bytes.fromhex((VECTORS / "rfc5769-request.hex").read_text(encoding="ascii"))


@pytest.mark.req("ICETCP-10-5", "ICETCP-10-15")
async def test_stun_in_the_stream_is_data_and_nothing_else(tmp_path: Path) -> None:
    """QUIC cuts the stream; no packet of it begins like STUN, whatever goes through (RFC 9443)."""
    async with two(udp=False) as (left, right, _):
        await connect(left, right)
        await right.session.completed()
        here, there = Listened(tmp_path, "here", left), Listened(tmp_path, "there", right)
        assert here.path.transport is there.path.transport is Transport.TCP
        # At the beginning of a record, in its middle and over its end.
        assert classify(stun()) is PacketKind.STUN
        text = stun() * 3 + bytes(MAX_DATA - 50) + stun() * 1000
        here.source.write_bytes(text)
        there.source.write_bytes(stun())
        dialling = here.pipe(there.identity.certificate_der, dials=True)
        answering = there.pipe(here.identity.public_key, dials=False)
        await asyncio.gather(dialling.run(), answering.run())
        here.close()
        there.close()
        assert there.sink.read_bytes() == text
        assert here.sink.read_bytes() == stun()
        for end, side in ((here, left), (there, right)):
            assert end.sent
            assert all(classify(packet) is not PacketKind.STUN for packet in end.sent)
            assert side.of(PacketRefused) == []
            assert side.session.report().unvalidated_packets == 0
