"""The benchmark of set-up: what the watcher makes of packets, what is printed, and that it runs."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from ice.net.framing import frame
from tests.bench.setup.__main__ import Row, baresip_ms, missed, table
from tests.bench.setup.calls import BARESIP, CASES, Call, Case, measure
from tests.bench.setup.watcher import SetUp

HERE, THERE = (bytes([127, 0, 0, 1]), 5000), (bytes([127, 0, 0, 2]), 6000)
INVITE = b"INVITE sip:bob@127.0.0.2:6000 SIP/2.0\r\n\r\n"
RTP = bytes([0x80, 0]) + bytes(170)
RTCP = bytes([0x80, 200]) + bytes(26)
STUN = bytes([0, 1]) + bytes(18)

Address = tuple[bytes, int]


def ip(protocol: int, source: Address, destination: Address, body: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0)
    return head + source[0] + destination[0] + body


def udp(source: Address, destination: Address, payload: bytes) -> bytes:
    ports = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0)
    return ip(17, source, destination, ports + payload)


def tcp(source: Address, destination: Address, sequence: int, payload: bytes) -> bytes:
    head = struct.pack("!HHIIBBHHH", source[1], destination[1], sequence, 0, 0x50, 0x10, 0, 0, 0)
    return ip(6, source, destination, head + payload)


def test_voice_counts_from_the_invite_and_once_it_goes_both_ways() -> None:
    call = SetUp()
    for at, packet in enumerate(
        [
            udp(THERE, HERE, RTP),  # of the call before
            udp(HERE, THERE, INVITE),
            udp(HERE, THERE, INVITE),
            udp(HERE, THERE, STUN),
            udp(THERE, HERE, RTCP),
            udp(HERE, THERE, RTP),
            udp((HERE[0], 7), THERE, RTP),
            udp(HERE, THERE, RTP),
        ]
    ):
        call.see(packet, at)
        assert call.media_ms is None
    call.see(udp(THERE, HERE, RTP), 8.5)
    call.see(udp(THERE, HERE, RTP), 9)
    assert call.media_ms == 7500


def test_voice_over_tcp_is_found_in_its_frames() -> None:
    call = SetUp()
    call.see(tcp((HERE[0], 9), THERE, 1, INVITE), 1.0)
    stream = frame(STUN) + frame(RTP)
    call.see(tcp(HERE, THERE, 0xFFFFFFF0, stream[:30]), 2.0)
    call.see(tcp(HERE, THERE, 0xFFFFFFF0, stream[:30]), 2.1)
    call.see(tcp(THERE, HERE, 5, frame(RTP)), 2.5)
    assert call.media_ms is None
    call.see(tcp(HERE, THERE, (0xFFFFFFF0 + 30) & 0xFFFFFFFF, stream[30:]), 3.0)
    assert call.media_ms == 2000


@pytest.mark.parametrize(
    "packet", [b"", b"\x45", bytes(40), b"\x60" + bytes(60), ip(1, HERE, THERE, bytes(8))]
)
def test_what_is_neither_is_passed_over(packet: bytes) -> None:
    call = SetUp()
    call.see(packet, 1.0)
    assert (call.invited_at, call.media) == (None, {})


def test_what_is_printed() -> None:
    over_udp, blocked = CASES[1], CASES[2]
    rows = [
        Row(case=over_udp, calls=tuple(Call(media_ms=ms, heard_ms=ms + 1) for ms in (14.0, 12.0, 40.0))),
        Row(case=blocked, calls=(Call(media_ms=20.0, transport="tcp"),)),
        Row(case=BARESIP, calls=(Call(media_ms=10.0),)),
    ]
    assert missed(rows) == [blocked.name]
    first = json.loads(json.dumps(rows[0].json(baresip_ms(rows))))
    assert first["media_ms"] == {"median": 14.0, "min": 12.0, "max": 40.0}
    assert (first["heard_ms"], first["ratio"], first["calls"]) == (15.0, 1.4, 3)
    lines = table(rows).splitlines()
    assert lines[1].split()[-5:] == ["14.0", "12.0", "40.0", "15.0", "1.40"]
    assert lines[-1].endswith(blocked.name)
    failed = Row(case=BARESIP, problem="it is not installed")
    assert "not installed" in table([rows[0], failed])
    assert missed([rows[0], failed]) == []


@pytest.mark.peer("netns", "baresip")
@pytest.mark.root
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_measures_calls(tmp_path: Path, case: Case) -> None:
    (call,) = await measure(case, calls=1, folder=tmp_path)
    assert call.media_ms > 0
    assert call.transport == ("tcp" if case.blocked else "udp")
    assert (call.heard_ms is None) is (case is BARESIP)
