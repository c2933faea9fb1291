"""RFC 4571 framing: any split of the stream gives the same packets."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.errors import FramingError
from ice.net.framing import Deframer, frame

packets = st.lists(st.binary(max_size=400), max_size=12)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """The stream cut at these places."""
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:end] for start, end in itertools.pairwise(places)]


@given(packets, st.lists(st.integers(0, 10_000), max_size=40))
@pytest.mark.req("ICETCP-10-2", "ICETCP-10-3", "ICETCP-10-1", "FRM-1")
def test_any_split_gives_the_same_packets(sent: list[bytes], cuts: list[int]) -> None:
    deframer = Deframer()
    received = [
        packet for piece in pieces(b"".join(map(frame, sent)), cuts) for packet in deframer.feed(piece)
    ]
    assert received == [packet for packet in sent if packet]
    assert deframer.buffered == 0


@given(packets)
@pytest.mark.req("ICETCP-10-2")
def test_byte_by_byte(sent: list[bytes]) -> None:
    deframer = Deframer()
    received = []
    for byte in b"".join(map(frame, sent)):
        received += deframer.feed(bytes((byte,)))
    assert received == [packet for packet in sent if packet]


@given(st.lists(st.binary(max_size=3000), max_size=20))
def test_random_streams_never_raise_and_lose_nothing(chunks: list[bytes]) -> None:
    deframer = Deframer()
    taken = [packet for chunk in chunks for packet in deframer.feed(chunk)]
    stream = b"".join(chunks)
    nulls = len(stream) - sum(len(packet) + 2 for packet in taken) - deframer.buffered
    assert nulls >= 0
    assert nulls % 2 == 0
    assert deframer.buffered <= 65536


@pytest.mark.req("ICETCP-10-1", "FRM-1")
def test_the_length_comes_first_and_excludes_itself() -> None:
    assert frame(bytes(20)) == b"\x00\x14" + bytes(20)
    assert frame(bytes(108))[:2] == b"\x00\x6c"
    assert frame(bytes(65535))[:2] == b"\xff\xff"
    with pytest.raises(FramingError):
        frame(bytes(65536))


@pytest.mark.req("ICETCP-10-3", "FRM-1")
def test_null_frames_are_ignored() -> None:
    assert Deframer().feed(b"\x00\x00\x00\x01a\x00\x00\x00\x01b\x00\x00") == [b"a", b"b"]


@pytest.mark.req("FRM-1")
def test_the_largest_frame_in_small_pieces() -> None:
    deframer = Deframer()
    stream = frame(bytes(range(256)) * 255 + bytes(255))
    received = []
    for start in range(0, len(stream), 100):
        received += deframer.feed(stream[start : start + 100])
        assert deframer.buffered <= 65536
    assert received == [stream[2:]]


def test_the_buffered_bytes_are_counted() -> None:
    deframer = Deframer()
    assert deframer.feed(b"\x00") == []
    assert deframer.buffered == 1
    assert deframer.feed(b"\x02a") == []
    assert deframer.buffered == 3
    assert deframer.feed(b"b\x00") == [b"ab"]
    assert deframer.buffered == 1


def test_cost_does_not_grow_with_the_number_of_pieces_already_held() -> None:
    """65535 single bytes of one frame: copying all that is held each time would be 2 GB, and take seconds."""
    deframer = Deframer()
    stream = frame(bytes(65535))
    begin = time.process_time()
    received = [packet for byte in stream for packet in deframer.feed(byte.to_bytes(1, "big"))]
    assert time.process_time() - begin < 1.0
    assert received == [bytes(65535)]
