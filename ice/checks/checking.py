"""Runs the checks of a stream: what is due, and what follows from outcomes (RFC 8445 §6.1.4.2, §7.2.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import assert_never

from ice.checks.checklist import CheckList
from ice.checks.client import CheckClient, CheckConflict, CheckFailed, CheckSucceeded, Outcome
from ice.checks.conclusion import Conclusion
from ice.checks.connection import Connection, ConnectionState
from ice.checks.connection_table import ConnectionTable
from ice.checks.pair import Pair
from ice.checks.relay_admission import RelayAdmission
from ice.checks.results import CheckResults
from ice.checks.retries import Retries
from ice.checks.role import RoleKeeper
from ice.checks.schedule import Schedule, Turns
from ice.checks.simultaneous_open import SimultaneousOpen
from ice.paths.paths import Paths
from ice.paths.proved import ProvedPaths
from ice.types import PairState, SessionState, TcpType, TransportAddress

_CHECKING = (SessionState.RUNNING, SessionState.COMPLETED)
"""After completion only triggered checks are left: a later nomination, a connection that came back."""


class Checking:
    """Passes the outcome of checks on to pairs, paths and conclusion, and starts the next ones.

    While it is quiet another generation has the pacing: what is out is finished, checks of the peer are
    answered by one of ours, nothing else begins.
    """

    def __init__(
        self,
        *,
        schedule: Schedule,
        stream: int,
        checks: CheckList,
        client: CheckClient,
        results: CheckResults,
        table: ConnectionTable,
        paths: Paths,
        proved: ProvedPaths,
        conclusion: Conclusion,
        roles: RoleKeeper,
        on_role_change: Callable[[float], None],
    ) -> None:
        self._schedule = schedule
        self._stream = stream
        self._checks = checks
        self._client = client
        self._results = results
        self._table = table
        self._paths = paths
        self._proved = proved
        self._conclusion = conclusion
        self._roles = roles
        self._on_role_change = on_role_change
        retries = self._retries = Retries(checks)
        self._together = SimultaneousOpen(checks=checks, client=client, table=table, retries=retries)
        self._admission = RelayAdmission(checks=checks, client=client, table=table, retries=retries)

        self.quiet = False

    @property
    def quiet(self) -> bool:
        """True while another generation takes our turns."""
        return self._quiet

    @quiet.setter
    def quiet(self, quiet: bool) -> None:
        self._quiet = quiet
        if quiet:
            self._schedule.leave(self._checks)
        else:
            self._schedule.join(self._checks, self, self._stream)

    def stop(self) -> None:
        """Nothing is checked any more."""
        self._schedule.leave(self._checks)

    # --- starting -------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Do all that is due: retransmit, give up, keep paths alive, nominate, check, conclude."""
        if self._conclusion.state not in _CHECKING:
            if self._conclusion.state is not SessionState.NEW:
                self._schedule.leave(self._checks)
            return
        for outcome in self._client.handle_timer(now):
            self.conclude(outcome, now)
        expired = self._paths.handle_timer(now)
        if expired:
            self._conclusion.fail(expired, now)
            return
        self._proved.handle_timer(now)
        self._retries.handle_timer(now)
        for pair in self._paths.doubted():
            self._begin(pair, nominating=False, now=now)
        for pair in self._paths.redials(now):
            # The peer may not have seen the loss: nominating again tells it which pair carries the media.
            self._begin(pair, nominating=self._roles.controlling, now=now)
        self._send_due(now)
        self._conclusion.fail_if_hopeless(now)
        self._conclusion.release(now)

    def _send_due(self, now: float) -> None:
        if self.quiet:
            while (pair := self._checks.next_triggered(self.may_start)) is not None:
                self.start(pair, now)
        else:
            self._schedule.advance(now)

    def nominate(self, turns: Turns, now: float) -> None:
        """Queue the nominations whose time has come; `turns` tells when queued pairs will be checked."""
        self._conclusion.nominate(turns, self._schedule.pacing.ta_s, now)

    def may_start(self, pair: Pair) -> bool:
        """False of a pair whose connection would be one attempt too many (RFC 6544 §12)."""
        if not pair.is_tcp or self._table.connection(pair.flow) is not None:
            return True
        host = pair.remote.address.host
        return self._table.may_dial(host, beside=self._schedule.dials_beside(self, host))

    def dials_to(self, host: str) -> int:
        """How many connection attempts to an IP address are outstanding."""
        return self._table.dials_to(host)

    def start(self, pair: Pair, now: float) -> None:
        """Send the check of a pair whose turn it is, or dial for it."""
        if pair.state is not PairState.SUCCEEDED:
            self._checks.set_state(pair, PairState.IN_PROGRESS, now)
        self._begin(pair, nominating=pair.nominating, now=now)

    def _begin(self, pair: Pair, *, nominating: bool, now: float) -> None:
        rto_s = self._schedule.lists.rto_s(self._schedule.pacing.ta_s)
        self._client.start(pair, nominating=nominating, rto_s=rto_s, now=now)

    @property
    def next_timer(self) -> float | None:
        """When `advance` has something to do, monotonic seconds."""
        if self._conclusion.state not in _CHECKING:
            return None
        times = (
            self._client.next_timer,
            self._paths.next_timer,
            self._proved.next_timer,
            self._conclusion.next_timer,
            self._retries.next_timer,
            None if self.quiet else self._schedule.pacing.next_timer,
        )
        return min((at for at in times if at is not None), default=None)

    # --- outcomes -------------------------------------------------------------------------------------------

    def conclude(self, outcome: Outcome, now: float) -> None:
        """A check ended."""
        match outcome:
            case CheckSucceeded():
                self._succeeded(outcome, now)
            case CheckFailed():
                self._failed(outcome, now)
            case CheckConflict():
                if self._roles.lost(outcome.check.role):
                    self._on_role_change(now)
                pair = outcome.check.pair
                if pair in self._checks and not self._paths.is_selected(pair):
                    self._checks.trigger(pair, now)
            case _:
                assert_never(outcome)

    def _succeeded(self, outcome: CheckSucceeded, now: float) -> None:
        pair = outcome.check.pair
        if not self._results.succeeded(outcome, now):
            return
        if self._paths.is_selected(pair):
            self._paths.found_again(pair, now)
            return
        ours = outcome.check.nominating and self._roles.controlling
        if ours:
            pair.nominating = False
        theirs = pair.peer_nominates and not self._roles.controlling
        if ours or theirs or pair.replaces:
            self._conclusion.nominated(pair, now)
        else:
            self._proved.succeeded(pair, now)

    def _failed(self, outcome: CheckFailed, now: float) -> None:
        check, pair = outcome.check, outcome.check.pair
        if outcome.forbidden and self._paths.is_selected(pair):
            # The same answer as to a consent check, to one that was sent for doubt (RFC 7675 §5.2).
            self._conclusion.fail("the peer revoked its consent", now)
            return
        if pair.state is PairState.SUCCEEDED and not check.nominating and not self._paths.is_lost(pair):
            # One more check of a proved pair; the peer may have had enough of them.
            return
        connection = self._table.connection(pair.flow)
        if connection is not None and connection.dialled and connection.pair is pair:
            self._table.close(connection, outcome.reason, now)
        if self._paths.is_selected(pair):
            self._paths.connection_lost(pair, outcome.reason, now)
            return
        if pair in self._checks:
            self._conclusion.nomination_failed(check, outcome.reason)
        pair.nominating = False
        self._results.failed(pair, outcome.reason, now)

    def role_changed(self) -> None:
        """Our role is another one: priorities and nominations follow it."""
        self._conclusion.role_changed()
        self._checks.take_role(self._roles.role)

    # --- connections ----------------------------------------------------------------------------------------

    def connection_opened(self, connection: Connection, local: TransportAddress, now: float) -> None:
        """A connection that we dialled is there: its check goes out."""
        if connection.state is ConnectionState.DIALLING:
            self._table.opened(connection, local, now)
            self._client.opened(connection, now)

    def pairs_formed(self, pairs: Iterable[Pair], now: float) -> None:
        """New pairs are in the list."""
        self._together.formed(pairs)
        self._schedule.lists.activate(pairs, now)

    def connection_accepted(self, connection: Connection, now: float) -> None:
        """A listener accepted a connection: most mean something only with the peer's first check."""
        if connection.candidate.tcptype is TcpType.SO:
            self._together.accepted(connection, now)

    def connection_ended(self, connection: Connection, reason: str, now: float) -> bool:
        """A connection could not be had, or ended: at once its pair has failed (RFC 6544 §7.1).

        Returns:
            True where the pair goes on all the same: by another attempt or by what the peer opened.
        """
        if self._together.goes_on(connection, now) or self._admission.goes_on(connection, reason, now):
            return True
        self._bury(connection, reason, now)
        return False

    def _bury(self, connection: Connection, reason: str, now: float) -> None:
        # One that a restart took over serves a pair of each generation.
        pair = next((pair for pair in self._checks.history if pair.flow == connection.flow), None)
        self._table.gone(connection, reason, now)
        outcomes = self._client.lost(connection, reason)
        if pair is None:
            return
        pair.flow = None
        if self._paths.is_selected(pair):
            pair.valid = None
            if self._conclusion.state in _CHECKING:
                self._paths.connection_lost(pair, reason, now)
            return
        for outcome in outcomes:
            self.conclude(outcome, now)
        pair.nominating = False
        self._results.failed(pair, reason, now)

    def wrong_host(self, connection: Connection, now: float) -> None:
        """What came first on a connection that we dialled was no STUN (RFC 6544 §7.1)."""
        reason = "something else than ICE answers there"
        self._table.close(connection, reason, now)
        if connection.pair not in self._checks:
            return
        for pair in self._results.wrong_host(connection.remote, reason, now):
            pair.nominating = False
            other = self._table.connection(pair.flow)
            if other is not None and other.pair is pair:
                self._table.close(other, reason, now)
