"""The two ends of a pipe over a stream that cuts as it likes."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ua.pair.transfer import MAX_DATA, Record, Transfer


def record(kind: int, payload: bytes) -> bytes:
    return bytes((kind,)) + len(payload).to_bytes(4, "big") + payload


def end_of(data: bytes) -> bytes:
    return record(Record.END, len(data).to_bytes(8, "big") + hashlib.sha256(data).digest())


class End:
    """One end with its input, its output and the bytes on their way to the other end."""

    def __init__(self, window: int) -> None:
        self.transfer = Transfer(window=window)
        self.given = bytearray()
        self.ended = False
        self.waiting: list[bytes] = []
        self.written = bytearray()
        self.wire = bytearray()

    def send(self) -> None:
        self.wire += self.transfer.take_outgoing()

    def take(self, data: bytes) -> None:
        self.transfer.receive(data)
        self.waiting += self.transfer.take_incoming()

    def write(self) -> None:
        if self.waiting:
            chunk = self.waiting.pop(0)
            self.written += chunk
            self.transfer.passed_on(len(chunk))


WINDOW = 64


class TwoEnds(RuleBasedStateMachine):
    """Whatever order things happen in: nothing is lost, nothing piles up, both come to their end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = (End(WINDOW), End(WINDOW))

    @rule(side=st.integers(0, 1), data=st.binary(min_size=1, max_size=100))
    def give(self, side: int, data: bytes) -> None:
        end = self.ends[side]
        if not end.ended:
            fitting = data[: end.transfer.may_send]
            if fitting:
                end.transfer.send(fitting)
                end.given += fitting

    @rule(side=st.integers(0, 1))
    def end(self, side: int) -> None:
        if not self.ends[side].ended:
            self.ends[side].ended = True
            self.ends[side].transfer.end()

    @rule(side=st.integers(0, 1), count=st.integers(1, 50))
    def carry(self, side: int, count: int) -> None:
        here, there = self.ends[side], self.ends[1 - side]
        here.send()
        there.take(bytes(here.wire[:count]))
        del here.wire[:count]

    @rule(side=st.integers(0, 1))
    def write(self, side: int) -> None:
        self.ends[side].write()

    @invariant()
    def nothing_is_wrong(self) -> None:
        for here, there in (self.ends, self.ends[::-1]):
            assert here.transfer.failure == ""
            assert bytes(here.given).startswith(bytes(there.written))
            assert sum(map(len, there.waiting)) <= WINDOW
            assert len(here.given) - len(there.written) <= 2 * WINDOW
            if here.transfer.finished:
                assert there.written == here.given
                assert here.written == there.given

    def teardown(self) -> None:
        for side in (0, 1):
            self.end(side)
        for _ in range(200):
            for side in (0, 1):
                self.carry(side, 1000)
                self.write(side)
        assert all(end.transfer.finished and end.transfer.peer_left for end in self.ends)


TestTwoEnds = TwoEnds.TestCase


def test_nothing_goes_beyond_the_room_of_the_reader() -> None:
    here, there = End(WINDOW), End(WINDOW)
    here.transfer.send(bytes(WINDOW))
    assert here.transfer.may_send == 0
    with pytest.raises(ValueError, match="no room"):
        here.transfer.send(b"x")
    there.take(here.transfer.take_outgoing())
    assert here.transfer.may_send == 0
    there.write()
    here.take(there.transfer.take_outgoing())
    assert here.transfer.may_send == WINDOW


def test_long_data_is_cut_into_records() -> None:
    here, there = Transfer(window=3 * MAX_DATA), Transfer(window=3 * MAX_DATA)
    here.send(bytes(2 * MAX_DATA + 1))
    there.receive(here.take_outgoing())
    assert [len(chunk) for chunk in there.take_incoming()] == [MAX_DATA, MAX_DATA, 1]


def test_done_is_told_only_when_all_was_passed_on() -> None:
    here, there = End(WINDOW), End(WINDOW)
    here.transfer.send(b"all of it")
    here.transfer.end()
    there.take(here.transfer.take_outgoing())
    assert there.transfer.peer_ended
    assert there.transfer.take_outgoing() == b""
    there.write()
    assert there.transfer.take_outgoing() == record(Record.DONE, b"")


@pytest.mark.parametrize(
    ("sent", "failure"),
    [
        (record(9, b""), "kind 9"),
        (record(Record.DATA, b""), "0 bytes"),
        (bytes((Record.DATA,)) + b"\xff\xff\xff\xff", "4294967295 bytes"),
        (record(Record.ROOM, bytes(7)), "7 bytes"),
        (record(Record.ROOM, (1).to_bytes(8, "big")), "of 0 that were sent"),
        (record(Record.DATA, bytes(WINDOW + 1)), "more data than there was room for"),
        (end_of(b"lost"), "0 bytes arrived of 4"),
        (record(Record.DATA, b"abcd") + end_of(b"abce"), "or others than were sent"),
        (end_of(b"") + record(Record.DATA, b"x"), "data after the end"),
        (end_of(b"") * 2, "END twice"),
        (record(Record.DONE, b""), "DONE before the end"),
        (record(Record.BYE, b""), "BYE before DONE"),
    ],
)
def test_what_the_other_side_may_not_do(sent: bytes, failure: str) -> None:
    transfer = Transfer(window=WINDOW)
    transfer.receive(sent)
    assert failure in transfer.failure
    assert not transfer.finished
    before = transfer.failure
    transfer.receive(record(Record.DATA, b"more"))
    assert transfer.failure == before


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_raise(pieces: list[bytes]) -> None:
    transfer = Transfer(window=WINDOW)
    for piece in pieces:
        transfer.receive(piece)
        taken = transfer.take_incoming()
        assert sum(map(len, taken)) <= WINDOW


def test_misuse_by_our_own_side_raises() -> None:
    transfer = Transfer(window=WINDOW)
    with pytest.raises(ValueError, match="than came"):
        transfer.passed_on(1)
    transfer = Transfer(window=WINDOW)
    transfer.end()
    with pytest.raises(ValueError, match="ended already"):
        transfer.end()
    with pytest.raises(ValueError, match="after the end"):
        transfer.send(b"x")
