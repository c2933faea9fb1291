"""Dials again where the peer's relay turned us away: it may not know yet that we are let in.

A relay of TCP closes connections from hosts without permission at once (RFC 6062 §5.3). The peer asks for
ours as soon as it has our description; our first attempt is often quicker than that.
"""

from __future__ import annotations

from ice.checks.checklist import CheckList
from ice.checks.client import CheckClient
from ice.checks.connection import Connection, ConnectionState
from ice.checks.connection_table import ConnectionTable
from ice.checks.pair import Pair
from ice.checks.retries import Retries
from ice.types import CandidateType, PairState, TcpType

RETRIES_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0, 3.0, 3.0)
"""Seconds from being turned away to the next attempt: our description may be on its way for seconds."""

RETRY_FOR_S = 20.0
"""Seconds from the first attempt on; what fails later than that has other reasons."""

MOST_RETRIES = 60
"""Of all pairs of a stream: a hostile description of relays costs no more."""


class RelayAdmission:
    """Tries pairs with relayed passive candidates of the peer again.

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
        self._since: dict[Pair, float] = {}
        self._retries = retries

    def goes_on(self, connection: Connection, reason: str, now: float) -> bool:
        """True where a connection was ended at the peer's relay and its pair is not lost by that."""
        pair = connection.pair
        if (
            pair is None
            or pair not in self._checks
            or pair.flow != connection.flow
            or pair.state is not PairState.IN_PROGRESS
            or pair.local.tcptype is not TcpType.ACTIVE
            or pair.remote.type is not CandidateType.RELAY
        ):
            return False
        if connection.state is ConnectionState.DIALLING and pair.local.type is not CandidateType.RELAY:
            # Nobody listens there. Of what our own relay dials it tells only that it came to nothing.
            return False
        late = now - self._since.setdefault(pair, connection.started_at) > RETRY_FOR_S
        refusals = self._refusals.get(pair, 0)
        if late or refusals == len(RETRIES_S) or sum(self._refusals.values()) >= MOST_RETRIES:
            return False
        self._refusals[pair] = refusals + 1
        self._retries.at(pair, now + RETRIES_S[refusals])
        # What waits for an answer there is not failed, but begun anew.
        self._client.lost(connection, reason)
        self._table.gone(connection, f"{reason}; the peer's relay may not let us in yet", now)
        return True
