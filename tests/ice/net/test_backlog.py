"""When media is dropped before it is framed, and how often the system is asked."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from ice.net.backlog import MOST_UNSENT, Backlog
from ice.net.tcp_holder import TcpHolder
from tests.ice.loopback import raw_peer

SIZE = 174
FRAME_S = 0.02
OLDEST_S = 0.15


class Held:
    """A system in the hands of the test."""

    def __init__(self) -> None:
        self.held: int | None = 0
        self.never_sent = 0
        self.round_trip = 0.05
        self.questions = 0

    def unacknowledged(self) -> int | None:
        self.questions += 1
        return self.held

    def unsent(self) -> int:
        self.questions += 1
        return self.never_sent

    def round_trip_s(self) -> float:
        return self.round_trip


def backlog() -> tuple[Backlog, Held]:
    held = Held()
    return Backlog(held, OLDEST_S), held


def test_a_path_that_delivers_refuses_nothing_and_is_rarely_asked() -> None:
    of, held = backlog()
    for number in range(300):
        assert not of.refuses(number * FRAME_S)
        of.wrote(SIZE, number * FRAME_S)
    assert held.questions <= 300 / MOST_UNSENT


def test_three_frames_may_be_unsent_and_a_fourth_is_refused() -> None:
    of, held = backlog()
    taken = 0
    for number in range(20):
        if of.refuses(number * 0.001):
            continue
        of.wrote(SIZE, number * 0.001)
        taken += 1
        held.held = held.never_sent = taken * SIZE
    assert taken == MOST_UNSENT + 1
    held.held = held.never_sent = SIZE
    assert not of.refuses(0.03)
    held.held = held.never_sent = 0
    assert not of.refuses(0.04)


def test_what_is_on_its_way_is_not_unsent() -> None:
    of, held = backlog()
    for number in range(100):
        assert not of.refuses(number * FRAME_S)
        of.wrote(SIZE, number * FRAME_S)
        # Two round trips of 50 ms are on their way.
        held.held = min(number + 1, 5) * SIZE


def test_media_is_refused_while_the_oldest_byte_is_too_old() -> None:
    of, held = backlog()
    refused = []
    for number in range(50):
        now = number * FRAME_S
        if of.refuses(now):
            refused.append(now)
        else:
            of.wrote(SIZE, now)
            assert held.held is not None
            held.held += SIZE
    assert refused[0] == pytest.approx(OLDEST_S, abs=2 * FRAME_S)
    assert refused == [number * FRAME_S for number in range(round(refused[0] / FRAME_S), 50)]
    held.held = 0
    assert not of.refuses(1.0)


def test_a_long_way_is_no_backlog() -> None:
    of, held = backlog()
    held.round_trip = 0.4
    for number in range(100):
        assert not of.refuses(number * FRAME_S)
        of.wrote(SIZE, number * FRAME_S)
        held.held = min(number + 1, 20) * SIZE


def test_a_system_that_does_not_tell_refuses_nothing() -> None:
    of, held = backlog()
    held.held = None
    for number in range(100):
        assert not of.refuses(number * FRAME_S)
        of.wrote(SIZE, number * FRAME_S)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells all of it")
async def test_what_the_system_tells() -> None:
    connection, other = await raw_peer()
    holder = TcpHolder(connection._socket)
    assert holder.unacknowledged() == 0
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while connection._socket.send(bytes(4096)) == 4096:
        await asyncio.sleep(0)
        if (holder.unsent() or 0) > 8192:
            break
    held = holder.unacknowledged()
    assert held is not None
    assert held >= holder.unsent() > 0
    assert 0 < holder.round_trip_s() < 1
    connection.close()
    other.close()
    assert holder.unacknowledged() is None
    assert (holder.unsent(), holder.round_trip_s()) == (0, 0.0)
