"""What a TURN password could be guessed from is in no capture; all else is as it was."""

from __future__ import annotations

import struct
import zlib

from hypothesis import given
from hypothesis import strategies as st

from ua.interop.stun_proof import TurnStream, without_proof

COOKIE = bytes.fromhex("2112a442")
HASH = bytes(range(1, 21))
LONG_HASH = bytes(range(1, 33))
BINDING, ALLOCATE, ALLOCATED, CREATED = 0x0001, 0x0003, 0x0103, 0x0108
REALM = (0x0014, b"example.com")


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def message(kind: int, *attributes: tuple[int, bytes], fingerprint: bool = False) -> bytes:
    body = b"".join(attribute(*each) for each in attributes)
    size = len(body) + 8 * fingerprint
    head = struct.pack("!HH", kind, size) + COOKIE + bytes(12)
    if fingerprint:
        number = zlib.crc32(head + body) ^ 0x5354554E
        body += attribute(0x8028, number.to_bytes(4, "big"))
    return head + body


def test_a_request_with_a_realm_loses_its_proof() -> None:
    packet = message(
        ALLOCATE, (0x0006, b"alice"), REALM, (0x0008, HASH), (0x001C, LONG_HASH), fingerprint=True
    )
    masked = without_proof(packet)
    assert len(masked) == len(packet)
    assert HASH not in masked
    assert LONG_HASH not in masked
    assert b"example.com" in masked
    expected = message(
        ALLOCATE, (0x0006, b"alice"), REALM, (0x0008, bytes(20)), (0x001C, bytes(32)), fingerprint=True
    )
    assert masked == expected, "the fingerprint is right again"


def test_answers_of_turn_are_hashed_with_the_same_password() -> None:
    for kind in (ALLOCATED, CREATED):
        assert HASH not in without_proof(message(kind, (0x0008, HASH)))


def test_tokens_are_left_out() -> None:
    token = b"a token of an authorization server"
    assert token not in without_proof(message(ALLOCATE, (0x001B, token)))


def test_checks_of_ice_stay_as_they_are() -> None:
    check = message(BINDING, (0x0006, b"abcd:efgh"), (0x0008, HASH), fingerprint=True)
    assert without_proof(check) == check


@given(st.binary(max_size=200))
def test_anything_else_stays_as_it_is(data: bytes) -> None:
    assert without_proof(data) == data or data[4:8] == COOKIE


@given(st.binary(max_size=80), st.integers(0, 0x3FFF))
def test_broken_messages_raise_nothing(rest: bytes, kind: int) -> None:
    packet = struct.pack("!HH", kind, len(rest)) + COOKIE + bytes(12) + rest
    assert len(without_proof(packet)) == len(packet)


@given(st.lists(st.integers(1, 60), max_size=20))
def test_a_stream_is_cut_into_messages(cuts: list[int]) -> None:
    request = message(ALLOCATE, REALM, (0x0008, HASH))
    channel = struct.pack("!HH", 0x4000, 5) + b"hello" + bytes(3)
    data = request + channel + request
    stream, found = TurnStream(), []
    for cut in cuts:
        found += stream.feed(data[:cut])
        data = data[cut:]
    found += stream.feed(data)
    assert found == [without_proof(request), channel, without_proof(request)]
    assert HASH not in b"".join(found)
    assert stream.rest() == b""


def test_a_stream_of_something_else_is_given_on() -> None:
    stream = TurnStream()
    assert stream.feed(b"\xff\xff\xff\xff\xff") == [b"\xff\xff\xff\xff\xff"]
    assert stream.feed(b"GET / HTTP/1.1\r\n\r\n") == []
    assert stream.rest() == b"GET / HTTP/1.1\r\n\r\n", "it looks like channel data until it ends"


def test_half_a_message_stays_inside() -> None:
    stream = TurnStream()
    assert stream.feed(message(ALLOCATE, REALM, (0x0008, HASH))[:-3]) == []
    assert stream.rest() == b""
