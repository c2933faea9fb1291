"""Framing on a stream: any split, several messages, keep-alive, faults."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.syntax.test_message import INVITE
from tests.ua.sip.vectors import PEERS, messages, vector
from ua.sip.syntax.message import Message
from ua.sip.syntax.wire_format import MAX_BODY_BYTES, MAX_HEADER_BYTES, parse, serialise
from ua.sip.transport.stream import FramedMessage, KeepAlive, StreamFault, StreamFramer, StreamItem


def feed_in_pieces(data: bytes, cuts: list[int]) -> list[StreamItem]:
    framer = StreamFramer()
    items: list[StreamItem] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        items += framer.feed(data[start:end])
    return items


@pytest.mark.req("SIP-7-2")
@given(
    st.lists(st.one_of(messages, st.just(None)), max_size=4),
    st.lists(st.integers(0, 10_000), max_size=12),
)
def test_any_split_gives_the_same_items(parts: list[Message | None], cuts: list[int]) -> None:
    data = b"".join(b"\r\n\r\n" if part is None else serialise(part) for part in parts)
    wanted: list[StreamItem] = []
    for part in parts:
        if part is None:
            wanted += [KeepAlive(ping=False), KeepAlive(ping=True)]
        else:
            wanted.append(FramedMessage(data=serialise(part)))
    assert feed_in_pieces(data, cuts) == wanted
    assert feed_in_pieces(data, []) == wanted


@pytest.mark.req("SIP-7-2")
def test_three_messages_with_pings_byte_by_byte_and_in_one_lump() -> None:
    parts = [vector(name) for name in PEERS if name.startswith("peers/kamailio")][:3]
    data = b"\r\n" + parts[0] + b"\r\n\r\n" + parts[1] + parts[2] + b"\r\n\r\n"
    lump = StreamFramer().feed(data)
    assert feed_in_pieces(data, list(range(len(data)))) == lump
    assert [item.data for item in lump if isinstance(item, FramedMessage)] == parts
    assert [item.ping for item in lump if isinstance(item, KeepAlive)] == [False, False, True, False, True]


def test_a_single_crlf_after_a_message_does_not_spoil_the_next() -> None:
    message = vector("peers/kamailio_tcp_01")
    items = StreamFramer().feed(message + b"\r\n" + message)
    assert [type(item) for item in items] == [FramedMessage, KeepAlive, FramedMessage]
    assert isinstance(items[2], FramedMessage)
    assert parse(items[2].data).call_id == parse(message).call_id


@pytest.mark.req("SIP-7-14")
@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"Content-Length: five\r\n",
        b"Content-Length: -1\r\n",
        b"l: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: %d\r\n" % (MAX_BODY_BYTES + 1),
        b"Content-Length: 1" + b"0" * 30 + b"\r\n",
    ],
)
def test_unusable_length_is_answered_400_and_ends_the_stream(row: bytes) -> None:
    framer = StreamFramer()
    items = framer.feed(INVITE + row + b"\r\n" + INVITE)
    assert len(items) == 1
    assert isinstance(items[0], StreamFault)
    assert items[0].answer is not None
    assert items[0].answer.status == 400
    assert items[0].answer.headers.first("call-id") == "1@192.0.2.1"
    assert framer.feed(INVITE) == []
    assert framer.buffered == 0


@pytest.mark.req("SIP-7-14")
def test_lengths_that_agree_are_one() -> None:
    items = StreamFramer().feed(INVITE + b"l:  3\r\nContent-Length:\r\n 3\r\n\r\nabc")
    assert [type(item) for item in items] == [FramedMessage]


@pytest.mark.req("LIM-1", "SIP-7-14")
def test_a_header_without_end_is_cut_off() -> None:
    framer = StreamFramer()
    assert framer.feed(b"INVITE " + b"x" * (MAX_HEADER_BYTES - 7)) == []
    assert framer.feed(b"x") == [StreamFault(reason="header too long", answer=None)]


@given(st.binary(max_size=600), st.lists(st.integers(0, 600), max_size=5))
def test_random_bytes_never_raise(data: bytes, cuts: list[int]) -> None:
    assert feed_in_pieces(data, cuts) == feed_in_pieces(data, [])


@given(st.sampled_from(PEERS), st.integers(0, 2**32))
def test_mutated_streams_never_raise(name: str, seed: int) -> None:
    data = bytearray(vector(name) * 2)
    chance = random.Random(seed)
    for _ in range(6):
        data[chance.randrange(len(data))] = chance.randrange(256)
    cuts = [chance.randrange(len(data)) for _ in range(5)]
    assert feed_in_pieces(bytes(data), cuts) == feed_in_pieces(bytes(data), [])
