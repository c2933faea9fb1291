"""a=candidate, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.types import Candidate, CandidateType, TcpType, Transport, TransportAddress
from sdp.attributes.candidate_attr import format_candidate, parse_candidate
from sdp.errors import CandidateError
from tests.sdp.strategies import candidates

HOST = TransportAddress(host="192.0.2.1", port=5000)

# RFC 6544 Appendix C
VECTORS = [
    "1 1 TCP 2128609279 10.0.1.1 9 typ host tcptype active",
    "2 1 TCP 2124414975 10.0.1.1 8998 typ host tcptype passive",
    "3 1 TCP 2120220671 10.0.1.1 8999 typ host tcptype so",
    "4 1 TCP 1688207359 192.0.2.3 9 typ srflx raddr 10.0.1.1 rport 9 tcptype active",
    "5 1 TCP 1684013055 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998 tcptype passive",
    "6 1 TCP 1692401663 192.0.2.3 45687 typ srflx raddr 10.0.1.1 rport 8999 tcptype so",
    "5 1 UDP 2130706431 10.0.1.1 8998 typ host",
    "6 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998",
]


def candidate(**changes: object) -> Candidate:
    values: dict[str, object] = {
        "foundation": "1",
        "component": 1,
        "transport": Transport.UDP,
        "priority": 2130706431,
        "address": HOST,
        "type": CandidateType.HOST,
    }
    return Candidate(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.req("ICETCP-4.5-1", "ICETCP-4.5-3")
@pytest.mark.parametrize("line", VECTORS)
def test_vectors_of_the_rfc_round_trip(line: str) -> None:
    assert format_candidate(parse_candidate(line)) == line


@pytest.mark.req("ICETCP-4.5-1")
def test_fields() -> None:
    assert parse_candidate(VECTORS[4]) == Candidate(
        foundation="5",
        component=1,
        transport=Transport.TCP,
        priority=1684013055,
        address=TransportAddress(host="192.0.2.3", port=45664),
        type=CandidateType.SRFLX,
        tcptype=TcpType.PASSIVE,
        related=TransportAddress(host="10.0.1.1", port=8998),
    )


@pytest.mark.req("ICETCP-4.5-1")
@pytest.mark.parametrize(
    "tail",
    [
        "tcptype passive raddr 10.0.1.1 rport 8 generation 0",
        "raddr 10.0.1.1 rport 8 tcptype passive generation 0",
        "raddr 10.0.1.1 rport 8 generation 0 tcptype passive",
        "generation 0 rport 8 raddr 10.0.1.1 tcptype passive",
    ],
)
def test_tcptype_stands_anywhere_and_is_written_first(tail: str) -> None:
    read = parse_candidate(f"1 1 TCP 77 192.0.2.3 4000 typ srflx {tail}")
    assert (read.tcptype, read.related) == (TcpType.PASSIVE, TransportAddress(host="10.0.1.1", port=8))
    assert format_candidate(read) == (
        "1 1 TCP 77 192.0.2.3 4000 typ srflx raddr 10.0.1.1 rport 8 tcptype passive generation 0"
    )


@pytest.mark.req("ICETCP-4.5-2")
@pytest.mark.parametrize("transport", ["tcp", "Tcp", "TCP"])
@pytest.mark.parametrize("tcptype", ["active", "ACTIVE", "Active"])
def test_case_does_not_matter(transport: str, tcptype: str) -> None:
    read = parse_candidate(f"1 1 {transport} 77 192.0.2.3 9 TYP Host TcpType {tcptype}")
    assert format_candidate(read) == "1 1 TCP 77 192.0.2.3 9 typ host tcptype active"


@pytest.mark.req("ICETCP-4.5-3")
def test_port_of_an_active_candidate() -> None:
    for port in (0, 9):
        read = parse_candidate(f"1 1 tcp 77 192.0.2.3 {port} typ host tcptype active")
        assert read.address == TransportAddress(host="192.0.2.3", port=9)
    selected = parse_candidate("1 1 tcp 77 192.0.2.3 50123 typ prflx raddr 192.0.2.3 rport 9 tcptype active")
    assert selected.address.port == 50123


@pytest.mark.req("SDP-ICE-2")
def test_extensions_are_kept() -> None:
    line = "1 1 UDP 77 192.0.2.3 4000 typ host generation 0 network-id 1 network-cost 10 ufrag abcd"
    read = parse_candidate(line)
    assert read.extensions == (
        ("generation", "0"),
        ("network-id", "1"),
        ("network-cost", "10"),
        ("ufrag", "abcd"),
    )
    assert format_candidate(read) == line
    assert parse_candidate(f"{line} last").extensions[-1] == ("last", "")


@pytest.mark.req("SDP-ICE-2", "ICETCP-4.5-4", "ICETCP-4.5-5", "ICETCP-4.5-17")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1 1 SCTP 77 192.0.2.3 4000 typ host", "transport"),
        ("1 1 TLS 77 192.0.2.3 4000 typ host tcptype active", "transport"),
        ("1 1 TCP 77 192.0.2.3 4000 typ host", "without tcptype"),
        ("1 1 TCP 77 192.0.2.3 4000 typ host tcptype", "tcptype is unknown"),
        ("1 1 TCP 77 192.0.2.3 4000 typ host tcptype weird", "tcptype is unknown"),
        ("1 1 TCP 77 192.0.2.3 9 typ host tcptype act", "tcptype is unknown"),
        ("1 1 TCP 77 192.0.2.3 4000 typ host tcptype pass", "tcptype is unknown"),
        ("1 1 UDP 77 192.0.2.3 4000 typ magic", "type"),
        ("1 1 UDP 77 192.0.2.3 4000 kind host", "typ"),
        ("1 1 UDP 77 192.0.2.3 4000 typ", "eight"),
        ("", "eight"),
        ("1 0 UDP 77 192.0.2.3 4000 typ host", "component"),
        ("1 257 UDP 77 192.0.2.3 4000 typ host", "component"),
        ("1 x UDP 77 192.0.2.3 4000 typ host", "component"),
        ("1 1 UDP 0 192.0.2.3 4000 typ host", "priority"),
        ("1 1 UDP 2147483648 192.0.2.3 4000 typ host", "priority"),
        ("1 1 UDP 1.0 192.0.2.3 4000 typ host", "priority"),
        ("1 1 UDP 77 192.0.2.3 0 typ host", "port"),
        ("1 1 TCP 77 192.0.2.3 0 typ host tcptype passive", "port"),
        ("1 1 UDP 77 192.0.2.3 65536 typ host", "port"),
        ("1 1 UDP 77 192.0.2.300 4000 typ host", "address"),
        ("a-b 1 UDP 77 192.0.2.3 4000 typ host", "foundation"),
        ("x" * 33 + " 1 UDP 77 192.0.2.3 4000 typ host", "foundation"),
        ("1 1 UDP 77 192.0.2.3 4000 typ host a(b c", "extension"),
        ("1 1 UDP 77 192.0.2.3 \u0664\u0660 typ host", "port"),
    ],
)
def test_lines_that_are_ignored(line: str, reason: str) -> None:
    with pytest.raises(CandidateError) as caught:
        parse_candidate(line)
    assert reason in caught.value.reason


@pytest.mark.req("SDP-ICE-31", "ICETCP-4.5-13", "ICETCP-4.5-14")
@pytest.mark.parametrize("host", ["abc.local", "host.example.com", "fe80::1%eth0", "[2001:db8::1]"])
def test_names_and_zones_are_neither_read_nor_written(host: str) -> None:
    with pytest.raises(CandidateError, match="not an IP address"):
        parse_candidate(f"1 1 TCP 77 {host} 9 typ host tcptype active")
    with pytest.raises(ValueError, match="not an IP address"):
        format_candidate(candidate(address=TransportAddress(host=host, port=1)))


@pytest.mark.req("SDP-ICE-31")
@pytest.mark.parametrize(
    "changes",
    [{"component": 0}, {"component": 257}, {"priority": 0}, {"priority": 2**31}, {"foundation": ""},
     {"foundation": "a b"}],
)  # fmt: skip
def test_writer_refuses_what_no_line_may_hold(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="the"):
        format_candidate(candidate(**changes))


@pytest.mark.req("SDP-ICE-3", "ICETCP-4.5-6")
@pytest.mark.parametrize(
    ("changes", "tail"),
    [
        ({}, "192.0.2.1 5000 typ host"),
        (
            {"type": CandidateType.SRFLX, "related": TransportAddress(host="10.0.0.1", port=4)},
            "192.0.2.1 5000 typ srflx raddr 10.0.0.1 rport 4",
        ),
        ({"type": CandidateType.PRFLX}, "192.0.2.1 5000 typ prflx raddr 0.0.0.0 rport 9"),
        ({"type": CandidateType.RELAY}, "192.0.2.1 5000 typ relay raddr 0.0.0.0 rport 9"),
        (
            {"type": CandidateType.SRFLX, "address": TransportAddress(host="2001:db8::1", port=7)},
            "2001:db8::1 7 typ srflx raddr :: rport 9",
        ),
    ],
)
def test_related_address(changes: dict[str, object], tail: str) -> None:
    assert format_candidate(candidate(**changes)) == f"1 1 UDP 2130706431 {tail}"


def test_unusable_related_address_stays_an_extension() -> None:
    line = "1 1 UDP 77 192.0.2.3 4000 typ srflx raddr abc.local rport 0"
    read = parse_candidate(line)
    assert read.related is None
    assert read.extensions == (("raddr", "abc.local"), ("rport", "0"))
    assert format_candidate(read) == line


def test_several_spaces_count_as_one() -> None:
    assert parse_candidate("1  1 UDP 77 192.0.2.3   4000 typ host ") == parse_candidate(
        "1 1 UDP 77 192.0.2.3 4000 typ host"
    )


def test_ipv6_is_canonical() -> None:
    read = parse_candidate("1 1 UDP 77 2001:DB8:0:0::1 4000 typ host")
    assert read.address.host == "2001:db8::1"


@pytest.mark.req("ICETCP-4.5-1", "SDP-ICE-2")
@given(candidates())
def test_round_trip(value: Candidate) -> None:
    line = format_candidate(value)
    assert parse_candidate(line) == value
    names = [part.lower() for part in line.split(" ")[8:]]
    if value.tcptype is not None:
        expected = 0 if value.type is CandidateType.HOST else 4
        assert names[expected] == "tcptype"


WORDS = ["1", "256", "UDP", "tcp", "77", "192.0.2.3", "::", "9", "0", "typ", "host", "srflx", "raddr",
         "rport", "tcptype", "active", "x"]  # fmt: skip
almost = st.lists(st.sampled_from(WORDS), max_size=16).map(" ".join)


@given(st.text(max_size=80) | almost)
def test_anything_else_is_refused_by_one_error(text: str) -> None:
    try:
        read = parse_candidate(text)
    except CandidateError:
        return
    assert parse_candidate(format_candidate(read)) == read
