"""The capture that we write: read back here by hand, and by tshark."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.net.framing import frame
from ice.types import TransportAddress
from tests.peers.process import Programs
from tests.peers.tshark import Capture
from ua.interop.ip_packet import ACK, FIN, MAX_UDP, RST, SYN, tcp_packet, udp_packet
from ua.interop.pcap import HEADER, Pcap, record

ALICE = TransportAddress(host="192.0.2.1", port=40000)
BOB = TransportAddress(host="192.0.2.2", port=5060)
SIX = TransportAddress(host="2001:db8::1", port=40000)
OTHER_SIX = TransportAddress(host="fe80::2%eth0", port=5060)


def internet_sum(data: bytes) -> int:
    """RFC 1071 the slow way: 0xFFFF where the checksum inside is right."""
    total = 0
    for index in range(0, len(data) + len(data) % 2, 2):
        total += int.from_bytes((data + b"\0")[index : index + 2], "big")
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def records(data: bytes) -> list[tuple[float, bytes]]:
    found = []
    while data:
        seconds, microseconds, size, whole = struct.unpack_from("<IIII", data)
        assert size == whole
        found.append((seconds + microseconds / 1e6, data[16 : 16 + size]))
        data = data[16 + size :]
    return found


def segments(data: bytes) -> list[tuple[int, int, int, int, bytes]]:
    """Source port, sequence number, acknowledgement, flags and content of each IPv4 segment."""
    found = []
    for _, packet in records(data):
        port, _, sequence, acknowledged, _, flags = struct.unpack_from("!HHIIBB", packet, 20)
        found.append((port, sequence, acknowledged, flags, packet[40:]))
    return found


@given(st.binary(max_size=300))
def test_checksums_of_ipv4_are_right(content: bytes) -> None:
    packet = udp_packet(ALICE, BOB, content)
    assert packet is not None
    assert internet_sum(packet[:20]) == 0xFFFF
    pseudo = packet[12:20] + struct.pack("!BBH", 0, 17, len(packet) - 20)
    assert internet_sum(pseudo + packet[20:]) == 0xFFFF
    assert packet[28:] == content


@given(st.binary(max_size=300))
def test_checksums_of_ipv6_are_right(content: bytes) -> None:
    packet = tcp_packet(SIX, OTHER_SIX, content, sequence=1, acknowledged=2, flags=ACK)
    assert packet is not None
    pseudo = packet[8:40] + struct.pack("!IHBB", len(packet) - 40, 0, 0, 6)
    assert internet_sum(pseudo + packet[40:]) == 0xFFFF
    assert packet[60:] == content


def test_ipv4_beside_ipv6_is_mapped() -> None:
    packet = udp_packet(ALICE, SIX, b"x")
    assert packet is not None
    assert packet[8:24] == bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1])


def test_a_name_is_no_address() -> None:
    nobody = TransportAddress(host="f81d4fae.invalid", port=1)
    capture = Pcap()
    assert capture.datagram(1.0, nobody, BOB, b"x") == b""
    assert capture.left_out == 1
    assert tcp_packet(nobody, BOB, sequence=0, acknowledged=0, flags=SYN) is None


def test_a_datagram_that_is_too_long_is_cut() -> None:
    packet = udp_packet(ALICE, BOB, bytes(70_000))
    assert packet is not None
    assert len(packet) == 28 + MAX_UDP == 65535


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=5000)), min_size=1, max_size=8))
def test_the_bytes_of_a_connection_can_be_put_together(said: list[tuple[bool, bytes]]) -> None:
    capture = Pcap()
    data = capture.opened(1.0, ALICE, BOB)
    for mine, content in said:
        ends = (ALICE, BOB) if mine else (BOB, ALICE)
        data += capture.bytes_sent(2.0, *ends, content)
    data += capture.closed(3.0, ALICE, BOB)
    found = segments(data)
    assert [flags for *_, flags, _ in found[:3]] == [SYN, SYN | ACK, ACK]
    assert [flags for *_, flags, _ in found[-3:]] == [FIN | ACK, FIN | ACK, ACK]
    following = {ALICE.port: 0, BOB.port: 0}
    heard = {ALICE.port: b"", BOB.port: b""}
    for port, sequence, acknowledged, flags, content in found:
        assert sequence == following[port]
        other = BOB.port if port == ALICE.port else ALICE.port
        assert acknowledged == (following[other] if flags & ACK else 0)
        following[port] += len(content) + bool(flags & SYN) + bool(flags & FIN)
        heard[port] += content
    assert heard[ALICE.port] == b"".join(content for mine, content in said if mine)
    assert heard[BOB.port] == b"".join(content for mine, content in said if not mine)


def test_what_comes_after_the_end_begins_no_connection() -> None:
    capture = Pcap()
    capture.opened(1.0, ALICE, BOB)
    assert capture.opened(1.0, BOB, ALICE) == b"", "both ends tell of the same connection"
    assert segments(capture.closed(2.0, BOB, ALICE, reset=True))[0][3] == RST | ACK
    assert capture.closed(2.0, ALICE, BOB) == b""
    assert capture.bytes_sent(2.1, ALICE, BOB, b"late") == b""
    assert capture.left_out == 1
    again = segments(capture.opened(3.0, ALICE, BOB))
    assert [flags for *_, flags, _ in again] == [SYN, SYN | ACK, ACK]


def test_connections_are_bounded() -> None:
    capture = Pcap(keep_connections=2)
    ends = [TransportAddress(host="192.0.2.9", port=port) for port in (1, 2, 3)]
    for end in ends:
        capture.bytes_sent(1.0, end, BOB, b"x")
    first = segments(capture.bytes_sent(2.0, ends[0], BOB, b"x"))
    assert [flags & SYN for *_, flags, _ in first] == [SYN, SYN, 0, 0], "it begins again"


@given(st.floats(min_value=0, max_value=2**32 - 1))
def test_times_are_microseconds(at: float) -> None:
    ((when, packet),) = records(record(at, b"x"))
    assert packet == b"x"
    assert when == pytest.approx(at, abs=1e-5)


# --- tshark -------------------------------------------------------------------------------------------------


def rtp(number: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, number, number * 160, 0x1234ABCD) + bytes(160)


SIP = (
    b"OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:40000;branch=z9hG4bK1\r\n"
    b"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\nCall-ID: c1\r\nCSeq: 1 OPTIONS\r\n"
    b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.peer("tshark")
async def test_tshark_reads_it_all(programs: Programs, tmp_path: Path) -> None:
    capture = Pcap()
    media = TransportAddress(host="192.0.2.2", port=42000)
    framed = TransportAddress(host="2001:db8::2", port=43000)
    data = HEADER + capture.datagram(1.0, ALICE, BOB, SIP)
    for number in range(20):
        data += capture.datagram(2 + number / 50, ALICE, media, rtp(number))
    # Two frames in one segment, and one frame in two, as streams are cut.
    data += capture.opened(3.0, SIX, framed)
    together = b"".join(frame(rtp(number)) for number in range(40))
    for index, start in enumerate(range(0, len(together), 250)):
        data += capture.bytes_sent(3 + index / 50, SIX, framed, together[start : start + 250])
    data += capture.bytes_sent(5.0, SIX, TransportAddress(host="2001:db8::2", port=5060), SIP + SIP)
    data += capture.closed(6.0, framed, SIX)
    file = tmp_path / "packets.pcap"
    file.write_bytes(data)
    reader = Capture(programs, file)
    methods = await reader.decode("-Y", "sip", "-T", "fields", "-e", "sip.Method", "-e", "sip.To")
    assert methods.count("OPTIONS") == 3
    assert "sip:bob@example.com" in methods
    found = await reader.decode(
        *("-d", "udp.port==42000,rtp", "-Y", "rtp && udp", "-T", "fields", "-e", "rtp.seq")
    )
    assert [int(line) for line in found.split()] == list(range(20))
    (stream,) = await reader.rtp_streams([43000])
    assert (stream.source, stream.destination) == (str(SIX), str(framed))
    assert (stream.ssrc, stream.packets, stream.lost) == (0x1234ABCD, 40, 0)
    checks = (
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "udp.check_checksum:TRUE",
        "-o",
        "tcp.check_checksum:TRUE",
    )
    wrong = "_ws.malformed || ip.checksum.status==0 || udp.checksum.status==0 || tcp.checksum.status==0"
    assert await reader.decode(*checks, "-Y", wrong) == ""
    assert await reader.decode("-Y", "tcp.analysis.flags") == "", "no gap, nothing twice"
