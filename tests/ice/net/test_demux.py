"""RFC 7983 and RFC 9443: what a packet is, by its first byte."""

from __future__ import annotations

import pytest

from ice.net.demux import PacketKind, classify


@pytest.mark.req("STUN-13", "ICETCP-7.2-2", "RTP-34")
def test_every_first_byte() -> None:
    expected = {
        PacketKind.STUN: range(4),
        PacketKind.ZRTP: range(16, 20),
        PacketKind.DTLS: range(20, 64),
        PacketKind.TURN_CHANNEL: range(64, 80),
        PacketKind.RTP: range(128, 192),
        PacketKind.QUIC: (*range(80, 128), *range(192, 256)),
    }
    for first in range(256):
        kinds = [kind for kind, values in expected.items() if first in values]
        assert classify(bytes((first, 0, 0, 0))) is (kinds[0] if kinds else PacketKind.UNKNOWN)


def test_an_empty_packet_is_unknown() -> None:
    assert classify(b"") is PacketKind.UNKNOWN
