"""One generation of a lite agent: it sends no checks, it answers them (RFC 8445 §2.5, RFC 6544 §4.4).

With `ice.lite.beside` the agent treats it like an `ice.generation.Generation`. There is no check list, no
pacing and no consent of its own here; where the peer is lite as well nobody checks at all.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from ice.candidates.local_candidates import LocalCandidates
from ice.candidates.remote_candidates import RemoteCandidates
from ice.checks.connection import Connection
from ice.lite.checks import LiteChecks
from ice.lite.choice import Selection
from ice.lite.conclusion import LiteConclusion
from ice.lite.paths import LitePaths
from ice.lite.peer import LitePeer
from ice.lite.valid_list import ValidList
from ice.messages import RestartAdvised, RoleChanged
from ice.surroundings import Surroundings
from ice.types import (
    Candidate,
    CandidateType,
    Credentials,
    Description,
    FlowId,
    PairView,
    Role,
    SessionState,
    TcpType,
    TransportAddress,
)


class LiteGeneration:
    """Candidates, valid list and paths under one pair of credentials.

    Args:
        credentials: our user name fragment and password.
        components: 1, or 2 with RTCP beside RTP.
        first_pair_id: the id of its first pair.
        around: what the agent has for it.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        components: int,
        first_pair_id: int,
        around: Surroundings,
    ) -> None:
        roles, table, config, outbox = around.roles, around.table, around.config, around.outbox
        self.credentials = credentials
        self.remote: Description | None = None
        """The peer's description, None before it is known."""
        self._roles = roles
        self._table = table
        self._outbox = outbox
        self._owner = around.owner
        self._told = False
        self._locals = LocalCandidates(limit=config.max_candidates, table=table, outbox=outbox)
        self._remotes = RemoteCandidates(config=config, outbox=outbox)
        valid = self._valid = ValidList(limit=config.max_pairs, first_id=first_pair_id, outbox=outbox)
        paths = self._paths = LitePaths(table=table, config=config, random=around.random, outbox=outbox)
        conclusion = self._conclusion = LiteConclusion(
            components=components,
            valid=valid,
            paths=paths,
            config=config,
            checked=lambda: (self._checks.answered, self._checks.last_at),
            agreed=lambda: self._peer.agreed,
            free=lambda reason, at: self.free(reason, at, keep=self._paths.flows),
            outbox=outbox,
        )
        self._checks = LiteChecks(
            local=credentials,
            table=table,
            remotes=self._remotes,
            valid=valid,
            paths=paths,
            config=config,
            outbox=outbox,
            nominated=conclusion.nominated,
        )
        self._peer = LitePeer(
            locals_=self._locals,
            remotes=self._remotes,
            table=table,
            valid=valid,
            roles=roles,
            config=config,
            own=lambda: self.own_flows,
            nominated=conclusion.nominated,
            advise_restart=lambda why, at: outbox.event(RestartAdvised(at=at, reason=why)),
        )

    # --- what is known --------------------------------------------------------------------------------------

    @property
    def state(self) -> SessionState:
        """NEW until the peer's description is set, then RUNNING, COMPLETED or FAILED; CLOSED at the end."""
        return self._conclusion.state

    @property
    def components(self) -> int:
        """How many components are in use."""
        return self._conclusion.components

    @property
    def pairs(self) -> tuple[PairView, ...]:
        """All pairs that were nominated, oldest first."""
        return tuple(pair.view(selected=self._paths.is_selected(pair)) for pair in self._valid)

    def selected(self, component: int) -> PairView | None:
        """The pair that carries the media of a component, None before there is one."""
        pair = self._paths.pair(component)
        return None if pair is None else pair.view(selected=True)

    @property
    def local_description(self) -> Description:
        """What the peer must be told: all our candidates, as long as this generation lasts."""
        self._told = True
        return Description(
            credentials=self.credentials, candidates=self._locals.told(self.components), lite=True
        )

    # --- candidates and descriptions ------------------------------------------------------------------------

    def add_local_candidate(self, candidate: Candidate, flow: FlowId | None, now: float) -> None:
        """Take a candidate of ours and its socket.

        Raises:
            ValueError: those do not fit, it is no host candidate or an active one, or the peer was told our
                candidates already: more of them need a restart (RFC 8839 §4.4.1.3).
        """
        if self._told:
            raise ValueError("a lite agent adds candidates by an ICE restart only (RFC 8839 §4.4.1.3)")
        if candidate.type is not CandidateType.HOST or candidate.tcptype not in (None, TcpType.PASSIVE):
            raise ValueError("a lite agent has host candidates only, and passive ones of TCP (RFC 6544 §4.4)")
        self._locals.add(candidate, flow, now)

    def set_remote(self, description: Description, now: float) -> None:
        """Take the peer's description; a repeated one adds what is new in it."""
        first = self.remote is None
        self.remote = description
        if description.mismatch:
            self._conclusion.fail("the peer saw an ICE mismatch: ICE cannot be used", now)
            return
        for candidate in description.candidates:
            self._remotes.add(candidate, now)
        if not first:
            return
        self._limit_to_peer(now)
        self._conclusion.start(description, now)
        if description.lite:
            hopeless = self._peer.start(self.components, now)
            if hopeless:
                self._conclusion.fail(hopeless, now)
        elif self._roles.controlling:
            # RFC 8445 §6.1.1: a full peer controls, whoever began.
            self._take_role(Role.CONTROLLED, now)
        self._checks.set_remote(description, now)

    def _limit_to_peer(self, now: float) -> None:
        # RFC 8445 §6.1.2.2: the smaller number of components counts.
        if self.remote is not None and self.remote.end_of_candidates and self._remotes.components:
            self._conclusion.limit_components(self._remotes.components, now)

    def _take_role(self, role: Role, now: float) -> None:
        self._roles.role = role
        self.role_changed(now)

    def role_changed(self, now: float) -> None:
        """The role of the agent is another one."""
        self._outbox.event(RoleChanged(at=now, role=self._roles.role))

    def add_remote_candidate(self, candidate: Candidate, now: float) -> None:
        """Take a candidate that came after the description; a full peer's check may come from it."""
        if self.remote is None:
            raise ValueError("candidates follow the description that they belong to")
        if self.remote.end_of_candidates:
            self._outbox.counters["candidates_after_end"] += 1
        else:
            self._remotes.add(candidate, now)

    def end_of_candidates(self, _now: float) -> None:
        """The peer has no more candidates: it is for the peer to nominate anyway."""
        if self.remote is None:
            raise ValueError("there is no description yet")

    def limit_components(self, count: int, now: float) -> None:
        """Use components 1 to `count` only."""
        self._conclusion.limit_components(count, now)

    # --- both lite (RFC 8445 §8.2, RFC 8839 §4.4.1.3, §4.4.2.2) ---------------------------------------------

    @property
    def update_due(self) -> bool:
        """True where the lite peer must be told by an updated description which pairs we use."""
        return (
            self.state is SessionState.RUNNING
            and self._roles.controlling
            and self.remote is not None
            and self.remote.lite
            and not self._peer.agreed
        )

    def update_answered(self, now: float) -> None:
        """The peer has answered our updated description."""
        self._peer.agreed = True
        self._conclusion.complete(now)

    @property
    def agreed(self) -> bool:
        """True where both sides know which pairs are used: one pair each, or an updated exchange."""
        return self._peer.agreed

    @property
    def chosen(self) -> tuple[tuple[Candidate, Candidate], ...]:
        """What an updated description shows: our candidate and the peer's of each component, in order.

        The connection of a TCP pair may be still to come.
        """
        return self._peer.chosen(self.components)

    def take_selection(self, chosen: Sequence[Selection], now: float) -> None:
        """The peer's offer tells which pairs it uses (a=remote-candidates).

        Whoever sends that controls: if we thought that we did, we do not, and have nothing to tell any more.
        Before the peer's description is there it can mean those of the generation before only.
        """
        if not chosen or self.remote is None:
            return
        if self.state not in (SessionState.RUNNING, SessionState.COMPLETED):
            return
        if self._roles.controlling:
            self._take_role(Role.CONTROLLED, now)
        refused = self._peer.take(chosen, now, lite=self.remote.lite)
        if refused:
            self._outbox.counters["selections_refused"] += 1
            if self.remote.lite:
                self._conclusion.fail(refused, now)
            return
        self._conclusion.complete(now)

    # --- packets and connections ----------------------------------------------------------------------------

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """A datagram or the content of one frame."""
        self._checks.receive(flow, remote, data, now)

    def connection_accepted(self, connection: Connection, now: float) -> None:
        """A listener accepted a connection: of a lite peer no check will come over it."""
        if self.remote is not None and self.remote.lite and self.state is not SessionState.FAILED:
            self._peer.accepted(connection, now)

    def connection_opened(self, connection: Connection, local: TransportAddress, now: float) -> None:
        """A connection that we dialled is there."""
        self._peer.opened(connection, local, now)

    def connection_ended(self, connection: Connection, reason: str, now: float) -> bool:
        """A connection could not be had, or ended; False, as nothing goes on without it."""
        affected = [pair for pair in self._valid if pair.flow == connection.flow]
        self._table.gone(connection, reason, now)
        for pair in affected:
            selected = self._paths.is_selected(pair)
            self._valid.invalidate(pair, reason)
            if self.state not in (SessionState.RUNNING, SessionState.COMPLETED):
                continue
            if selected:
                self._paths.lost(pair, reason, now)
            if self.remote is not None and self.remote.lite:
                self._peer.lost(pair, now)
        return False

    @property
    def own_flows(self) -> frozenset[FlowId]:
        """Sockets of our candidates, and the connections that these accepted or our pairs dialled."""
        sockets = self._locals.flows
        accepted = (one.flow for one in self._table.connections if one.listener in sockets)
        return frozenset((*sockets, *accepted, *(pair.flow for pair in self._valid if pair.flow is not None)))

    def free(self, reason: str, now: float, *, keep: Container[FlowId] = ()) -> None:
        """Close what belongs to this generation, but what it keeps and what another one needs."""
        needed = self._owner.needed_beside(self)
        unneeded = [flow for flow in self.own_flows if flow not in keep and flow not in needed]
        self._table.free(unneeded, reason, now)

    # --- time -----------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Do what is due."""
        if self.state not in (SessionState.RUNNING, SessionState.COMPLETED):
            return
        expired = self._paths.handle_timer(now)
        if expired:
            self._conclusion.fail(expired, now)
            self._peer.stop()
            return
        self._peer.handle_timer(now)
        self._conclusion.fail_if_hopeless(now)
        self._conclusion.release(now)

    @property
    def next_timer(self) -> float | None:
        """When `advance` has something to do, monotonic seconds."""
        if self.state not in (SessionState.RUNNING, SessionState.COMPLETED):
            return None
        times = (self._paths.next_timer, self._peer.next_timer, self._conclusion.next_timer)
        return min((at for at in times if at is not None), default=None)

    def close(self, reason: str, now: float) -> None:
        """End it: nothing is sent any more, and all that no other generation needs is freed."""
        self.free(reason, now)
        self._peer.stop()
        self._conclusion.set_state(SessionState.CLOSED, now)
