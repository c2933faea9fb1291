"""Connectivity checks, client side (RFC 8445 §7.2, RFC 6544 §7.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ice.candidates.priority import peer_reflexive_priority
from ice.checks.connection import Connection, ConnectionState
from ice.checks.connection_table import ConnectionTable
from ice.checks.pair import Pair
from ice.checks.role import RoleKeeper
from ice.config import IceConfig
from ice.messages import CheckSent
from ice.outbox import Outbox
from ice.stun.attributes import ErrorCode, XorMappedAddress
from ice.stun.binding import binding_request
from ice.stun.message import TRANSACTION_ID_SIZE, MessageClass, StunMessage, short_term_key
from ice.stun.transaction import ClientTransaction
from ice.types import Credentials, FlowId, Role, TransportAddress

_ROLE_CONFLICT = 487
_FORBIDDEN = 403


class Check:
    """One check on its way: a request of ours, or the connection that it waits for."""

    __slots__ = ("deadline", "flow", "nominating", "pair", "priority", "role", "rto_s", "transaction")

    def __init__(self, *, pair: Pair, nominating: bool, deadline: float, rto_s: float) -> None:
        self.pair = pair
        self.nominating = nominating
        self.deadline = deadline
        """When it is given up, counted from dialling or sending (RFC 8489 §6.2.2)."""
        self.rto_s = rto_s
        self.transaction: ClientTransaction | None = None
        """None while the connection is dialled."""
        self.flow: FlowId | None = None
        """Where the request went out."""
        self.role = Role.CONTROLLING
        """The role that the request claimed."""
        self.priority = 0
        """PRIORITY of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSucceeded:
    """The peer answered; it saw the request come from `mapped`. `flow` is where it went out."""

    check: Check
    flow: FlowId
    mapped: TransportAddress
    rtt_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFailed:
    """No answer, a refusal, or no connection; `reason` is for people; `forbidden`: the peer answered 403."""

    check: Check
    reason: str
    forbidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConflict:
    """The peer answered 487: both sides claimed one role."""

    check: Check


Outcome = CheckSucceeded | CheckFailed | CheckConflict


class CheckClient:
    """Sends checks and reads their answers; what they mean for the session is the agent's matter.

    Args:
        local: our credentials.
        roles: role and tie-breaker of the session.
        table: sockets and connections.
        config: limits and times.
        random: random(n) gives n unpredictable bytes.
        outbox: takes commands and events.
    """

    def __init__(
        self,
        *,
        local: Credentials,
        roles: RoleKeeper,
        table: ConnectionTable,
        config: IceConfig,
        random: Callable[[int], bytes],
        outbox: Outbox,
    ) -> None:
        self._local = local
        self._roles = roles
        self._table = table
        self._config = config
        self._random = random
        self._outbox = outbox
        self._remote: Credentials | None = None
        self._sent: dict[bytes, Check] = {}
        self._dialling: dict[FlowId, Check] = {}

    def set_remote(self, remote: Credentials) -> None:
        """The peer's credentials; needed before the first check."""
        self._remote = remote

    # --- sending --------------------------------------------------------------------------------------------

    def start(self, pair: Pair, *, nominating: bool, rto_s: float, now: float) -> None:
        """Begin a check: send it, or dial first where a TCP pair has no connection (RFC 6544 §7.1).

        Raises:
            ValueError: the pair has a passive candidate and no connection.
        """
        check = Check(
            pair=pair, nominating=nominating, deadline=now + self._config.check_timeout_s, rto_s=rto_s
        )
        pair.sent_at = now
        if not pair.is_tcp:
            self._send(check, now)
            return
        connection = self._table.connection(pair.flow)
        if connection is None:
            connection = self._table.dial(pair, now)
            pair.flow = connection.flow
        if connection.state is ConnectionState.DIALLING:
            self._dialling[connection.flow] = check
        else:
            self._send(check, now)

    def _send(self, check: Check, now: float) -> None:
        remote = self._remote
        flow = check.pair.flow
        if remote is None or flow is None:
            raise ValueError("a check needs the peer's credentials and a socket")
        pair = check.pair
        check.role = self._roles.role
        check.nominating = check.nominating and check.role is Role.CONTROLLING
        check.priority = peer_reflexive_priority(pair.local)
        transaction_id = self._random(TRANSACTION_ID_SIZE)
        data = binding_request(
            transaction_id=transaction_id,
            local=self._local,
            remote=remote,
            role=check.role,
            tie_breaker=self._roles.tie_breaker,
            priority=check.priority,
            use_candidate=check.nominating,
        )
        check.transaction = ClientTransaction(
            transaction_id=transaction_id,
            data=data,
            reliable=pair.is_tcp,
            now=now,
            deadline=check.deadline,
            rto_s=check.rto_s,
        )
        check.flow = flow
        self._sent[transaction_id] = check
        self._transmit(check, check.transaction, flow, now)

    def _transmit(self, check: Check, transaction: ClientTransaction, flow: FlowId, now: float) -> None:
        pair = check.pair
        self._outbox.send(flow, pair.remote.address, transaction.data, tcp=pair.is_tcp)
        pair.checks_sent += 1
        self._outbox.event(
            CheckSent(
                at=now,
                pair_id=pair.id,
                transmission=transaction.transmissions,
                nominating=check.nominating,
            )
        )

    # --- connections ----------------------------------------------------------------------------------------

    def opened(self, connection: Connection, now: float) -> None:
        """A dialled connection is there: send the check that waits for it."""
        check = self._dialling.pop(connection.flow, None)
        if check is not None:
            check.pair.connect_s = now - connection.started_at
            self._send(check, now)

    def move(self, attempt: Connection, connection: Connection, now: float) -> None:
        """The peer's connection came first: the check that waited for our attempt goes out on it."""
        check = self._dialling.pop(attempt.flow, None)
        if check is not None and check.pair.flow == connection.flow:
            self._send(check, now)

    def lost(self, connection: Connection, reason: str) -> list[Outcome]:
        """A connection could not be opened or ended: its checks have failed (RFC 8489 §6.2.2)."""
        waiting = self._dialling.pop(connection.flow, None)
        failed = [] if waiting is None else [waiting]
        for check in list(self._sent.values()):
            if check.flow == connection.flow:
                self._forget(check)
                failed.append(check)
        return [CheckFailed(check=check, reason=reason) for check in failed]

    # --- cancelling -----------------------------------------------------------------------------------------

    def cancel(self, pair: Pair) -> None:
        """Send no more ordinary checks of this pair; an answer still counts (RFC 8445 §7.3.1.4)."""
        for check in self._sent.values():
            if check.pair is pair and check.transaction is not None and not check.nominating:
                check.transaction.cancel()

    def give_up_dial(self, pair: Pair) -> None:
        """The pair needs no connection any more; closing it is the caller's matter."""
        for flow, check in list(self._dialling.items()):
            if check.pair is pair:
                del self._dialling[flow]

    # --- answers --------------------------------------------------------------------------------------------

    def expects(self, transaction_id: bytes) -> bool:
        """True where a check of ours waits for this answer."""
        return transaction_id in self._sent

    def handle_response(
        self, message: StunMessage, flow: FlowId, remote: TransportAddress, now: float
    ) -> Outcome | None:
        """Read the answer to one of our checks (`expects` is true); None where it was dropped."""
        check = self._sent[message.transaction_id]
        transaction = check.transaction
        if self._remote is None or transaction is None:
            raise ValueError("an answer to a check that was never sent")
        code = message.get(ErrorCode)
        told = "" if code is None else f": error {code.code} {code.reason}".rstrip()
        if not message.verifies(short_term_key(self._remote.password)):
            reason = f"answer without the peer's password{told}"
            self._outbox.refuse(flow, remote, "unauthenticated_answers", reason, now)
            if check.pair.is_tcp and flow == check.flow:
                # RFC 8489 §9.1.4: nothing better can come on this connection.
                self._forget(check)
                return CheckFailed(check=check, reason=reason)
            return None
        if flow != check.flow or remote != check.pair.remote.address:
            if check.pair.is_tcp:
                self._outbox.refuse(
                    flow, remote, "misplaced_answers", "answer to a check of another connection", now
                )
                return None
            self._forget(check)
            if code is not None and code.code == _ROLE_CONFLICT:
                # RFC 8445 §7.2.5.1 comes first: of the roles it is true wherever it came from, and a peer
                # that waits for the right role would learn nothing of us else.
                return CheckConflict(check=check)
            return CheckFailed(check=check, reason=f"the answer came from {remote} (RFC 8445 §7.2.5.2.1)")
        self._forget(check)
        if message.unknown_required:
            return CheckFailed(check=check, reason="the answer has attributes that we do not understand")
        if message.message_class is MessageClass.ERROR:
            if code is not None and code.code == _ROLE_CONFLICT:
                return CheckConflict(check=check)
            forbidden = code is not None and code.code == _FORBIDDEN
            reason = f"the peer refused the check{told}"
            return CheckFailed(check=check, reason=reason, forbidden=forbidden)
        mapped = message.get(XorMappedAddress)
        if mapped is None:
            return CheckFailed(check=check, reason="the answer has no mapped address")
        # From the first transmission: never too short, and right unless datagrams were lost.
        rtt_s = now - transaction.sent_at
        return CheckSucceeded(check=check, flow=flow, mapped=mapped.address, rtt_s=rtt_s)

    def _forget(self, check: Check) -> None:
        if check.transaction is not None:
            self._sent.pop(check.transaction.id, None)

    # --- time -----------------------------------------------------------------------------------------------

    @property
    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        times = [check.deadline for check in self._dialling.values()]
        times += [check.transaction.next_timer for check in self._sent.values() if check.transaction]
        return min(times, default=None)

    def handle_timer(self, now: float) -> list[Outcome]:
        """Retransmit, and give up what was not answered; cancelled checks end without a word."""
        outcomes: list[Outcome] = []
        for check in list(self._sent.values()):
            transaction = check.transaction
            if transaction is None:
                continue
            if transaction.due(now) and check.flow is not None:
                self._transmit(check, transaction, check.flow, now)
            elif transaction.expired(now):
                self._forget(check)
                if not transaction.cancelled:
                    outcomes.append(CheckFailed(check=check, reason="no answer"))
        for flow, check in list(self._dialling.items()):
            if now >= check.deadline:
                del self._dialling[flow]
                outcomes.append(CheckFailed(check=check, reason="the connection could not be opened in time"))
        return outcomes

    def stop(self) -> None:
        """Forget all checks."""
        self._sent.clear()
        self._dialling.clear()
