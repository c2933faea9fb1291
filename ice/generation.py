"""One generation of ICE: everything that belongs to one pair of credentials (RFC 8445 §9, RFC 8839 §4.4).

It wires the parts that own the rules: check list, client and server side of checks, nomination, paths. A
restart begins another one; sockets, connections, role and pacing outlive it and belong to the agent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ice.check_client import CheckClient
from ice.check_results import CheckResults
from ice.check_server import CheckServer
from ice.checking import Checking
from ice.checklist import CheckList
from ice.checklist_set import CheckListSet
from ice.conclusion import Conclusion
from ice.config import IceConfig
from ice.connection import Connection
from ice.connection_table import ConnectionTable
from ice.inbound import InboundChecks
from ice.local_candidates import LocalCandidates
from ice.outbox import Outbox
from ice.pacing import Pacing
from ice.packets import Packets
from ice.paths import Paths
from ice.peer_permissions import PeerPermissions
from ice.remote_candidates import RemoteCandidates
from ice.role import RoleKeeper
from ice.types import (
    Candidate,
    Credentials,
    Description,
    FlowId,
    PairView,
    Role,
    SessionState,
    TransportAddress,
)


class Generation:
    """Candidates, checks, nomination and paths under one pair of credentials.

    Args:
        credentials: our user name fragment and password.
        components: 1, or 2 with RTCP beside RTP.
        roles: role and tie-breaker of the agent.
        pacing: of the agent.
        table: sockets and connections of the agent.
        config: policy.
        random: random(n) gives n unpredictable bytes.
        outbox: takes commands and events.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        components: int,
        roles: RoleKeeper,
        pacing: Pacing,
        table: ConnectionTable,
        config: IceConfig,
        random: Callable[[int], bytes],
        outbox: Outbox,
    ) -> None:
        self.credentials = credentials
        self.remote: Description | None = None
        """The peer's description, None before it is known."""
        self._config = config
        self._roles = roles
        self._pacing = pacing
        self._table = table
        self._outbox = outbox
        self._locals = LocalCandidates(limit=config.max_candidates, table=table, outbox=outbox)
        checks = self._checks = CheckList(role=roles.role, max_pairs=config.max_pairs, outbox=outbox)
        self._lists = CheckListSet((checks,))
        self._remotes = RemoteCandidates(config=config, outbox=outbox)
        self._permissions = PeerPermissions(outbox)
        client = self._client = CheckClient(
            local=credentials, roles=roles, table=table, config=config, random=random, outbox=outbox
        )
        paths = self._paths = Paths(
            local=credentials,
            checks=checks,
            table=table,
            roles=roles,
            config=config,
            random=random,
            outbox=outbox,
        )
        inbound = self._inbound = InboundChecks(
            table=table,
            remotes=self._remotes,
            checks=checks,
            client=client,
            paths=paths,
            roles=roles,
            outbox=outbox,
        )
        results = CheckResults(
            locals_=self._locals,
            checks=checks,
            lists=self._lists,
            client=client,
            table=table,
            outbox=outbox,
        )
        conclusion = self._conclusion = Conclusion(
            components=components,
            checks=checks,
            client=client,
            table=table,
            paths=paths,
            roles=roles,
            config=config,
            inbound=lambda: inbound.answered,
            outbox=outbox,
        )
        checking = self._checking = Checking(
            lists=self._lists,
            checks=checks,
            client=client,
            results=results,
            table=table,
            paths=paths,
            conclusion=conclusion,
            roles=roles,
            pacing=pacing,
            outbox=outbox,
        )
        self._packets = Packets(
            config=config,
            table=table,
            server=CheckServer(local=credentials, roles=roles, outbox=outbox),
            client=client,
            inbound=inbound,
            paths=paths,
            checking=checking,
            conclusion=conclusion,
            outbox=outbox,
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
        """All pairs that ever were in the check list, oldest first."""
        return tuple(pair.view(selected=self._paths.is_selected(pair)) for pair in self._checks.history)

    def selected(self, component: int) -> PairView | None:
        """The pair that carries the media of a component, None before there is one."""
        pair = self._paths.pair(component)
        return None if pair is None else pair.view(selected=True)

    @property
    def local_description(self) -> Description:
        """What the peer must be told: our credentials and best candidates, highest priority first."""
        return Description(
            credentials=self.credentials,
            candidates=self._locals.told(self.components),
            pacing_ms=self._config.pacing_ms,
        )

    # --- candidates and descriptions ------------------------------------------------------------------------

    def add_local_candidate(self, candidate: Candidate, flow: FlowId | None, now: float) -> None:
        """Take a candidate of ours and its socket; ValueError where those do not fit."""
        self._locals.add(candidate, flow, now)
        if self.remote is not None:
            self._form_pairs(now)

    def set_remote(self, description: Description, now: float) -> None:
        """Take the peer's description and start checking; a repeated one adds what is new in it."""
        first = self.remote is None
        self.remote = description
        if description.mismatch:
            self._conclusion.fail("the peer saw an ICE mismatch: ICE cannot be used", now)
            return
        for candidate in description.candidates:
            self._remotes.add(candidate, now)
        if first:
            self._start(description, now)
        elif description.end_of_candidates:
            self._conclusion.end_of_candidates()
        self._form_pairs(now)
        if first:
            aggressive = "ice2" not in description.options
            self._inbound.set_remote(description.credentials, aggressive=aggressive, now=now)

    def _start(self, description: Description, now: float) -> None:
        if description.lite and not self._roles.controlling:
            # RFC 8445 §6.1.1: towards a lite peer the full agent controls, whoever began.
            self._roles.role = Role.CONTROLLING
            self.role_changed(now)
        self._pacing.agree(description.pacing_ms)
        self._client.set_remote(description.credentials)
        self._paths.set_remote(description.credentials, now)
        self._conclusion.start(description, now)

    def role_changed(self, now: float) -> None:
        """The role of the agent is another one."""
        self._checking.role_changed(now)

    def add_remote_candidate(self, candidate: Candidate, now: float) -> None:
        """Take a candidate that came after the description; ignored after the end of candidates."""
        if self.remote is None:
            raise ValueError("candidates follow the description that they belong to")
        if self.remote.end_of_candidates:
            self._outbox.counters["candidates_after_end"] += 1
        elif self._remotes.add(candidate, now) is not None:
            self._form_pairs(now)

    def end_of_candidates(self, now: float) -> None:
        """The peer has no more candidates."""
        if self.remote is None:
            raise ValueError("there is no description yet")
        self.remote = replace(self.remote, end_of_candidates=True)
        self._conclusion.end_of_candidates()
        self._limit_to_peer(now)

    def limit_components(self, count: int, now: float) -> None:
        """Use components 1 to `count` only."""
        self._conclusion.limit_components(count, now)

    def _limit_to_peer(self, now: float) -> None:
        # RFC 8445 §6.1.2.2: the smaller number of components counts, once all candidates are known.
        if self.remote is not None and self.remote.end_of_candidates and self._remotes.components:
            self._conclusion.limit_components(self._remotes.components, now)

    def _form_pairs(self, now: float) -> None:
        if self.state is not SessionState.RUNNING:
            return
        self._limit_to_peer(now)
        self._permissions.update(self._locals.relays, self._remotes.signalled)
        wanted = [number for number in range(1, self.components + 1) if self._paths.pair(number) is None]
        usable = self._locals.usable(self.components, wanted)
        self._lists.activate(self._checks.form(usable, self._remotes.signalled, now), now)

    # --- packets and connections ----------------------------------------------------------------------------

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """A datagram or the content of one frame."""
        self._packets.receive(flow, remote, data, now)

    def connection_accepted(self, connection: Connection, now: float) -> None:
        """A listener accepted a connection: it is nobody's until its first valid check."""

    def connection_opened(self, connection: Connection, local: TransportAddress, now: float) -> None:
        """A connection that we dialled is there."""
        self._checking.connection_opened(connection, local, now)

    def connection_ended(self, connection: Connection, reason: str, now: float) -> None:
        """A connection could not be had, or ended."""
        self._checking.connection_ended(connection, reason, now)

    # --- time -----------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Do what is due."""
        self._checking.advance(now)

    @property
    def next_timer(self) -> float | None:
        """When `advance` has something to do, monotonic seconds."""
        return self._checking.next_timer

    def close(self, now: float) -> None:
        """End it: nothing is sent any more. Sockets and connections are the agent's matter."""
        self._client.stop()
        self._conclusion.set_state(SessionState.CLOSED, now)
