"""The messages of PCP and NAT-PMP, byte for byte and under damage."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.errors import PortMappingError
from ice.gateways import nat_pmp, pcp
from ice.types import Transport, TransportAddress
from tests.net.mapping_gateway import MappingGateway

NONCE = bytes(range(12))
HEX_REQUEST = (
    "02010000 00001c20 00000000000000000000ffffc0000202"  # §7.1: version 2, MAP, 7200 s, 192.0.2.2
    "000102030405060708090a0b 06000000 1f90 0000"  # §11.1: nonce, TCP, port 8080, no preference
    "00000000000000000000ffff00000000"
)
REQUEST = pcp.MapRequest(client="192.0.2.2", nonce=NONCE, transport=Transport.TCP, port=8080, lifetime_s=7200)
HEX_ANSWER = (
    "02810000 00000e10 00000400 000000000000000000000000"
    "000102030405060708090a0b 06000000 1f90 4e20"
    "00000000000000000000ffffcb007107"
)
ADDRESSES = st.ip_addresses().map(str)
PORTS = st.integers(0, 65535)
REQUESTS = st.builds(
    pcp.MapRequest,
    client=ADDRESSES,
    nonce=st.binary(min_size=12, max_size=12),
    transport=st.sampled_from(Transport),
    port=PORTS,
    lifetime_s=st.integers(0, 2**32 - 1),
    suggested=st.none() | st.builds(TransportAddress, host=ADDRESSES, port=PORTS),
)


def test_a_request_of_pcp_byte_for_byte() -> None:
    assert pcp.write(REQUEST) == bytes.fromhex(HEX_REQUEST)


def test_an_answer_of_pcp_byte_for_byte() -> None:
    assert pcp.parse(bytes.fromhex(HEX_ANSWER)) == pcp.MapAnswer(
        result=0,
        lifetime_s=3600,
        epoch_s=1024,
        nonce=NONCE,
        transport=Transport.TCP,
        port=8080,
        external=TransportAddress(host="203.0.113.7", port=20000),
    )


def test_options_of_an_answer_are_passed_over() -> None:
    data = bytes.fromhex(HEX_ANSWER) + bytes.fromhex("8300 0004 00000000")
    assert pcp.parse(data) == pcp.parse(bytes.fromhex(HEX_ANSWER))


@given(REQUESTS)
def test_what_is_written_is_what_a_server_reads(request: pcp.MapRequest) -> None:
    data = pcp.write(request)
    assert len(data) == 60
    assert data[:2] == b"\x02\x01"
    assert int.from_bytes(data[4:8]) == request.lifetime_s
    client = ipaddress.IPv6Address(data[8:24])
    assert ipaddress.ip_address(request.client) in (client, client.ipv4_mapped)
    assert data[24:36] == request.nonce
    assert data[36] == {Transport.TCP: 6, Transport.UDP: 17}[request.transport]
    assert int.from_bytes(data[40:42]) == request.port
    if request.suggested is not None:
        assert int.from_bytes(data[42:44]) == request.suggested.port
    elif ":" in request.client:
        assert data[42:] == bytes(18)


@pytest.mark.parametrize("size", [0, 11, 13])
def test_a_nonce_of_another_size_is_our_fault(size: int) -> None:
    with pytest.raises(ValueError, match="nonce"):
        pcp.write(
            pcp.MapRequest(
                client="192.0.2.2", nonce=bytes(size), transport=Transport.TCP, port=1, lifetime_s=1
            )
        )


@pytest.mark.parametrize(
    "text",
    [
        "00000001 00000400",  # a NAT-PMP gateway (RFC 6886 §3.5)
        "00810001 00000400",  # one that sets the bit of a response
    ],
)
def test_a_gateway_of_nat_pmp_is_known(text: str) -> None:
    assert pcp.parse(bytes.fromhex(text)) == pcp.OtherVersion(version=0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02\x81\x00",
        bytes.fromhex(HEX_REQUEST),
        bytes.fromhex(HEX_ANSWER)[:-4],
        bytes.fromhex(HEX_ANSWER) + b"\0",
        bytes.fromhex(HEX_ANSWER) + bytes(1100),
        b"\x02\x82" + bytes.fromhex(HEX_ANSWER)[2:],
        bytes.fromhex(HEX_ANSWER.replace("0b 06", "0b 84")),
        b"\x03\x81\x00\x00" + bytes(56),
    ],
)
def test_no_answer_of_pcp(data: bytes) -> None:
    with pytest.raises(PortMappingError):
        pcp.parse(data)


@given(
    st.binary(max_size=1200), st.sampled_from((b"", b"\x02\x81\0\0", b"\x02\x80\0\0", b"\0\x81", b"\0\x80"))
)
def test_noise_raises_nothing_but_the_documented_error(noise: bytes, begin: bytes) -> None:
    for parse in (pcp.parse, nat_pmp.parse):
        try:
            parse(begin + noise)
        except PortMappingError as error:
            assert str(error)


def test_requests_of_nat_pmp_byte_for_byte() -> None:
    assert nat_pmp.write_address_request() == b"\0\0"
    assert nat_pmp.write_map_request(Transport.TCP, 8080, 80, 7200) == bytes.fromhex(
        "00020000 1f90 0050 00001c20"
    )
    assert nat_pmp.write_map_request(Transport.UDP, 8080, 0, 0)[:2] == b"\0\1"


def test_answers_of_nat_pmp_byte_for_byte() -> None:
    assert nat_pmp.parse(bytes.fromhex("00800000 00000400 cb007107")) == nat_pmp.AddressAnswer(
        result=0, epoch_s=1024, host="203.0.113.7"
    )
    assert nat_pmp.parse(bytes.fromhex("00820000 00000400 1f90 4e20 00000e10")) == nat_pmp.MapAnswer(
        result=0, epoch_s=1024, transport=Transport.TCP, port=8080, external_port=20000, lifetime_s=3600
    )
    assert nat_pmp.parse(bytes.fromhex("00800003 00000400")) == nat_pmp.AddressAnswer(
        result=3, epoch_s=1024, host="0.0.0.0"
    )


@pytest.mark.parametrize(
    "text",
    ["", "0080", "00000000 00000400 cb007107", "00800000 00000400 cb00", "00850000 00000400", "0082" * 6],
)
def test_no_answer_of_nat_pmp(text: str) -> None:
    with pytest.raises(PortMappingError):
        nat_pmp.parse(bytes.fromhex(text))


@given(REQUESTS.filter(lambda request: ":" not in request.client and request.lifetime_s > 0))
def test_the_simulated_gateway_and_the_codec_agree(request: pcp.MapRequest) -> None:
    gateway = MappingGateway(most_s=2**32)
    source = TransportAddress(host=request.client, port=1)
    (data,) = gateway.answer(source, pcp.write(request), 5.0)
    answer = pcp.parse(data)
    assert isinstance(answer, pcp.MapAnswer)
    assert (answer.result, answer.nonce, answer.transport, answer.port) == (
        0,
        request.nonce,
        request.transport,
        request.port,
    )
    assert answer.external.host == gateway.external
