"""a=rtcp, a=rtcp-mux and RTCP's bandwidth."""

from __future__ import annotations

import pytest

from sdp.attributes import rtcp_attr
from sdp.attributes.rtcp_attr import Rtcp, RtcpPort
from sdp.errors import ValueFault
from sdp.syntax.parser import parse
from tests.sdp.bodies import crlf


def read(*lines: str, session: str = "") -> tuple[Rtcp, int]:
    bandwidth, attribute = (session, "") if session.startswith("b") else ("", session)
    lines = ("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", bandwidth, "t=0 0", attribute,
             "m=audio 5001 RTP/AVP 0", *lines)  # fmt: skip
    text = "\n".join(line for line in lines if line)
    description = parse(crlf(text))
    rtcp, remarks = rtcp_attr.read(description, description.media[0])
    return rtcp, len(remarks)


@pytest.mark.req("RTCP-1")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("53020", RtcpPort(port=53020)),
        ("53020 IN IP4 126.16.64.4", RtcpPort(port=53020, host="126.16.64.4")),
        ("53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD",
         RtcpPort(port=53020, host="2001:2345:6789:abcd:ef01:2345:6789:abcd")),
        ("9 IN IP4 0.0.0.0", RtcpPort(port=9, host="0.0.0.0")),
        ("9 IN IP4 rtcp.example.com", RtcpPort(port=9, host="rtcp.example.com")),
    ],
)  # fmt: skip
def test_forms_of_rtcp(value: str, expected: RtcpPort) -> None:
    assert rtcp_attr.parse_rtcp(value) == expected
    assert rtcp_attr.parse_rtcp(rtcp_attr.format_rtcp(expected)) == expected


@pytest.mark.req("RTCP-1")
@pytest.mark.parametrize("value", ["", "x", "65536", "1 IN IP4", "1 ATM NSAP 47", "1 IN IP5 x", "1 2 3 4 5"])
def test_malformed_rtcp(value: str) -> None:
    with pytest.raises(ValueFault):
        rtcp_attr.parse_rtcp(value)
    assert read(f"a=rtcp:{value}") == (Rtcp(port=None, mux=False, mux_only=False, used=True), 1)


@pytest.mark.req("RTCP-1", "RTCP-2")
def test_these_attributes_are_for_sections() -> None:
    for line in ("a=rtcp:6000", "a=rtcp-mux", "a=rtcp-mux-only"):
        assert read(session=line) == (Rtcp(port=None, mux=False, mux_only=False, used=True), 1)
    rtcp, remarks = read("a=rtcp:6000", "a=rtcp-mux", "a=rtcp-mux-only")
    assert (rtcp, remarks) == (Rtcp(port=RtcpPort(port=6000), mux=True, mux_only=True, used=True), 0)


@pytest.mark.req("SDP-8866-11")
@pytest.mark.parametrize(
    ("session", "lines", "used"),
    [
        ("", [], True),
        ("", ["b=RS:0", "b=RR:0"], False),
        ("", ["b=RS:0"], True),
        ("", ["b=RS:0", "b=RR:100"], True),
        ("b=RS:0", ["b=RR:0"], False),
        ("b=RS:0", ["b=RS:100", "b=RR:0"], True),
    ],
)
def test_bandwidth_of_zero_switches_rtcp_off(session: str, lines: list[str], used: bool) -> None:
    assert read(*lines, session=session)[0].used is used
