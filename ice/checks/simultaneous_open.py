"""TCP connections that both sides open at once: which pair they serve, when to try again (RFC 6544 §3, B).

Both ends connect from the port that their candidate tells, while they listen on it. Either the two attempts
meet and are one connection, or that of the peer was first: then the listener has accepted it, and our own
attempt is told that there is such a connection already. There is never more than one.
"""

from __future__ import annotations

from collections.abc import Iterable

from ice.candidates.candidate import base_of
from ice.checks.checklist import CheckList
from ice.checks.client import CheckClient
from ice.checks.connection import Connection, ConnectionState, DialFailure
from ice.checks.connection_table import ConnectionTable
from ice.checks.pair import Pair
from ice.checks.retries import Retries
from ice.types import PairState, TcpType

RETRIES_S = (0.05, 0.1, 0.2)
"""Seconds from a refusal to the next attempt, three at most: the peer's may not have opened its NAT yet."""


class SimultaneousOpen:
    """Joins connections to the pairs of simultaneous-open candidates.

    Args:
        checks: the check list.
        client: checks that wait for a connection.
        table: all connections.
        retries: takes the pairs that are to be tried again.
    """

    def __init__(
        self, *, checks: CheckList, client: CheckClient, table: ConnectionTable, retries: Retries
    ) -> None:
        self._checks = checks
        self._client = client
        self._table = table
        self._refusals: dict[Pair, int] = {}
        self._retries = retries

    def formed(self, pairs: Iterable[Pair]) -> None:
        """New pairs: the peer may have connected before its description came (RFC 6544 §7.1)."""
        for pair in pairs:
            if pair.local.tcptype is TcpType.SO and pair.flow is None:
                for connection in self._table.connections:
                    if connection.state is ConnectionState.OPEN and _ends_of(pair) == _ends(connection):
                        pair.flow = connection.flow
                        connection.pair = connection.pair or pair
                        break

    def accepted(self, connection: Connection, now: float) -> None:
        """A listener accepted a connection: it may be the one that a pair is about to open."""
        for pair in self._checks:
            if pair.local.tcptype is not TcpType.SO or _ends_of(pair) != _ends(connection):
                continue
            attempt = self._table.connection(pair.flow)
            pair.flow = connection.flow
            connection.pair = pair
            if attempt is not None:
                self._client.move(attempt, connection, now)
                self._table.close(attempt, "the peer has opened the connection", now)
            elif self._retries.forget(pair):
                # Refused, and to be tried again: now there is what it was to open.
                self._checks.trigger(pair, now)
            return

    def goes_on(self, connection: Connection, now: float) -> bool:
        """True where an attempt failed and its pair is not lost by that."""
        pair = connection.pair
        if pair is None or pair not in self._checks or pair.local.tcptype is not TcpType.SO:
            return False
        match connection.failure:
            case DialFailure.EXISTS:
                # The listener will tell of it, or has told: `accepted` takes the pair over.
                return True
            case DialFailure.REFUSED if pair.state is PairState.IN_PROGRESS:
                refusals = self._refusals.get(pair, 0)
                if refusals == len(RETRIES_S):
                    return False
                self._refusals[pair] = refusals + 1
                self._retries.at(pair, now + RETRIES_S[refusals])
                self._client.give_up_dial(pair)
                self._table.gone(connection, "refused; the peer may not be ready yet", now)
                return True
            case _:
                return False


def _ends_of(pair: Pair) -> tuple[object, ...]:
    return pair.component, base_of(pair.local), pair.remote.address


def _ends(connection: Connection) -> tuple[object, ...]:
    return connection.component, connection.local, connection.remote
