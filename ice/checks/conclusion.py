"""How ICE ends: nomination, completion, failure, freeing what is not needed (RFC 8445 §8, RFC 8863)."""

from __future__ import annotations

from collections.abc import Callable, Container

from ice.candidates.candidate import stands_on
from ice.candidates.local_candidates import LocalCandidates
from ice.checks.checklist import CheckList
from ice.checks.client import Check, CheckClient
from ice.checks.connection import ConnectionState
from ice.checks.connection_table import ConnectionTable
from ice.checks.nomination import decide, passed_over
from ice.checks.pair import Foundation, Pair
from ice.checks.role import RoleKeeper
from ice.checks.schedule import Turns
from ice.config import IceConfig
from ice.messages import PairNominated
from ice.outbox import Outbox
from ice.paths.paths import Paths
from ice.reasons import why_failed
from ice.types import Description, FlowId, PairState, SessionState


class Conclusion:
    """The state of the session and what moves it.

    Args:
        components: how many components the stream has.
        checks: the check list.
        client: checks that are out.
        table: sockets and connections.
        paths: selected paths.
        roles: who nominates.
        config: limits and times.
        inbound: how many checks of the peer were answered, for the sentence of a failure.
        told: hears of every new state and why: state, reason, monotonic seconds.
        needed_elsewhere: what other generations use and must not be freed.
        locals_: our candidates, whose sockets are freed.
        outbox: takes the events.
    """

    def __init__(
        self,
        *,
        components: int,
        checks: CheckList,
        client: CheckClient,
        table: ConnectionTable,
        paths: Paths,
        roles: RoleKeeper,
        config: IceConfig,
        inbound: Callable[[], int],
        told: Callable[[SessionState, str, float], None],
        needed_elsewhere: Callable[[], Container[FlowId]],
        locals_: LocalCandidates,
        outbox: Outbox,
    ) -> None:
        self.state = SessionState.NEW
        self.components = components
        self._checks = checks
        self._client = client
        self._table = table
        self._paths = paths
        self._roles = roles
        self._config = config
        self._inbound = inbound
        self._told = told
        self._needed_elsewhere = needed_elsewhere
        self._locals = locals_
        self._outbox = outbox
        self._lite = False
        self._aggressive = False
        self._all_candidates_known = False
        self._patient_until: float | None = None
        self._look_again_at: float | None = None
        self._hopeless: set[Foundation] = set()
        self._broken = ""
        self._release_at: float | None = None

    def set_state(self, state: SessionState, now: float, reason: str = "") -> None:
        """Move to a state and tell so."""
        if state is not self.state:
            self.state = state
            self._told(state, reason, now)

    def start(self, remote: Description, now: float) -> None:
        """Checks begin; patience runs from here (RFC 8863 §4)."""
        self._lite = remote.lite
        self._aggressive = "ice2" not in remote.options
        self._all_candidates_known = remote.end_of_candidates
        self._patient_until = now + self._config.patience_s
        self.set_state(SessionState.RUNNING, now)

    def end_of_candidates(self) -> None:
        """The peer has no more candidates (RFC 8838 §14)."""
        self._all_candidates_known = True

    # --- nomination -----------------------------------------------------------------------------------------

    def nominate(self, turns: Turns, ta_s: float, now: float) -> bool:
        """Queue nominations whose time has come (RFC 8445 §8.1.1); True where there was one."""
        self._look_again_at = None
        if not self._roles.controlling or self.state is not SessionState.RUNNING or self._broken:
            return False
        if not any(pair.valid for pair in self._checks):
            return False
        queued = False
        for component in range(1, self.components + 1):
            pairs = self._checks.of(component)
            if self._paths.pair(component) is not None or any(pair.nominating for pair in pairs):
                continue
            decision = decide(
                pairs,
                turns=turns(),
                hopeless=self._hopeless,
                peer_answers_only=self._lite,
                ta_s=ta_s,
                now=now,
            )
            chosen, again_at = decision.pair, decision.at
            if chosen is not None:
                again_at = self._gives_way(chosen, turns(), ta_s, now)
            if again_at is not None:
                self._look_again_at = min(again_at, self._look_again_at or again_at)
            elif chosen is not None:
                chosen.nominating = True
                self._hopeless |= passed_over(pairs, chosen)
                self._checks.trigger(chosen, now, first=True)
                queued = True
        return queued

    def _gives_way(self, chosen: Pair, turns: dict[Pair, float], ta_s: float, now: float) -> float | None:
        """Until when a nomination lets the first check of another component leave before it, None: at once.

        The success of `chosen` has just unfrozen that pair (RFC 8445 §7.2.5.3.3). It has a check and a
        nomination before it and `chosen` only a nomination, so the stream is complete sooner.
        """
        following = next((pair for pair in turns if pair in self._checks), None)
        if (
            following is None
            or chosen.valid is None
            or following.component == chosen.component
            or following.foundation != chosen.foundation
            or following.checks_sent
        ):
            return None
        until = chosen.valid.at + ta_s
        return until if now < until else None

    def nominated(self, pair: Pair, now: float) -> None:
        """A nomination succeeded, ours or the peer's: of several the highest priority counts."""
        if not pair.nominated:
            pair.nominated = True
            self._outbox.event(PairNominated(at=now, pair_id=pair.id))
        current = self._paths.pair(pair.component)
        if current is not None and not pair.replaces and pair.priority <= current.priority:
            return
        self._paths.select(pair, now)
        pair.replaces = False
        self._drop_others(pair, now)
        self._complete(now)

    def nomination_failed(self, check: Check, reason: str) -> None:
        """A check failed: with it the list, if it nominated or followed a nomination (RFC 8445 §7.2.5.3.4).

        An RFC 5245 peer may nominate whatever it checks; its other nominations count then.
        """
        theirs = check.pair.peer_nominates and not check.pair.replaces and not self._aggressive
        if check.nominating or theirs:
            self._broken = self._broken or f"the nominated pair failed: {reason}"

    def role_changed(self) -> None:
        """The nominations that are queued or out belong to the old role."""
        for pair in self._checks:
            if pair.nominating:
                pair.nominating = False
                if pair.state is PairState.SUCCEEDED:
                    self._checks.untrigger(pair)

    def _drop_others(self, selected: Pair, now: float) -> None:
        """RFC 8445 §8.1.2: no more checks of other pairs of the component; their answers are still read."""
        for pair in self._checks.of(selected.component):
            if pair is not selected:
                self.drop(pair, "not needed: the component has its path", now)

    def drop(self, pair: Pair, reason: str, now: float) -> None:
        """Take a pair out of the list and give its dialling up; an open connection stays for now."""
        self._client.cancel(pair)
        self._client.give_up_dial(pair)
        connection = self._table.connection(pair.flow)
        self._checks.drop(pair, reason, now)
        if connection is not None and connection.state is ConnectionState.DIALLING:
            self._table.close(connection, reason, now)

    def socket_lost(self, flow: FlowId, reason: str, now: float) -> None:
        """Drop the pairs on a socket that is gone, but selected ones."""
        for pair in tuple(self._checks):
            if pair.flow == flow and not self._paths.is_selected(pair) and pair.state is not PairState.FAILED:
                self.drop(pair, reason, now)

    def host_lost(self, host: str, reason: str, now: float) -> None:
        """Drop the candidates on an address that is gone and their pairs, but selected ones."""
        self._locals.host_lost(host)
        for pair in tuple(self._checks):
            if stands_on(pair.local, host) and not self._paths.is_selected(pair):
                self._checks.set_state(pair, PairState.FAILED, now, reason)
                self.drop(pair, reason, now)

    # --- completion and failure -----------------------------------------------------------------------------

    def _complete(self, now: float) -> None:
        ready = all(self._paths.pair(number) is not None for number in range(1, self.components + 1))
        if not ready:
            return
        # Counted anew where a later nomination of an RFC 5245 peer moves a path.
        self._release_at = now + self._config.release_after_s
        if self.state is SessionState.RUNNING:
            self.set_state(SessionState.COMPLETED, now)

    def limit_components(self, count: int, now: float) -> None:
        """Components beyond `count` are not used (rtcp-mux was agreed, RFC 8445 §5.1.1.1)."""
        for component in range(count + 1, self.components + 1):
            for pair in self._checks.of(component):
                self.drop(pair, "not needed: the component is not used", now)
            self._paths.forget(component)
        self.components = min(count, self.components)
        if self.state is SessionState.RUNNING:
            self._complete(now)

    def fail_if_hopeless(self, now: float) -> None:
        """Fail where nothing is left to wait for; never before patience has run out (RFC 8863 §4).

        A caller whose patience is shorter than a check may last sets a deadline with it: a component that
        has no path by then gets none.
        """
        if self._patient_until is not None and now >= self._patient_until:
            self._patient_until = None
        if self.state is not SessionState.RUNNING or self._patient_until is not None:
            return
        if not self._broken and not self._all_candidates_known and not self._deadline:
            # RFC 8838 §8: there may be more to try.
            return
        pairs = self._checks.history
        missing = [number for number in range(1, self.components + 1) if self._without_hope(number)]
        reason = self._broken
        if not reason and missing:
            reason = why_failed(pairs, missing=missing, inbound=self._inbound())
        if reason:
            self.fail(reason, now)

    def _without_hope(self, component: int) -> bool:
        pairs = self._checks.of(component)
        if self._paths.pair(component) is not None:
            return False
        return self._deadline or not any(pair.pending or pair.valid is not None for pair in pairs)

    @property
    def _deadline(self) -> bool:
        """True where the end of patience is the end whatever is still out."""
        return self._config.patience_s < self._config.check_timeout_s

    def fail(self, reason: str, now: float) -> None:
        """The session ends without a path."""
        self._client.stop()
        self._release_at = None
        self._paths.end(reason, now)
        self.set_state(SessionState.FAILED, now, reason)

    # --- freeing (RFC 8445 §8.3.1, RFC 6544 §8) -------------------------------------------------------------

    def release(self, now: float) -> None:
        """Close the connections and sockets that no selected path needs, some seconds after completion."""
        if self._release_at is not None and now >= self._release_at:
            self._release_at = None
            self.free("not needed: ICE is completed", now, keep=self._paths.flows)

    def free(self, reason: str, now: float, *, keep: Container[FlowId] = ()) -> None:
        """Close what belongs to this generation, but what it keeps and what another one needs."""
        needed = self._needed_elsewhere()
        unneeded = [flow for flow in self.own_flows if flow not in keep and flow not in needed]
        self._table.free(unneeded, reason, now)

    @property
    def own_flows(self) -> tuple[FlowId, ...]:
        """Sockets of our candidates, and the connections that these accepted or our pairs dialled."""
        sockets = self._locals.flows
        connections = (
            connection.flow
            for connection in self._table.connections
            if connection.listener in sockets or self._checks.knows(connection.pair)
        )
        return *sockets, *connections

    def owns(self, flow: FlowId) -> bool:
        """True of `own_flows`."""
        sockets = self._locals.flows
        connection = self._table.connection(flow)
        if connection is None:
            return flow in sockets
        return connection.listener in sockets or self._checks.knows(connection.pair)

    @property
    def next_timer(self) -> float | None:
        """When there is something to decide or to free."""
        times = [self._release_at, self._look_again_at]
        if self.state is SessionState.RUNNING:
            times.append(self._patient_until)
        return min((at for at in times if at is not None), default=None)
