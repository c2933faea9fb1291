"""a=crypto: what is read, what is refused, and that no key is shown."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp.attributes import crypto_attr
from sdp.attributes.crypto_attr import SUITES, CryptoLine, InlineKey, parse
from sdp.errors import ValueFault
from sdp.masking import mask_keys
from sdp.syntax.model import Attribute, Media
from tests.sdp.answering import plain

MATERIAL = bytes(range(30))
KEY = base64.b64encode(MATERIAL).decode()
NAME = "AES_CM_128_HMAC_SHA1_80"


def media(*values: str) -> Media:
    attributes = tuple(Attribute(name="crypto", value=value) for value in values)
    return Media(media="audio", port=1, proto="RTP/SAVP", formats=("0",), attributes=attributes)


def refused(value: str) -> str:
    with pytest.raises(ValueFault) as fault:
        parse(value)
    assert fault.value.reason
    return fault.value.reason


@pytest.mark.req("KEY-4")
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@pytest.mark.parametrize("change", [-1, 0, 1])
def test_key_and_salt_have_the_length_of_the_suite(suite: crypto_attr.CryptoSuite, change: int) -> None:
    encoded = base64.b64encode(bytes(suite.length + change)).decode()
    value = f"1 {suite.name} inline:{encoded}"
    if change:
        assert f"needs {suite.length}" in refused(value)
    else:
        assert parse(value).keys[0].material == bytes(suite.length)
        assert parse(f"1 {suite.name} inline:{encoded.rstrip('=')}") == parse(value), "padding left out"


@pytest.mark.req("KEY-4")
def test_lengths_are_those_of_the_rfcs() -> None:
    assert {suite.name: suite.length for suite in SUITES} == {
        "AEAD_AES_256_GCM": 44,
        "AEAD_AES_128_GCM": 28,
        "AES_CM_128_HMAC_SHA1_80": 30,
        "AES_CM_128_HMAC_SHA1_32": 30,
    }


@pytest.mark.req("KEY-4", "KEY-7")
def test_a_whole_line() -> None:
    line = parse(f"999999999 aes_cm_128_hmac_sha1_80 INLINE:{KEY}|2^20|1:4 WSH=64 -X=1")
    assert line.tag == 999999999
    assert line.suite.name == NAME
    assert line.keys == (InlineKey(material=MATERIAL, lifetime=1 << 20, mki=b"\0\0\0\1"),)
    assert line.parameters == ("WSH=64", "-X=1")
    assert parse(f"1 {NAME} inline:{KEY}|1:4").keys[0].mki == b"\0\0\0\1", "an MKI without lifetime"
    assert parse(f"1 {NAME} inline:{KEY}|1000").keys[0].lifetime == 1000


@pytest.mark.req("KEY-7")
@pytest.mark.parametrize(
    "value",
    [
        f"01 {NAME} inline:{KEY}",
        f"0 {NAME} inline:{KEY}",
        f"1234567890 {NAME} inline:{KEY}",
        f"a {NAME} inline:{KEY}",
        f"1 {NAME}",
        f"1 {NAME} {KEY}",
        f"1 {NAME} uri:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 {NAME} inline:{KEY}|2^49",
        f"1 {NAME} inline:{KEY}|0",
        f"1 {NAME} inline:{KEY}|{2**48 + 1}",
        f"1 {NAME} inline:{KEY}|2^20|1:129",
        f"1 {NAME} inline:{KEY}|2^20|256:1",
        f"1 {NAME} inline:{KEY}|1:4|1:4",
        f"1 {NAME} inline:{KEY}|1:4|2^20",
        f"1 {NAME} inline:{KEY}|1|2|3",
        f"1 {NAME} inline:{KEY};inline:{KEY}",
        f"1 {NAME} inline:{KEY}|1:4;inline:{KEY}",
        f"1 {NAME} inline:{KEY}|1:4;inline:{KEY}|2:2",
        f"1 {NAME} inline:{KEY}|1:4;inline:{KEY}|1:4",
        f"1 {NAME} inline:{KEY[:-1]}*",
        f"1 {NAME} inline:{KEY}===",
        "",
    ],
)
def test_one_bad_part_makes_the_whole_line_bad(value: str) -> None:
    assert KEY not in refused(value)
    lines, remarks = crypto_attr.read(media(value, f"7 {NAME} inline:{KEY}"))
    assert [line.tag for line in lines] == [7]
    assert len(remarks) == 1
    assert KEY not in remarks[0].text + repr(remarks)


@pytest.mark.req("KEY-7")
def test_tags_are_unique_and_the_name_of_the_attribute_has_one_case() -> None:
    lines, remarks = crypto_attr.read(media(f"1 {NAME} inline:{KEY}", f"1 {NAME} inline:{KEY}"))
    assert len(lines) == len(remarks) == 1
    capital = Attribute(name="Crypto", value=f"1 {NAME} inline:{KEY}")
    assert crypto_attr.read(
        Media(media="audio", port=1, proto="RTP/SAVP", formats=("0",), attributes=(capital,))
    ) == ((), ())


@pytest.mark.req("KEY-7")
def test_several_keys_are_told_apart_by_mkis_of_one_length() -> None:
    other = base64.b64encode(bytes(30)).decode()
    line = parse(f"1 {NAME} inline:{KEY}|2^20|1:4;inline:{other}|2^20|2:4")
    assert [key.mki for key in line.keys] == [b"\0\0\0\1", b"\0\0\0\2"]


@pytest.mark.req("KEY-8")
@pytest.mark.parametrize(
    ("parameter", "taken"),
    [
        ("-X=1", True),
        ("WSH=64", True),
        ("wsh=1024", True),
        ("X=1", False),
        ("WSH=63", False),
        ("WSH=", False),
        ("KDR=1", False),
        ("KDR=24", False),
        ("UNENCRYPTED_SRTP", False),
        ("UNENCRYPTED_SRTCP", False),
        ("UNAUTHENTICATED_SRTP", False),
        ("FEC_ORDER=FEC_SRTP", False),
        (f"FEC_KEY=inline:{KEY}", False),
    ],
)
def test_session_parameters(parameter: str, taken: bool) -> None:
    value = f"1 {NAME} inline:{KEY} {parameter}"
    if taken:
        assert parse(value).parameters == (parameter,)
    else:
        assert KEY not in refused(value)


@given(
    tag=st.integers(1, 999_999_999),
    suite=st.sampled_from(SUITES),
    data=st.data(),
    count=st.integers(1, 4),
    lifetime=st.none() | st.integers(1, 1 << 48),
)
def test_what_is_written_is_read(
    tag: int, suite: crypto_attr.CryptoSuite, data: st.DataObject, count: int, lifetime: int | None
) -> None:
    materials = [data.draw(st.binary(min_size=suite.length, max_size=suite.length)) for _ in range(count)]
    keys = tuple(
        InlineKey(material=material, lifetime=lifetime, mki=bytes([number + 1]) if count > 1 else None)
        for number, material in enumerate(materials)
    )
    line = CryptoLine(tag=tag, suite=suite, keys=keys)
    attribute = crypto_attr.attribute(line)
    assert parse(attribute.value or "") == line
    for shown in (repr(line), repr(attribute), mask_keys(str(attribute)), repr(keys)):
        assert all(base64.b64encode(material).decode() not in shown for material in materials)


@given(st.text(max_size=80) | st.text("1 inl:|;2^AES_CM", max_size=60).map(lambda t: f"1 {NAME} inline:{t}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueFault):
        parse(text)


def test_keys_are_masked_in_any_text() -> None:
    body = plain(f"a=crypto:1 {NAME} inline:{KEY}|2^31|1:1;Inline:{KEY}", media="audio 4000 RTP/SAVP 0")
    masked = mask_keys(f"INVITE sip:bob@example.com\r\n\r\n{body}")
    assert KEY not in masked
    assert "inline:***|2^31|1:1;Inline:***" in masked
    assert mask_keys("no keys: in=line") == "no keys: in=line"
