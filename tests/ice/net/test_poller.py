"""One epoll for all sockets of a loop: turns, fairness, nothing left."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ice.net.poller import ROUNDS, Poller
from tests.ice.loopback import until

WHO = contextvars.ContextVar("WHO", default="nobody")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends that do not wait."""
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


@pytest.fixture(params=["epoll", "loop"])
def poller(request: pytest.FixtureRequest) -> type[Poller] | None:
    """None for what this system has, else without epoll."""
    return None if request.param == "epoll" else Poller


def of(kind: type[Poller] | None) -> Poller:
    return Poller.running() if kind is None else kind(asyncio.get_running_loop())


async def test_reading_and_writing(
    pair: tuple[socket.socket, socket.socket], poller: type[Poller] | None
) -> None:
    left, right = pair
    told: list[str] = []
    watching = of(poller)

    def readable() -> None:
        told.append(left.recv(10).decode())

    def writable() -> None:
        told.append("room")
        watching.stop_writing(left.fileno())

    watching.watch(left.fileno(), readable)
    right.send(b"a")
    await until(lambda: told == ["a"])
    watching.watch_writing(left.fileno(), writable)
    await until(lambda: told == ["a", "room"])
    right.send(b"b")
    await until(lambda: told == ["a", "room", "b"])
    watching.unwatch(left.fileno())
    right.send(b"c")
    await asyncio.sleep(0.01)
    assert told == ["a", "room", "b"]
    watching.unwatch(left.fileno())


async def test_the_loop_has_one_descriptor_for_all_and_none_at_the_end() -> None:
    loop: Any = asyncio.get_running_loop()
    before = set(loop._selector.get_map())
    pairs = [socket.socketpair() for _ in range(20)]
    for left, right in pairs:
        Poller.running().watch(left.fileno(), lambda: None)
        Poller.running().watch_writing(right.fileno(), lambda: None)
    assert len(set(loop._selector.get_map()) - before) == 1
    for left, right in pairs:
        Poller.running().unwatch(left.fileno())
        Poller.running().unwatch(right.fileno())
        left.close()
        right.close()
    assert set(loop._selector.get_map()) == before


async def test_a_flood_is_read_in_turns_with_others_and_leaves_room_for_the_loop() -> None:
    told: list[str] = []
    flooded, flood = socket.socketpair()
    other, quiet = socket.socketpair()
    with flooded, flood, other, quiet:

        def read(sock: socket.socket, name: str) -> None:
            sock.recv(1)
            told.append(name)

        Poller.running().watch(flooded.fileno(), lambda: read(flooded, "flood"))
        Poller.running().watch(other.fileno(), lambda: read(other, "quiet"))
        flood.send(bytes(4 * ROUNDS))
        quiet.send(bytes(4))
        while not told:  # noqa: ASYNC110  the turn of the loop that reads is what counts
            await asyncio.sleep(0)
        assert len(told) <= 2 * ROUNDS
        assert told[:8].count("quiet") == 4
        Poller.running().unwatch(flooded.fileno())
        Poller.running().unwatch(other.fileno())


async def test_a_turn_that_fails_does_not_silence_the_others(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    left, right = pair
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    taken: list[bytes] = []

    def fail() -> None:
        left.recv(1)
        raise ValueError("broken")

    Poller.running().watch(left.fileno(), fail)
    Poller.running().watch(right.fileno(), lambda: taken.append(right.recv(10)))
    right.send(b"x")
    left.send(b"y")
    await until(lambda: taken == [b"y"] and bool(errors))
    assert [str(each["exception"]) for each in errors] == ["broken"]
    Poller.running().unwatch(left.fileno())
    Poller.running().unwatch(right.fileno())


async def test_a_turn_may_let_go_of_another() -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    told: list[int] = []

    def take(number: int) -> None:
        told.append(number)
        for left, _ in pairs:
            Poller.running().unwatch(left.fileno())

    for number, (left, right) in enumerate(pairs):
        right.send(b"x")
        Poller.running().watch(left.fileno(), lambda number=number: take(number))  # type: ignore[misc]
    await until(lambda: bool(told))
    await asyncio.sleep(0)
    assert len(told) == 1
    for left, right in pairs:
        left.close()
        right.close()


async def test_who_watches_does_so_in_its_own_context(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    seen: list[str] = []

    async def watch(sock: socket.socket, name: str) -> None:
        WHO.set(name)

        def readable() -> None:
            sock.recv(10)
            seen.append(WHO.get())

        Poller.running().watch(sock.fileno(), readable)

    await asyncio.gather(asyncio.create_task(watch(left, "alice")), asyncio.create_task(watch(right, "bob")))
    left.send(b"x")
    right.send(b"x")
    await until(lambda: len(seen) == 2)
    assert sorted(seen) == ["alice", "bob"]
    Poller.running().unwatch(left.fileno())
    Poller.running().unwatch(right.fileno())
