"""URIs, addresses and Vias as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.vectors import texts, tokens, uris
from ua.sip.errors import SipParseError
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.via import Via

EQUAL = [  # RFC 3261 §19.1.4
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("sip:u@[2001:DB8:0::1]", "sip:u@[2001:db8::1]"),
]
UNEQUAL = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
    ("sip:bob:one@biloxi.com", "sip:bob:two@biloxi.com"),
    ("tel:+1", "tel:+2"),
]


@pytest.mark.req("SIP-7-4", "IP6-1")
@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_uris(one: str, other: str) -> None:
    assert Uri.parse(one).same_as(Uri.parse(other))
    assert Uri.parse(other).same_as(Uri.parse(one))


@pytest.mark.req("SIP-7-4")
@pytest.mark.parametrize(("one", "other"), UNEQUAL)
def test_different_uris(one: str, other: str) -> None:
    assert not Uri.parse(one).same_as(Uri.parse(other))
    assert not Uri.parse(other).same_as(Uri.parse(one))


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice:secret@example.com:5061;transport=tcp;lr;maddr=192.0.2.1?Subject=x&Priority=urgent",
        "sips:1212@gateway.example.com",
        "sip:user;par=u%40example.net@example.com",
        "sip:[2001:db8::1]:5060",
        "sip:a/b?c&d@h",
        "tel:+358-555-1234567;postd=pp22",
        "urn:service:sos",
    ],
)
def test_uris_are_written_as_they_were_read(text: str) -> None:
    assert str(Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "sip:", "alice@example.com", "sip:a b@h", "sip:a@", "sip:a@h:", "sip:a@h:99999", "sip:a@h:x",
        "sip:a@h;;x", "sip:a@h;lr;lr", "sip:a@[::1", "sip:a@::1", "sip:a@h?", "sip:@h", "sip:a@h;x=<",
        "sip:a@h ",
        "sip:a%4@h", "sip:a@-h", "1sip:a@h", "tel:", "tel:a b", "sip:a@[fe80::1%25eth0]", "sip:a@h\r\n",
    ],
)  # fmt: skip
def test_malformed_uris(text: str) -> None:
    with pytest.raises(SipParseError):
        Uri.parse(text)


@pytest.mark.req("SIP-7-19")
def test_parts_that_a_place_does_not_allow_are_left_out() -> None:
    uri = Uri.parse("sip:b@h:5070;method=BYE;transport=tcp;ttl=1;lr;user=phone?Route=%3Csip:evil%3E")
    assert str(uri.as_request_uri()) == "sip:b@h:5070;transport=tcp;ttl=1;lr;user=phone"
    assert str(uri.as_identity()) == "sip:b@h;user=phone"


@pytest.mark.req("SIP-7-8")
def test_without_brackets_parameters_belong_to_the_header() -> None:
    bare = NameAddr.parse("sip:a@h;unknownparam")
    assert bare.uri.params == ()
    assert bare.params == (("unknownparam", None),)
    bracketed = NameAddr.parse("<sip:a@h;unknownparam>")
    assert bracketed.uri.params == (("unknownparam", None),)
    assert bracketed.params == ()
    assert str(bare) == "<sip:a@h>;unknownparam"
    assert NameAddr.parse("caller<sip:a@b>").name == "caller"
    assert NameAddr.parse("Alice Liddell <sip:a@b>").name == "Alice Liddell"
    assert NameAddr.parse('"a;b,c \\"q\\" \\\\" <sip:a@b>;tag=1').name == 'a;b,c "q" \\'


@pytest.mark.parametrize(
    "text",
    [
        "", "<sip:a@b", "sip:a@b>", '"open <sip:a@b>', "<>", "a, b <sip:a@b>", "<sip:a@b>;;tag=1",
        "<sip:a@b> x",
        "<sip:a@b>;tag=1;TAG=2", "sip:a@b, sip:c@d",
    ],
)  # fmt: skip
def test_malformed_addresses(text: str) -> None:
    with pytest.raises(SipParseError):
        NameAddr.parse(text)


@given(st.builds(NameAddr, uri=uris, name=texts, params=st.just((("tag", "x"),))))
def test_addresses_round_trip(address: NameAddr) -> None:
    assert NameAddr.parse(str(address)) == address


@given(uris)
def test_uris_round_trip_and_equal_themselves(uri: Uri) -> None:
    assert Uri.parse(str(uri)) == uri
    assert uri.same_as(uri)


@given(st.text(max_size=60))
def test_any_text_raises_only_the_documented_error(text: str) -> None:
    for parse in (Uri.parse, NameAddr.parse, Via.parse):
        try:
            parse(text)
        except SipParseError:
            continue


@pytest.mark.parametrize(
    ("text", "host", "port", "branch"),
    [
        ("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1", "192.0.2.1", 5060, "z9hG4bK1"),
        (
            "SIP / 2.0 / UDP  first.example.com: 4000;ttl=16 ;branch=z9hG4bKa7",
            "first.example.com",
            4000,
            "z9hG4bKa7",
        ),
        ("sip/2.0/tcp [2001:db8::1]:5070 ; branch = z9hG4bK2", "2001:db8::1", 5070, "z9hG4bK2"),
        ("SIP/2.0/TLS h", "h", None, ""),
    ],
)
def test_vias(text: str, host: str, port: int | None, branch: str) -> None:
    via = Via.parse(text)
    assert (via.host, via.port, via.branch) == (host, port, branch)
    assert Via.parse(str(via)) == via


@pytest.mark.req("TRN-2", "IP6-1")
def test_the_source_is_noted_in_a_via() -> None:
    plain = Via.parse("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1")
    assert plain.with_source("192.0.2.1", 40000) == plain
    assert plain.with_source("198.51.100.1", 40000).received == "198.51.100.1"
    assert plain.with_source("198.51.100.1", 40000).rport is None
    asked = Via.parse("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1").with_source("192.0.2.1", 5060)
    assert (asked.received, asked.rport) == ("192.0.2.1", 5060)
    six = Via.parse("SIP/2.0/UDP x.example.com;rport;branch=z9hG4bK1").with_source("2001:db8::9", 7)
    assert ";received=2001:db8::9" in str(six)
    assert Via.parse(str(six)).received == "2001:db8::9"
    assert Via.parse("SIP/2.0/UDP h;received=[2001:db8::9:255];branch=z9hG4bK1").received == "2001:db8::9:255"


@given(
    host=st.sampled_from(["h", "192.0.2.1", "2001:db8::1"]),
    branch=tokens,
    port=st.none() | st.integers(1, 65535),
)
def test_vias_round_trip(host: str, branch: str, port: int | None) -> None:
    via = Via(transport="UDP", host=host, port=port, params=(("rport", None), ("branch", branch)))
    assert Via.parse(str(via)) == via
