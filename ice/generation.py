"""One generation of ICE: everything that belongs to one pair of credentials (RFC 8445 §9, RFC 8839 §4.4).

It wires the parts that own the rules: check list, client and server side of checks, nomination, paths. A
restart begins another one (`ice.generations`); connections, role and pacing outlive it.
"""

from __future__ import annotations

from dataclasses import replace

from ice.candidates.local_candidates import LocalCandidates
from ice.candidates.remote_candidates import RemoteCandidates
from ice.checks.checking import Checking
from ice.checks.checklist import CheckList
from ice.checks.client import CheckClient
from ice.checks.conclusion import Conclusion
from ice.checks.connection import Connection
from ice.checks.inbound import InboundChecks
from ice.checks.packets import Packets
from ice.checks.results import CheckResults
from ice.checks.server import CheckServer
from ice.paths.paths import Paths
from ice.paths.proved import ProvedPaths
from ice.surroundings import Surroundings
from ice.turn.peer_permissions import PeerPermissions
from ice.types import (
    Candidate,
    Credentials,
    Description,
    FlowId,
    PairState,
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
        roles, table, owner, outbox = around.roles, around.table, around.owner, around.outbox
        schedule, config, random = around.schedule, around.config, around.random
        self.credentials = credentials
        self.remote: Description | None = None
        """The peer's description, None before it is known."""
        self._config = config
        self._roles = roles
        self._pacing = schedule.pacing
        self._owner = owner
        self._outbox = outbox
        self._retired_until: float | None = None
        self._locals = LocalCandidates(limit=config.max_candidates, table=table, outbox=outbox)
        checks = self._checks = CheckList(
            role=roles.role, max_pairs=config.max_pairs, first_id=first_pair_id, outbox=outbox
        )
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
            speaks=lambda component: owner.speaks(self, component),
            advise=lambda reason, now: owner.advise_restart(self, reason, now),
            insist=lambda reason, now: owner.insist_on_restart(self, reason, now),
            outbox=outbox,
        )
        inbound = self._inbound = InboundChecks(
            table=table,
            locals_=self._locals,
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
            lists=schedule.lists,
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
            told=lambda state, reason, now: owner.state_changed(self, state, reason, now),
            needed_elsewhere=lambda: owner.needed_beside(self),
            locals_=self._locals,
            outbox=outbox,
        )
        checking = self._checking = Checking(
            schedule=schedule,
            stream=around.stream,
            checks=checks,
            client=client,
            results=results,
            table=table,
            paths=paths,
            proved=ProvedPaths(
                consent_timeout_s=config.consent_timeout_s,
                is_open=lambda component: paths.pair(component) is None and owner.speaks(self, component),
                outbox=outbox,
            ),
            conclusion=conclusion,
            roles=roles,
            on_role_change=owner.role_changed,
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
            on_role_change=owner.role_changed,
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

    @property
    def local_candidates(self) -> tuple[tuple[Candidate, FlowId | None], ...]:
        """All our candidates with their sockets."""
        return self._locals.items

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
            self._owner.role_changed(now)
        self._pacing.agree(description.pacing_ms)
        self._client.set_remote(description.credentials)
        self._paths.set_remote(description.credentials, now)
        self._conclusion.start(description, now)

    def take_role(self) -> None:
        """The role of the agent is another one."""
        self._checking.role_changed()

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

    def check_again(self, now: float) -> None:
        """Failed pairs get another check while there is no path."""
        for pair in tuple(self._checks) if self.state is SessionState.RUNNING else ():
            if pair.state is PairState.FAILED:
                self._checks.trigger(pair, now)

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
        self._checking.pairs_formed(self._checks.form(usable, self._remotes.signalled, now), now)

    # --- packets and connections ----------------------------------------------------------------------------

    def expects(self, transaction_id: bytes) -> bool:
        """True where a check or consent check of ours waits for this answer."""
        return self._client.expects(transaction_id) or self._paths.expects(transaction_id)

    def owns(self, flow: FlowId) -> bool:
        """True of sockets of our candidates, connections that they accepted and that our pairs dialled."""
        return self._conclusion.owns(flow)

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """A datagram or the content of one frame."""
        self._packets.receive(flow, remote, data, now)

    def heard_media(self, component: int, now: float, packets: int = 1) -> bool:
        """Media came from the peer; True where `next_timer` is another one by that."""
        return self._paths.heard_media(component, now, packets)

    def connection_accepted(self, connection: Connection, now: float) -> None:
        """A listener accepted a connection."""
        self._checking.connection_accepted(connection, now)

    def connection_opened(self, connection: Connection, local: TransportAddress, now: float) -> None:
        """A connection that we dialled is there."""
        self._checking.connection_opened(connection, local, now)

    def connection_ended(self, connection: Connection, reason: str, now: float) -> bool:
        """A connection could not be had, or ended; True where a pair of ours goes on all the same."""
        return self._checking.connection_ended(connection, reason, now)

    def socket_lost(self, flow: FlowId, reason: str, now: float) -> bool:
        """A socket is gone, say the relay behind it: fail its pairs; True where it carried media."""
        self._conclusion.socket_lost(flow, reason, now)
        return self._paths.socket_lost(flow, reason, now)

    def host_lost(self, host: str, reason: str, now: float) -> bool:
        """An address of ours is gone: drop what stands on it; True where it carried media."""
        self._conclusion.host_lost(host, reason, now)
        return self._paths.host_lost(host, reason, now)

    # --- beside other generations (ice.generations) ---------------------------------------------------------

    @property
    def quiet(self) -> bool:
        """True while another generation has the pacing."""
        return self._checking.quiet

    @quiet.setter
    def quiet(self, quiet: bool) -> None:
        self._checking.quiet = quiet

    @property
    def retired(self) -> bool:
        """True once the media has moved on: only checks of the peer are answered still."""
        return self._retired_until is not None

    def retire(self, now: float) -> None:
        """The media is elsewhere: send nothing, answer a peer that is not there yet, then free everything."""
        self._client.stop()
        self._packets.deaf = True
        self._retired_until = now + self._config.release_after_s

    def alive(self, component: int) -> bool:
        """True while media can be sent on our path."""
        return not self.retired and self._paths.alive(component)

    @property
    def can_carry(self) -> bool:
        """True while every component can send."""
        return all(self.alive(component) for component in range(1, self.components + 1))

    def told(self, component: int) -> bool:
        """True where the application was told that media takes our path."""
        return self._paths.told(component)

    def announce(self, now: float) -> None:
        """Tell of paths that were kept back until now."""
        if not self.retired:
            self._paths.announce(now)

    @property
    def needs(self) -> frozenset[FlowId]:
        """Sockets and connections that nobody else may free."""
        if self.state is SessionState.COMPLETED or self.retired:
            return self._paths.flows if not self.retired else frozenset()
        return frozenset(self._conclusion.own_flows)

    @property
    def next_pair_id(self) -> int:
        """An id that no pair of ours has."""
        return self._checks.next_id

    # --- time -----------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Do what is due."""
        if self._retired_until is None:
            self._checking.advance(now)
        elif now >= self._retired_until:
            self.close("not needed: the media is on the path of the restart", now)

    @property
    def next_timer(self) -> float | None:
        """When `advance` has something to do, monotonic seconds."""
        if self.state is SessionState.CLOSED:
            return None
        return self._checking.next_timer if self._retired_until is None else self._retired_until

    def close(self, reason: str, now: float) -> None:
        """End it: nothing is sent any more, and all that no other generation needs is freed."""
        self._client.stop()
        self._checking.stop()
        self._conclusion.free(reason, now)
        self._conclusion.set_state(SessionState.CLOSED, now)
