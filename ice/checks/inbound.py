"""What an authenticated check of the peer sets in motion (RFC 8445 §7.3.1.3 to §7.3.1.5, RFC 6544 §7.2)."""

from __future__ import annotations

from ice.candidates.local_candidates import LocalCandidates
from ice.candidates.remote_candidates import RemoteCandidates
from ice.checks.checklist import CheckList
from ice.checks.client import CheckClient
from ice.checks.connection import Connection, LocalSocket
from ice.checks.connection_table import ConnectionTable
from ice.checks.early_checks import EarlyChecks
from ice.checks.pair import Pair
from ice.checks.role import RoleKeeper
from ice.checks.server import InboundCheck
from ice.messages import CheckReceived
from ice.outbox import Outbox
from ice.paths.paths import Paths
from ice.types import Candidate, Credentials, PairState

_MAX_UNANSWERED = 16
"""After so many requests without an answer a check of the peer triggers no more of ours.

NATs that give every destination a port of its own can let each side's checks in and none of the answers;
both sides would trigger each other for ever.
"""


class InboundChecks:
    """Learns the peer's addresses, triggers checks of ours, notes its nominations."""

    def __init__(
        self,
        *,
        table: ConnectionTable,
        locals_: LocalCandidates,
        remotes: RemoteCandidates,
        checks: CheckList,
        client: CheckClient,
        paths: Paths,
        roles: RoleKeeper,
        outbox: Outbox,
    ) -> None:
        self._table = table
        self._locals = locals_
        self._remotes = remotes
        self._checks = checks
        self._client = client
        self._paths = paths
        self._roles = roles
        self._outbox = outbox
        self._remote: Credentials | None = None
        self._aggressive = False
        self._early = EarlyChecks(outbox)
        self.answered = 0
        """Checks of the peer that were answered with success."""

    def set_remote(self, remote: Credentials, *, aggressive: bool, now: float) -> None:
        """The peer's description is known: act on the checks that came before it (RFC 8445 §7.3).

        Args:
            remote: the peer's credentials.
            aggressive: the peer may nominate several pairs (RFC 5245).
            now: monotonic seconds.
        """
        self._remote = remote
        self._aggressive = aggressive
        for inbound in self._early.take():
            if inbound.ufrag != remote.ufrag:
                self._table.withdraw_source(inbound.flow, inbound.remote, now)
                self._refuse_stranger(inbound, now)
                continue
            # None of them is nominated by that: no check of ours has succeeded yet.
            self._act(inbound, now)

    def receive(self, inbound: InboundCheck, component: int, now: float) -> Pair | None:
        """A check was answered; gives the pair that is nominated by it, if any.

        One that names another peer than the one whose description we have proves nothing: that peer has
        our password and not our description, and no media is taken from it (RFC 8445 §7.3).
        """
        if self._remote is not None and inbound.ufrag != self._remote.ufrag:
            self._refuse_stranger(inbound, now)
            return None
        self.answered += 1
        self._table.validate_source(inbound.flow, inbound.remote, component)
        connection = self._table.connection(inbound.flow)
        if connection is not None:
            self._table.prove(connection)
        self._outbox.event(
            CheckReceived(
                at=now,
                component=component,
                flow=inbound.flow,
                remote=inbound.remote,
                use_candidate=inbound.use_candidate,
            )
        )
        if self._remote is not None:
            return self._act(inbound, now)
        self._early.keep(inbound, now)
        return None

    def _refuse_stranger(self, inbound: InboundCheck, now: float) -> None:
        reason = f"check of another peer: ufrag {inbound.ufrag!r}"
        self._outbox.refuse(inbound.flow, inbound.remote, "unknown_peers", reason, now)

    def _act(self, inbound: InboundCheck, now: float) -> Pair | None:
        flow, remote = inbound.flow, inbound.remote
        socket = self._table.find(flow)
        if socket is None:
            return None
        nominates = inbound.use_candidate and not self._roles.controlling
        connection = socket if isinstance(socket, Connection) else None
        pair = None if connection is None else connection.pair
        if pair is None or not self._checks.knows(pair):
            pair = self._checks.find(flow, remote)
        selected = self._paths.pair(socket.component)
        replaces = connection is not None and self._paths.replaced_by(connection, nominates=nominates)
        concluded = selected is not None and pair is not selected
        if concluded and not replaces and not (nominates and self._aggressive):
            # Late checks are answered and change nothing (RFC 8445 §11); but an RFC 5245 peer may nominate
            # several pairs, and a lost connection may come back.
            return None
        if pair is None or pair not in self._checks:
            if not self._is_ours(socket):
                # Sent to a socket of another generation; that one answers what its own peer sends there.
                self._outbox.counters["checks_across_generations"] += 1
                return None
            pair = self._new_pair(inbound, socket.candidate, pair, now)
            if pair is None:
                return None
            if connection is not None:
                connection.pair = pair
        pair.peer_checked = True
        pair.peer_nominates = pair.peer_nominates or nominates
        pair.replaces = pair.replaces or replaces
        if pair is selected:
            return None
        return self._trigger(pair, now)

    def _is_ours(self, socket: LocalSocket | Connection) -> bool:
        if not isinstance(socket, Connection):
            return socket.flow in self._locals.flows
        return socket.listener in self._locals.flows or self._checks.knows(socket.pair)

    def _new_pair(
        self, inbound: InboundCheck, local: Candidate, known: Pair | None, now: float
    ) -> Pair | None:
        source: Candidate | None
        if known is None:
            source = self._remotes.source_of(local, inbound.remote, inbound.priority, now)
        else:
            source = known.remote
        pair = None if source is None else self._checks.insert(local, source, inbound.flow, now)
        if pair is None:
            self._outbox.refuse(
                inbound.flow, inbound.remote, "checks_over_limit", "no room for another pair", now
            )
        return pair

    def _trigger(self, pair: Pair, now: float) -> Pair | None:
        if pair.checks_sent >= _MAX_UNANSWERED and not pair.checks_answered:
            self._outbox.counters["hopeless_pairs_checked"] += 1
            return None
        match pair.state:
            case PairState.SUCCEEDED:
                return pair if pair.peer_nominates else None
            case PairState.IN_PROGRESS:
                # Over TCP the request out cannot be lost; over UDP the peer's check may have opened a NAT.
                if not pair.is_tcp:
                    self._client.cancel(pair)
                    self._checks.trigger(pair, now)
            case PairState.FROZEN | PairState.WAITING | PairState.FAILED:
                self._checks.trigger(pair, now)
        return None
