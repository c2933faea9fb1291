"""The checks of a full peer as a lite agent sees them: answered; some nominate (RFC 8445 §7.3.2)."""

from __future__ import annotations

from collections.abc import Callable

from ice.candidates.remote_candidates import RemoteCandidates
from ice.checks.connection import Connection
from ice.checks.connection_table import ConnectionTable
from ice.checks.early_checks import EarlyChecks
from ice.checks.pair import Pair
from ice.checks.role import Verdict
from ice.checks.server import CheckServer, InboundCheck
from ice.checks.sieve import Sieve, Socket
from ice.config import IceConfig
from ice.lite.paths import LitePaths
from ice.lite.valid_list import ValidList
from ice.messages import CheckReceived
from ice.outbox import Outbox
from ice.stun.message import MessageClass
from ice.types import Credentials, Description, FlowId, Role, TransportAddress

_DESERTED_S = 5.0
"""A pair that has not been checked for so long is not the one that a peer of RFC 5245 uses."""


class LiteRole:
    """What a lite agent thinks of the role that a check claims: who checks a lite agent controls (§6.1.1)."""

    @staticmethod
    def judge(theirs: Role, _tie_breaker: int) -> Verdict:
        """A peer that checks and does not control is told so (487): it then takes the role."""
        return Verdict.FINE if theirs is Role.CONTROLLING else Verdict.REFUSE


class LiteChecks:
    """Answers checks, and enters the pairs that they nominate into the valid list.

    Args:
        local: our credentials.
        table: sockets and connections.
        remotes: the peer's candidates.
        valid: the valid list.
        paths: selected paths.
        config: limits.
        outbox: takes commands and events.
        nominated: hears of a pair that was nominated, and when.
    """

    def __init__(
        self,
        *,
        local: Credentials,
        table: ConnectionTable,
        remotes: RemoteCandidates,
        valid: ValidList,
        paths: LitePaths,
        config: IceConfig,
        outbox: Outbox,
        nominated: Callable[[Pair, float], None],
    ) -> None:
        self._table = table
        self._remotes = remotes
        self._valid = valid
        self._paths = paths
        self._outbox = outbox
        self._nominated = nominated
        self._sieve = Sieve(config=config, table=table, outbox=outbox)
        self._server = CheckServer(local=local, roles=LiteRole(), outbox=outbox)
        self._remote: Description | None = None
        self._early = EarlyChecks(outbox)
        self._checked_at: dict[tuple[FlowId, TransportAddress], float] = {}
        self.answered = 0
        """Checks that were answered with success."""
        self.last_at: float | None = None
        """When the last one of them came, monotonic seconds."""

    def set_remote(self, remote: Description, now: float) -> None:
        """The peer's description is known: act on the checks that came before it."""
        self._remote = remote
        for inbound in self._early.take():
            self._act(inbound, now)

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """A datagram or the content of one frame."""
        read = self._sieve.read(flow, remote, data, now)
        if read is not None:
            socket, message = read
            if message.message_class is MessageClass.REQUEST:
                tcp = isinstance(socket, Connection)
                inbound = self._server.handle_request(message, flow, remote, tcp=tcp, now=now)
                self._judged(socket, inbound, now)
            else:
                self._sieve.refuse(socket, remote, "stray_answers", "answer to no request of ours", now)
        self._sieve.judge(flow, now)

    def _judged(self, socket: Socket, inbound: InboundCheck | None, now: float) -> None:
        if isinstance(socket, Connection):
            socket.refused = socket.refused + 1 if inbound is None else 0
        if inbound is None:
            return
        if isinstance(socket, Connection):
            self._table.prove(socket)
        self.answered += 1
        self.last_at = now
        self._table.validate_source(inbound.flow, inbound.remote, socket.component)
        self._outbox.event(
            CheckReceived(
                at=now,
                component=socket.component,
                flow=inbound.flow,
                remote=inbound.remote,
                use_candidate=inbound.use_candidate,
            )
        )
        if self._remote is None:
            self._early.keep(inbound, now)
        else:
            self._act(inbound, now)

    def _act(self, inbound: InboundCheck, now: float) -> None:
        socket = self._table.find(inbound.flow)
        if socket is None or self._remote is None:
            return
        if inbound.ufrag != self._remote.credentials.ufrag:
            reason = f"check of another peer: ufrag {inbound.ufrag!r}"
            self._outbox.refuse(inbound.flow, inbound.remote, "unknown_peers", reason, now)
            return
        if self._remote.lite:
            # Some lite agents send checks; their pairs come from the descriptions (RFC 8445 §8.2).
            return
        if self._valid.find(inbound.flow, inbound.remote) is not None:
            self._checked_at[inbound.flow, inbound.remote] = now
        returns = isinstance(socket, Connection) and self._paths.comes_back(
            socket, nominates=inbound.use_candidate
        )
        if inbound.use_candidate or returns:
            self._nominate(inbound, socket, returns=returns, now=now)

    def _nominate(self, inbound: InboundCheck, socket: Socket, *, returns: bool, now: float) -> None:
        current = self._valid.nominated(socket.component)
        pair = self._valid.find(inbound.flow, inbound.remote)
        if pair is None:
            pair = self._enter(inbound, socket, now)
        if pair is None or pair is current:
            return
        if current is not None and not returns and not self._overrides(pair, current, now):
            # RFC 8445 §8.1.1: one nomination for each component, whatever comes later.
            self._outbox.counters["later_nominations"] += 1
            return
        self._valid.nominate(pair, now)
        self._nominated(pair, now)

    def _overrides(self, pair: Pair, current: Pair, now: float) -> bool:
        """RFC 5245 §8.1.1.2: a peer without ice2 may nominate all it checks, the highest priority counts.

        Such a peer may also move to another pair when the one that it nominated first works no more; then
        its checks on that one have ended.
        """
        if self._remote is None or "ice2" in self._remote.options or current.valid is None:
            return False
        last_at = self._checked_at.get((current.valid.flow, current.remote.address), current.valid.at)
        return pair.priority > current.priority or now >= last_at + _DESERTED_S

    def _enter(self, inbound: InboundCheck, socket: Socket, now: float) -> Pair | None:
        source = None
        if not self._valid.full:
            source = self._remotes.source_of(socket.candidate, inbound.remote, inbound.priority, now)
        if source is None:
            reason = "no room for another pair"
            self._outbox.refuse(inbound.flow, inbound.remote, "checks_over_limit", reason, now)
            return None
        return self._valid.add(socket.candidate, source, inbound.flow, Role.CONTROLLED, now)
