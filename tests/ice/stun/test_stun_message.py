"""STUN messages: header, attributes, integrity, fingerprint, bad input (RFC 8489)."""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.errors import StunError
from ice.stun.attributes import (
    REGISTRY,
    AlternateDomain,
    AlternateServer,
    Attribute,
    ErrorCode,
    IceControlled,
    IceControlling,
    MappedAddress,
    Priority,
    Software,
    UnknownAttribute,
    UnknownAttributes,
    UseCandidate,
    Username,
    XorMappedAddress,
)
from ice.stun.credential_attributes import (
    Algorithm,
    Nonce,
    PasswordAlgorithm,
    PasswordAlgorithms,
    Realm,
    Userhash,
)
from ice.stun.message import (
    MAX_METHOD,
    IntegrityAlgorithm,
    MessageClass,
    Method,
    StunMessage,
    parse,
    serialise,
    short_term_key,
)
from ice.types import TransportAddress

KEY = short_term_key("VOkJxbRl1RmTxUk/WvJxBt")
ID = bytes(range(12))
VECTORS = sorted((Path(__file__).parents[2] / "vectors" / "stun").glob("*.hex"))

# --- strategies ---

ports = st.integers(0, 65535)
addresses = st.builds(
    TransportAddress, host=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str), port=ports
)
texts = st.text(st.characters(codec="utf-8"), max_size=120)
unknown_types = st.integers(0, 0xFFFF).filter(
    lambda number: number not in REGISTRY and number not in (0x0008, 0x001C, 0x8028)
)
algorithms = st.builds(Algorithm, number=st.integers(0, 0xFFFF), parameters=st.binary(max_size=9))
attributes: st.SearchStrategy[Attribute] = st.one_of(
    st.builds(MappedAddress, address=addresses),
    st.builds(XorMappedAddress, address=addresses),
    st.builds(AlternateServer, address=addresses),
    st.builds(Username, value=texts),
    st.builds(Realm, value=texts),
    st.builds(Nonce, value=texts),
    st.builds(Software, value=texts),
    st.builds(AlternateDomain, value=st.text(st.characters(codec="ascii"), max_size=255)),
    st.builds(Priority, value=st.integers(0, 2**32 - 1)),
    st.builds(UseCandidate),
    st.builds(IceControlled, tie_breaker=st.integers(0, 2**64 - 1)),
    st.builds(IceControlling, tie_breaker=st.integers(0, 2**64 - 1)),
    st.builds(ErrorCode, code=st.integers(300, 699), reason=texts),
    st.builds(UnknownAttributes, types=st.lists(st.integers(0, 0xFFFF)).map(tuple)),
    st.builds(Userhash, value=st.binary(min_size=32, max_size=32)),
    st.builds(PasswordAlgorithm, algorithm=algorithms),
    st.builds(PasswordAlgorithms, algorithms=st.lists(algorithms, max_size=4).map(tuple)),
    st.builds(UnknownAttribute, number=unknown_types, value=st.binary(max_size=64)),
)
messages = st.builds(
    StunMessage,
    method=st.integers(0, MAX_METHOD),
    message_class=st.sampled_from(MessageClass),
    transaction_id=st.binary(min_size=12, max_size=12),
    attributes=st.lists(attributes, max_size=8).map(tuple),
)


def binding(*items: Attribute, message_class: MessageClass = MessageClass.REQUEST) -> StunMessage:
    return StunMessage(
        method=Method.BINDING, message_class=message_class, transaction_id=ID, attributes=items
    )


def raw(*items: tuple[int, bytes]) -> bytes:
    """A Binding request with attributes as they are given."""
    body = b"".join(
        struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4) for number, value in items
    )
    return struct.pack("!HHI12s", 1, len(body), 0x2112A442, ID) + body


# --- the codec as a whole ---


@given(messages, st.one_of(st.none(), st.binary(min_size=1, max_size=40)), st.booleans())
@pytest.mark.req("STUN-1", "STUN-2")
def test_parse_after_serialise_is_the_identity(
    message: StunMessage, key: bytes | None, fingerprint: bool
) -> None:
    data = serialise(message, integrity_key=key, fingerprint=fingerprint)
    again = parse(data)
    assert again == message
    assert again.fingerprint is fingerprint
    if key is None:
        assert again.integrity == ()
        assert not again.verifies(b"")
    else:
        assert again.verifies(key)
        assert not again.verifies(key + b"\x01")


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_stun_errors(data: bytes) -> None:
    with pytest.raises(StunError):
        parse(data)


@given(st.binary(max_size=120).filter(lambda body: len(body) % 4 == 0))
def test_random_bodies_raise_only_stun_errors(body: bytes) -> None:
    data = struct.pack("!HHI12s", 1, len(body), 0x2112A442, ID) + body
    try:
        parse(data)
    except StunError as error:
        assert str(error)


@given(
    st.sampled_from(VECTORS),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(1, 255)), min_size=1, max_size=4),
)
def test_mutated_messages_never_verify(path: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray.fromhex(path.read_text())
    original = bytes(data)
    for position, mask in changes:
        data[position % len(data)] ^= mask
    try:
        message = parse(bytes(data))
    except StunError:
        return
    if bytes(data) != original and message.fingerprint:
        # What CRC-32 does not find, the integrity code must.
        assert not message.verifies(KEY)


@pytest.mark.req("STUN-5")
def test_one_flipped_bit_is_always_found() -> None:
    data = bytes.fromhex(next(p for p in VECTORS if p.stem == "rfc5769-request").read_text())
    assert parse(data).verifies(KEY)
    found = 0
    for position in range(len(data) * 8):
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        try:
            message = parse(bytes(changed))
        except StunError:
            found += 1
            continue
        # Its type is changed: then the message has none, and a check must have one.
        assert not message.fingerprint
    assert found >= len(data) * 8 - 16


def test_a_flipped_bit_is_found_without_fingerprint() -> None:
    data = serialise(binding(Priority(value=1), Username(value="a:b")), integrity_key=KEY, fingerprint=False)
    for position in range(20 * 8, (len(data) - 24) * 8):
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        try:
            message = parse(bytes(changed))
        except StunError:
            continue
        assert not message.verifies(KEY)


# --- header ---


@pytest.mark.req("STUN-1")
def test_every_method_and_class_has_its_own_type() -> None:
    seen = set()
    for method in range(MAX_METHOD + 1):
        for message_class in MessageClass:
            data = serialise(
                StunMessage(method=method, message_class=message_class, transaction_id=ID),
                integrity_key=None,
                fingerprint=False,
            )
            seen.add(data[:2])
            assert data[0] < 0x40
            message = parse(data)
            assert (message.method, message.message_class) == (method, message_class)
    assert len(seen) == 4 * (MAX_METHOD + 1)


@pytest.mark.parametrize(
    ("message_class", "expected"),
    [
        (MessageClass.REQUEST, 0x0001),
        (MessageClass.INDICATION, 0x0011),
        (MessageClass.SUCCESS, 0x0101),
        (MessageClass.ERROR, 0x0111),
    ],
)
@pytest.mark.req("STUN-1")
def test_binding_types(message_class: MessageClass, expected: int) -> None:
    data = serialise(binding(message_class=message_class), integrity_key=None, fingerprint=False)
    assert int.from_bytes(data[:2], "big") == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (raw()[:19], "too few"),
        (b"\x40" + raw()[1:], "top bits"),
        (raw()[:4] + b"\x21\x12\xa4\x43" + raw()[8:], "cookie"),
        (raw()[:2] + b"\x00\x04" + raw()[4:], "length"),
        (raw()[:2] + b"\x00\x02" + raw()[4:] + b"ab", "length"),
        (raw() + b"\x00", "length"),
        (raw((0x8001, b"abcd"))[:-5] + b"\x05" + b"abcd", "longer than the message"),
    ],
)
@pytest.mark.req("STUN-1", "STUN-14")
def test_bad_headers_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(StunError, match=reason):
        parse(data)


# --- attributes ---


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (0x0024, bytes(3)),
        (0x0024, bytes(8)),
        (0x0025, b"x"),
        (0x8029, bytes(4)),
        (0x802A, bytes(9)),
        (0x001E, bytes(31)),
        (0x0008, bytes(19)),
        (0x001C, bytes(12)),
        (0x001C, bytes(18)),
        (0x001C, bytes(36)),
        (0x8028, bytes(3)),
        (0x0020, bytes((0, 1, 0, 0)) + bytes(3)),
        (0x0020, bytes((0, 1, 0, 0)) + bytes(16)),
        (0x0020, bytes((0, 2, 0, 0)) + bytes(4)),
        (0x0020, bytes(3)),
        (0x0001, bytes((0, 2, 0, 0)) + bytes(15)),
        (0x0009, bytes(3)),
        (0x0009, bytes((0, 0, 7, 0))),
        (0x0009, bytes((0, 0, 2, 0))),
        (0x0009, bytes((0, 0, 4, 100))),
        (0x0009, bytes((0, 0, 4, 0)) + b"x" * 128),
        (0x000A, bytes(3)),
        (0x0006, b"\xff"),
        (0x0006, b"x" * 764),
        (0x0014, b"x" * 128),
        (0x0015, b"x" * 128),
        (0x8022, b"x" * 128),
        (0x8003, b"\xc3\xa4"),
        (0x8003, b"x" * 256),
        (0x001D, bytes((0, 1, 0, 0, 0, 2, 0, 0))),
        (0x001D, bytes(3)),
        (0x8002, bytes((0, 1, 0, 4, 0))),
    ],
)
@pytest.mark.req("STUN-3", "STUN-17")
def test_malformed_attributes_are_refused(number: int, value: bytes) -> None:
    with pytest.raises(StunError):
        parse(raw((number, value)))


@pytest.mark.req("STUN-3")
def test_numbers_of_the_attributes() -> None:
    assert {number: cls.__name__ for number, cls in REGISTRY.items()} == {
        0x0001: "MappedAddress",
        0x0006: "Username",
        0x0009: "ErrorCode",
        0x000A: "UnknownAttributes",
        0x000C: "ChannelNumber",
        0x000D: "Lifetime",
        0x0012: "XorPeerAddress",
        0x0013: "Data",
        0x0014: "Realm",
        0x0015: "Nonce",
        0x0016: "XorRelayedAddress",
        0x0017: "RequestedAddressFamily",
        0x0018: "EvenPort",
        0x0019: "RequestedTransport",
        0x001A: "DontFragment",
        0x001D: "PasswordAlgorithm",
        0x001E: "Userhash",
        0x0020: "XorMappedAddress",
        0x0022: "ReservationToken",
        0x0024: "Priority",
        0x0025: "UseCandidate",
        0x002A: "ConnectionId",
        0x8000: "AdditionalAddressFamily",
        0x8001: "AddressErrorCode",
        0x8002: "PasswordAlgorithms",
        0x8003: "AlternateDomain",
        0x8004: "Icmp",
        0x8022: "Software",
        0x8023: "AlternateServer",
        0x8029: "IceControlled",
        0x802A: "IceControlling",
    }


@pytest.mark.parametrize(
    "item",
    [
        Username(value="x" * 509),
        Realm(value="x" * 128),
        Software(value="x" * 128),
        AlternateDomain(value="x" * 256),
        ErrorCode(code=299),
        ErrorCode(code=700),
        ErrorCode(code=400, reason="x" * 128),
        Userhash(value=bytes(31)),
        UnknownAttribute(number=0x9000, value=bytes(65536)),
    ],
)
@pytest.mark.req("STUN-3", "STUN-17", "STUN-19")
def test_values_that_do_not_fit_are_not_written(item: Attribute) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        serialise(binding(item), integrity_key=None, fingerprint=False)


def test_a_message_longer_than_a_frame_is_not_written() -> None:
    items = [UnknownAttribute(number=0x9000, value=bytes(30000))] * 3
    with pytest.raises(ValueError, match="too long"):
        serialise(binding(*items), integrity_key=None, fingerprint=False)


@pytest.mark.req("STUN-2")
def test_the_first_of_equal_attributes_counts() -> None:
    message = parse(raw((0x0006, b"first"), (0x0006, b"second")))
    found = message.get(Username)
    assert found is not None
    assert found.value == "first"
    assert message.get(Priority) is None


@pytest.mark.req("STUN-2")
def test_padding_is_zero_when_written_and_ignored_when_read() -> None:
    data = serialise(binding(Username(value="abcde")), integrity_key=None, fingerprint=False)
    assert data[-3:] == bytes(3)
    assert parse(data[:-3] + b"\x20\xff\x01") == parse(data)


@pytest.mark.req("STUN-4")
def test_the_first_byte_of_an_address_is_ignored() -> None:
    data = serialise(
        binding(XorMappedAddress(address=TransportAddress(host="192.0.2.1", port=32853))),
        integrity_key=None,
        fingerprint=False,
    )
    assert data[24:] == bytes.fromhex("0001a147e112a643")
    assert parse(data[:24] + b"\xff" + data[25:]) == parse(data)


@pytest.mark.req("STUN-24")
def test_an_address_of_another_family_is_kept_but_not_used() -> None:
    message = parse(raw((0x0020, bytes((0, 3, 1, 2)) + bytes(6))))
    assert message.get(XorMappedAddress) is None
    assert message.unknown_required == ()
    assert message.attributes == (UnknownAttribute(number=0x0020, value=bytes((0, 3, 1, 2)) + bytes(6)),)


@pytest.mark.req("STUN-6")
def test_unknown_types_that_must_be_understood_are_listed() -> None:
    message = parse(raw((0x7F00, b"a"), (0x8F00, b"b"), (0x7F00, b"c"), (0x7F01, b"")))
    assert message.unknown_required == (0x7F00, 0x7F01)
    assert UnknownAttribute(number=0x8F00, value=b"b") in message.attributes


@pytest.mark.req("STUN-17")
def test_error_code_on_the_wire() -> None:
    data = serialise(binding(ErrorCode(code=438)), integrity_key=None, fingerprint=False)
    assert data[24:] == bytes.fromhex("00000426")
    # The 21 reserved bits are not looked at.
    assert parse(raw((0x0009, bytes.fromhex("fffffc26")))).get(ErrorCode) == ErrorCode(code=438)


@pytest.mark.req("STUN-17")
def test_an_odd_number_of_unknown_types() -> None:
    item = UnknownAttributes(types=(0x7F00, 0x7F01, 0x7F02))
    data = serialise(binding(item), integrity_key=None, fingerprint=False)
    assert data[20:] == bytes.fromhex("000a00067f007f017f020000")
    assert parse(data).get(UnknownAttributes) == item


@pytest.mark.req("STUN-34")
def test_parameters_of_unknown_algorithms_are_skipped_by_their_length() -> None:
    value = bytes.fromhex("0777000301020300" + "00020000")
    found = parse(raw((0x8002, value))).get(PasswordAlgorithms)
    assert found is not None
    assert found.algorithms == (
        Algorithm(number=0x0777, parameters=b"\x01\x02\x03"),
        Algorithm(number=2),
    )


# --- integrity and fingerprint ---


@pytest.mark.req("STUN-18")
def test_what_stands_behind_the_integrity_code_is_ignored() -> None:
    inner = serialise(binding(Priority(value=7)), integrity_key=KEY, fingerprint=False)
    behind = raw((0x0025, b""), (0x7F00, b""), (0x0020, bytes((0, 1, 0, 0)) + bytes(4)), (0x0008, bytes(20)))[
        20:
    ]
    data = inner[:2] + (len(inner) - 20 + len(behind)).to_bytes(2, "big") + inner[4:] + behind
    message = parse(data)
    assert message.attributes == (Priority(value=7),)
    assert message.get(UseCandidate) is None
    assert message.unknown_required == ()
    assert message.verifies(KEY)


def with_sha256_behind(message: StunMessage, key: bytes, sha256_key: bytes) -> bytes:
    """A message with both codes, as RFC 8489 §9.1.2 wants where the algorithm is not known yet."""
    inner = serialise(message, integrity_key=key, fingerprint=False)
    inner = inner[:2] + (len(inner) - 20 + 36).to_bytes(2, "big") + inner[4:]
    code = hmac.digest(sha256_key, inner, hashlib.sha256)
    return inner + struct.pack("!HH", 0x001C, 32) + code


@pytest.mark.req("STUN-18", "STUN-28")
def test_of_two_codes_the_sha256_one_counts() -> None:
    message = parse(with_sha256_behind(binding(Priority(value=7)), KEY, KEY))
    assert message.integrity_algorithm is IntegrityAlgorithm.SHA256
    assert message.verifies(KEY)
    # Only the SHA-1 code is right: not enough.
    assert not parse(with_sha256_behind(binding(Priority(value=7)), KEY, b"other")).verifies(KEY)
    assert parse(with_sha256_behind(binding(Priority(value=7)), b"other", KEY)).verifies(KEY)


@pytest.mark.req("STUN-38")
def test_a_truncated_sha256_code_never_verifies() -> None:
    data = serialise(binding(), integrity_key=KEY, fingerprint=False, algorithm=IntegrityAlgorithm.SHA256)
    assert len(data) == 20 + 4 + 32
    assert parse(data).verifies(KEY)
    truncated = data[:2] + (4 + 16).to_bytes(2, "big") + data[4:22] + b"\x00\x10" + data[24:40]
    covered = truncated[:20]
    code = hmac.digest(KEY, covered, hashlib.sha256)[:16]
    assert not parse(truncated[:24] + code).verifies(KEY)


@pytest.mark.req("STUN-27")
def test_a_check_carries_the_sha1_code_alone() -> None:
    data = serialise(binding(), integrity_key=KEY, fingerprint=True)
    assert data[20:24] == bytes.fromhex("00080014")
    assert len(data) == 20 + 24 + 8


@pytest.mark.req("STUN-5")
def test_fingerprint_is_last_and_right() -> None:
    data = serialise(binding(Priority(value=1)), integrity_key=None, fingerprint=True)
    assert data[-8:-4] == bytes.fromhex("80280004")
    assert int.from_bytes(data[-4:], "big") == zlib.crc32(data[:-8]) ^ 0x5354554E
    with pytest.raises(StunError, match="not match"):
        parse(data[:-1] + bytes((data[-1] ^ 1,)))
    more = data[:2] + (len(data) - 20 + 4).to_bytes(2, "big") + data[4:-8]
    crc = zlib.crc32(data[:2] + (len(data) - 20).to_bytes(2, "big") + data[4:-8]) ^ 0x5354554E
    with pytest.raises(StunError, match="not the last"):
        parse(more + bytes.fromhex("80280004") + crc.to_bytes(4, "big") + bytes.fromhex("90000000"))


def test_misuse_raises() -> None:
    with pytest.raises(ValueError, match="12 bits"):
        StunMessage(method=0x1000, message_class=MessageClass.REQUEST, transaction_id=ID)
    with pytest.raises(ValueError, match="12 bytes"):
        StunMessage(method=1, message_class=MessageClass.REQUEST, transaction_id=b"")
