"""Messages on a stream: any split gives the same ones (RFC 8489 §6.2.2, RFC 8656 §12.5)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.turn.message_stream import StreamMessages, padded

stun = st.builds(
    lambda kind, body: bytes((kind, 1)) + len(body).to_bytes(2, "big") + bytes(16) + body,
    st.integers(0, 3),
    st.integers(0, 20).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words)),
)
channel_data = st.builds(
    lambda first, payload: bytes((first, 7)) + len(payload).to_bytes(2, "big") + payload,
    st.integers(0x40, 0x4F),
    st.binary(max_size=90),
)
messages = st.lists(stun | channel_data, max_size=10)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:end] for start, end in itertools.pairwise(places)]


@given(messages, st.lists(st.integers(0, 5000), max_size=30))
@pytest.mark.req("STUN-10", "TURN-28")
def test_any_split_gives_the_same_messages(sent: list[bytes], cuts: list[int]) -> None:
    stream = StreamMessages()
    received = [
        message for piece in pieces(b"".join(map(padded, sent)), cuts) for message in stream.feed(piece)
    ]
    assert received == sent
    assert stream.buffered == 0
    assert stream.broken == ""


@pytest.mark.req("TURN-28", "STUN-10")
def test_channel_data_of_5_bytes_occupies_12() -> None:
    message = bytes.fromhex("40000005") + b"hello"
    assert padded(message) == message + bytes(3)
    assert StreamMessages().feed(padded(message)) == [message]
    assert StreamMessages().feed(bytes.fromhex("40000000")) == [bytes.fromhex("40000000")]


@given(st.binary(min_size=4).filter(lambda data: not (data[0] < 4 or 0x40 <= data[0] <= 0x4F)))
@pytest.mark.req("STUN-10")
def test_a_byte_that_begins_no_message_ends_the_stream(junk: bytes) -> None:
    stream = StreamMessages()
    good = bytes.fromhex("4000000161000000")
    assert stream.feed(good + junk) == [good[:5]]
    assert f"{junk[0]:#04x}" in stream.broken
    assert stream.feed(good) == []
    assert stream.buffered == 0


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_random_streams_never_raise(chunks: list[bytes]) -> None:
    stream = StreamMessages()
    for chunk in chunks:
        for message in stream.feed(chunk):
            assert message[0] < 4 or 0x40 <= message[0] <= 0x4F
    assert stream.buffered <= 4 + 0xFFFF + 20
