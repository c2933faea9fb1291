"""ConnectionBind on a new connection (RFC 6062 §4.3), under virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.stun.message import parse
from ice.turn.bind import ConnectionBind
from ice.turn.credentials import LongTermCredentials
from ice.turn.requests import TurnMethod
from tests.ice.turn.turn_tcp_world import TcpWorld
from tests.ice.turn.turn_world import PASSWORD, USER, seeded

EARLY = b"\x00\x04data\x00\x02ok"


def connected(**options: Any) -> tuple[TcpWorld, int]:
    """A world in which the server holds one connection for us."""
    world = TcpWorld(**options).start()
    world.connect()
    return world, world.connected[0].connection_id


@pytest.mark.req("6062-7", "ICETCP-T-2")
@given(sizes=st.lists(st.integers(1, 40), max_size=30))
def test_what_follows_the_answer_is_the_peers_in_whatever_pieces(sizes: list[int]) -> None:
    def pieces(data: bytes) -> list[bytes]:
        cut = []
        for size in sizes:
            cut.append(data[:size])
            data = data[size:]
        return [piece for piece in (*cut, data) if piece]

    world, number = connected()
    bind = world.data_connection(number, early=EARLY, pieces=pieces)
    assert bind.outcome is not None
    assert bind.outcome.success is not None
    assert bind.rest == EARLY
    assert bind.next_timer() is None


@pytest.mark.req("6062-15", "6062-4")
def test_it_is_signed_from_the_start() -> None:
    world, number = connected()
    world.data_connection(number)
    (seen,) = world.server.requests(TurnMethod.CONNECTION_BIND)
    assert seen.code == 0


@pytest.mark.req("6062-15")
def test_a_nonce_that_has_aged_is_renewed_on_the_same_connection() -> None:
    world, number = connected(nonce_s=10.0)
    world.now += 11
    bind = world.data_connection(number)
    assert [seen.code for seen in world.server.requests(TurnMethod.CONNECTION_BIND)] == [438, 0]
    assert len({seen.client for seen in world.server.requests(TurnMethod.CONNECTION_BIND)}) == 1
    assert bind.outcome is not None
    assert bind.outcome.success is not None
    transactions = {seen.message.transaction_id for seen in world.server.requests(TurnMethod.CONNECTION_BIND)}
    assert len(transactions) == 2


@pytest.mark.req("6062-4", "6062-16")
def test_an_unknown_connection_is_refused() -> None:
    world, _ = connected()
    bind = world.data_connection(4711)
    assert bind.outcome is not None
    assert bind.outcome.success is None
    assert bind.outcome.code == 400
    assert bind.rest == b""


@pytest.mark.req("6062-12", "6062-16")
def test_a_silent_server_is_given_up_after_ti() -> None:
    bind = ConnectionBind(1, credentials=LongTermCredentials(USER, PASSWORD), random=seeded(1))
    bind.start(0.0)
    (request,) = bind.take_output()
    message = parse(request)
    assert message.method == TurnMethod.CONNECTION_BIND
    assert bind.next_timer() == pytest.approx(39.5)
    bind.handle_timer(39.4)
    assert not bind.take_output()
    assert bind.next_timer() is not None
    bind.handle_timer(39.5)
    assert bind.outcome is not None
    assert "does not answer" in bind.outcome.reason


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0-x\r\n", b"\x40\x00\x00\x01x", b"\x00\x01\x00\x00" + bytes(16)],
    ids=["ssh", "channel", "zeros"],
)
def test_something_else_is_told(data: bytes) -> None:
    bind = ConnectionBind(1, credentials=LongTermCredentials(USER, PASSWORD), random=seeded(1))
    bind.start(0.0)
    bind.receive(data, 0.1)
    assert bind.outcome is not None
    assert "STUN" in bind.outcome.reason


@given(data=st.lists(st.binary(max_size=80), max_size=6))
def test_any_bytes_never_raise_and_never_bind(data: list[bytes]) -> None:
    bind = ConnectionBind(1, credentials=LongTermCredentials(USER, PASSWORD), random=seeded(1))
    bind.start(0.0)
    for number, piece in enumerate(data):
        bind.receive(piece, number * 0.1)
    bind.handle_timer(60.0)
    assert bind.outcome is not None
    assert bind.outcome.success is None
