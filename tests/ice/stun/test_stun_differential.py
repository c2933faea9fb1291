"""The STUN codec against that of aioice: each reads what the other writes."""

from __future__ import annotations

import pytest
from aioice import stun as peer
from hypothesis import given
from hypothesis import strategies as st

from ice.stun.attributes import (
    Attribute,
    ErrorCode,
    IceControlled,
    IceControlling,
    Priority,
    UseCandidate,
    Username,
    XorMappedAddress,
)
from ice.stun.message import MessageClass, Method, StunMessage, parse, serialise
from ice.types import TransportAddress

KEY = b"VOkJxbRl1RmTxUk/WvJxBt"
ID = bytes(range(12))

addresses = st.builds(
    TransportAddress,
    host=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str),
    port=st.integers(0, 65535),
)
usernames = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=100)


@given(
    usernames,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    addresses,
    st.booleans(),
)
@pytest.mark.req("STUN-1", "STUN-2", "STUN-4", "STUN-5")
def test_aioice_reads_what_we_write(
    username: str, priority: int, tie_breaker: int, address: TransportAddress, nominating: bool
) -> None:
    items: list[Attribute] = [
        Username(value=username),
        Priority(value=priority),
        IceControlling(tie_breaker=tie_breaker),
        XorMappedAddress(address=address),
        ErrorCode(code=487, reason="Role Conflict"),
    ]
    if nominating:
        items.append(UseCandidate())
    data = serialise(
        StunMessage(
            method=Method.BINDING,
            message_class=MessageClass.REQUEST,
            transaction_id=ID,
            attributes=tuple(items),
        ),
        integrity_key=KEY,
        fingerprint=True,
    )
    theirs = peer.parse_message(data)
    assert theirs.check_message_integrity(KEY)
    assert theirs.transaction_id == ID
    assert theirs.attributes["USERNAME"] == username
    assert theirs.attributes["PRIORITY"] == priority
    assert theirs.attributes["ICE-CONTROLLING"] == tie_breaker
    assert theirs.attributes["XOR-MAPPED-ADDRESS"] == (address.host, address.port)
    assert theirs.attributes["ERROR-CODE"] == (487, "Role Conflict")
    assert ("USE-CANDIDATE" in theirs.attributes) is nominating
    assert bytes(theirs) == data


@given(usernames, st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), addresses)
@pytest.mark.req("STUN-1", "STUN-2", "STUN-4", "STUN-5")
def test_we_read_what_aioice_writes(
    username: str, priority: int, tie_breaker: int, address: TransportAddress
) -> None:
    theirs = peer.Message(
        message_method=peer.Method.BINDING,
        message_class=peer.Class.RESPONSE,
        transaction_id=ID,
    )
    theirs.attributes["USERNAME"] = username
    theirs.attributes["PRIORITY"] = priority
    theirs.attributes["ICE-CONTROLLED"] = tie_breaker
    theirs.attributes["XOR-MAPPED-ADDRESS"] = (address.host, address.port)
    theirs.add_message_integrity(KEY)
    message = parse(bytes(theirs))
    assert message.attributes == (
        Username(value=username),
        Priority(value=priority),
        IceControlled(tie_breaker=tie_breaker),
        XorMappedAddress(address=address),
    )
    assert message.message_class is MessageClass.SUCCESS
    assert message.fingerprint
    assert message.verifies(KEY)
