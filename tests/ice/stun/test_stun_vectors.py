"""RFC 5769: every sample message parses, verifies and is written again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ice.stun.attributes import (
    Attribute,
    IceControlled,
    Priority,
    Software,
    Username,
    XorMappedAddress,
)
from ice.stun.credential_attributes import Nonce, Realm
from ice.stun.message import IntegrityAlgorithm, MessageClass, parse, serialise
from ice.types import TransportAddress

VECTORS = Path(__file__).parents[2] / "vectors" / "stun"
KEY = b"VOkJxbRl1RmTxUk/WvJxBt"
LONG_TERM_USER = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"
LONG_TERM_KEY = hashlib.md5(f"{LONG_TERM_USER}:example.org:TheMatrIX".encode()).digest()

ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
LONG_TERM_ID = bytes.fromhex("78ad3433c6ad72c029da412e")


def vector(name: str) -> bytes:
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text())


CASES: list[tuple[str, int, MessageClass, bytes, bytes, bool, tuple[Attribute, ...]]] = [
    (
        "rfc5769-request",
        108,
        MessageClass.REQUEST,
        ID,
        KEY,
        True,
        (
            Software(value="STUN test client"),
            Priority(value=0x6E0001FF),
            IceControlled(tie_breaker=0x932FF9B151263B36),
            Username(value="evtj:h6vY"),
        ),
    ),
    (
        "rfc5769-ipv4-response",
        80,
        MessageClass.SUCCESS,
        ID,
        KEY,
        True,
        (
            Software(value="test vector"),
            XorMappedAddress(address=TransportAddress(host="192.0.2.1", port=32853)),
        ),
    ),
    (
        "rfc5769-ipv6-response",
        92,
        MessageClass.SUCCESS,
        ID,
        KEY,
        True,
        (
            Software(value="test vector"),
            XorMappedAddress(
                address=TransportAddress(host="2001:db8:1234:5678:11:2233:4455:6677", port=32853)
            ),
        ),
    ),
    (
        "rfc5769-long-term-request",
        116,
        MessageClass.REQUEST,
        LONG_TERM_ID,
        LONG_TERM_KEY,
        False,
        (
            Username(value=LONG_TERM_USER),
            Nonce(value="f//499k954d6OL34oL9FSTvy64sA"),
            Realm(value="example.org"),
        ),
    ),
]
BY_NAME = pytest.mark.parametrize(
    ("name", "size", "message_class", "transaction_id", "key", "fingerprint", "attributes"),
    CASES,
    ids=[case[0] for case in CASES],
)


@BY_NAME
@pytest.mark.req("STUN-1", "STUN-2", "STUN-4", "STUN-5", "STUN-39")
def test_vector(
    name: str,
    size: int,
    message_class: MessageClass,
    transaction_id: bytes,
    key: bytes,
    fingerprint: bool,
    attributes: tuple[Attribute, ...],
) -> None:
    data = vector(name)
    assert len(data) == size
    message = parse(data)
    assert message.method == 1
    assert message.message_class is message_class
    assert message.transaction_id == transaction_id
    assert message.attributes == attributes
    assert message.integrity_algorithm is IntegrityAlgorithm.SHA1
    assert message.fingerprint is fingerprint
    assert message.verifies(key)
    assert not message.verifies(key + b"x")
    again = serialise(message, integrity_key=key, fingerprint=fingerprint)
    assert parse(again) == message
    assert len(again) == size
    assert parse(again).verifies(key)
    if name == "rfc5769-long-term-request":  # its padding is zeros as ours is
        assert again == data
