"""The ICE agent: one data stream, without IO, clock or randomness of its own (RFC 8445, RFC 6544).

Feed it what happens, carry out its commands, deliver its events, call `handle_timer` at `next_timer`:

    agent.receive(flow, remote, data, now)
    for command in agent.take_commands(): ...
    for event in agent.take_events(): ...
    arm_timer(agent.next_timer())

It keeps what outlives a restart: sockets and connections, role, pacing. The rest is a generation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ice.checks.connection import DialFailure, LocalSocket
from ice.checks.connection_table import ConnectionTable
from ice.config import IceConfig
from ice.generation import Generation
from ice.generations import AnyGeneration, Generations
from ice.lite.beside import LiteBeside
from ice.lite.generation import LiteGeneration
from ice.messages import Command, Event
from ice.outbox import Outbox
from ice.streams import Streams
from ice.surroundings import Surroundings
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


class Agent:
    """One ICE agent for one data stream.

    Args:
        role: controlling where we send the first description (RFC 8445 §6.1.1).
        credentials: our user name fragment and password.
        tie_breaker: 64 random bits.
        components: 1, or 2 with RTCP beside RTP.
        config: policy.
        random: random(n) gives n unpredictable bytes.
        streams: of a session that has several; its role and tie-breaker count then. None: there is no other.

    Raises:
        ValueError: a pacing under 5 ms (RFC 8445 §14.2), no component, a tie-breaker that has not 64 bits.
    """

    def __init__(
        self,
        *,
        role: Role,
        credentials: Credentials,
        tie_breaker: int,
        components: int,
        config: IceConfig,
        random: Callable[[int], bytes],
        streams: Streams | None = None,
    ) -> None:
        if components < 1:
            raise ValueError("a stream has at least one component")
        self._out = Outbox()
        self.streams = streams or Streams(role=role, tie_breaker=tie_breaker, config=config, random=random)
        self._roles = self.streams.roles
        self._table = ConnectionTable(config=config, outbox=self._out, ids=self.streams.flow_ids)
        self._config = config
        self._random = random
        self._generations = Generations(
            begin=self._begin, roles=self._roles, table=self._table, outbox=self._out
        )
        self._around = Surroundings(
            roles=self._roles,
            schedule=self.streams.schedule,
            stream=self.streams.join(self),
            table=self._table,
            config=config,
            random=random,
            owner=self._generations,
            outbox=self._out,
        )
        self._generations.start(credentials, components)

    def _begin(self, credentials: Credentials, components: int, first_pair_id: int) -> AnyGeneration:
        kind = LiteBeside if self._config.lite else Generation
        return kind(
            credentials=credentials,
            components=components,
            first_pair_id=first_pair_id,
            around=self._around,
        )

    def fork(self) -> Agent:
        """An agent with our credentials for another peer that has our description (`ice.forks`)."""
        return Agent(
            role=self.role,
            credentials=self._generations.current.credentials,
            tie_breaker=self._roles.tie_breaker,
            components=self._generations.current.components,
            config=self._config,
            random=self._random,
            streams=self.streams.fork(),
        )

    # --- what is known --------------------------------------------------------------------------------------

    @property
    def state(self) -> SessionState:
        """NEW until the peer's description is set, then RUNNING, COMPLETED or FAILED; CLOSED at the end."""
        return self._generations.state

    @property
    def role(self) -> Role:
        """Our present role."""
        return self._roles.role

    @property
    def counters(self) -> Mapping[str, int]:
        """How often what was refused, by kind."""
        return self._out.counters

    @property
    def pairs(self) -> tuple[PairView, ...]:
        """All pairs that ever were in the check list, oldest first."""
        return self._generations.pairs

    def selected(self, component: int) -> PairView | None:
        """The pair that carries the media of a component, None before there is one."""
        return self._generations.selected(component)

    def accepts_data(self, flow: FlowId, remote: TransportAddress) -> int | None:
        """The component whose media may come from there: an authenticated check or answer did before."""
        return self._table.accepts_data(flow, remote)

    @property
    def generations(self) -> Generations:
        """Whose checks are answered, and with which credentials."""
        return self._generations

    @property
    def table(self) -> ConnectionTable:
        """Sockets and connections that are in use."""
        return self._table

    @property
    def lite(self) -> LiteGeneration | None:
        """What only a lite agent can do, None of a full one."""
        current = self._generations.current
        return current if isinstance(current, LiteGeneration) else None

    # --- candidates and descriptions ------------------------------------------------------------------------

    def new_flow(self) -> FlowId:
        """A fresh id for a socket of the shell."""
        return self._table.new_flow()

    def add_local_candidate(self, candidate: Candidate, flow: FlowId | None, now: float) -> None:
        """Tell of a local candidate.

        Args:
            candidate: ours.
            flow: its UDP socket or TCP listener; None for an active TCP candidate, which has none.
            now: monotonic seconds.

        Raises:
            ValueError: a flow is missing, superfluous or taken; the component is not one of ours.
        """
        current = self._generations.current
        if not 1 <= candidate.component <= current.components:
            raise ValueError(f"component {candidate.component} is not in use")
        current.add_local_candidate(candidate, flow, now)
        if current.remote is not None:
            self._advance(now)

    @property
    def local_description(self) -> Description:
        """What the peer must be told: our credentials and best candidates, highest priority first."""
        return self._generations.current.local_description

    def set_remote(self, description: Description, now: float) -> None:
        """Take the peer's description and start checking.

        A repeated description of the same generation adds what is new in it (RFC 8839 §4.4).

        Raises:
            ValueError: its credentials are others than before, or it is lite now and was not: `restart` comes
                first; or the agent is closed.
        """
        known = self._generations.current.remote
        if known is not None and (
            known.credentials != description.credentials or known.lite is not description.lite
        ):
            raise ValueError("that means an ICE restart: restart() comes first (RFC 8445 §9)")
        if self.state is SessionState.CLOSED:
            raise ValueError("the agent is closed")
        self._generations.set_remote(description, now)
        self._advance(now)

    def restart(self, credentials: Credentials, now: float, components: int | None = None) -> None:
        """Begin a new generation (RFC 8445 §9): local candidates, descriptions and checks are wanted anew.

        The role stays; media stays on its path until the new generation has one for every component.

        Args:
            credentials: new user name fragment and password.
            now: monotonic seconds.
            components: as many as now where None.

        Raises:
            ValueError: the credentials are not new, no component, or the agent is closed.
        """
        if self.state is SessionState.CLOSED:
            raise ValueError("the agent is closed")
        wanted = self._generations.current.components if components is None else components
        if wanted < 1:
            raise ValueError("a stream has at least one component")
        self._generations.restart(credentials, wanted, now)
        self._advance(now)

    def abandon_restart(self, now: float) -> None:
        """Forget a restart whose offer was refused; ValueError where none waits for a description."""
        self._generations.abandon(now)
        self._advance(now)

    def leave_ice(self, now: float) -> None:
        """The peer answers our restart without ICE: keep the sockets of the new description, end all else.

        Raises:
            ValueError: no restart waits for a description.
        """
        if not self.restarting:
            raise ValueError("no restart waits for the peer's description")
        self._generations.leave_ice(now)
        self._advance(now)

    @property
    def restarting(self) -> bool:
        """True from the beginning of a restart to its end, good or bad."""
        return self._generations.restarting

    @property
    def remote_description(self) -> Description | None:
        """What the peer told last; of the generation before while a restart waits for it."""
        return self._generations.remote

    def set_role(self, role: Role, now: float) -> None:
        """Take another role before the peer's description is known (the peer is lite, say).

        Raises:
            ValueError: the peer's description is known: only a conflict changes the role now.
        """
        if self._generations.current.remote is not None:
            raise ValueError("the role is fixed once the peer's description is known")
        if role is not self._roles.role:
            self._roles.role = role
            self._generations.role_changed(now)

    def add_remote_candidate(self, candidate: Candidate, now: float) -> None:
        """Take a candidate that came after the description (RFC 8838); ignored after the end of candidates.

        Raises:
            ValueError: there is no description yet.
        """
        self._generations.informed.add_remote_candidate(candidate, now)
        self._advance(now)

    def end_of_candidates(self, now: float) -> None:
        """The peer has no more candidates (RFC 8838 §14); ValueError without its description."""
        self._generations.informed.end_of_candidates(now)
        self._advance(now)

    def check_again(self, now: float) -> None:
        """Check failed pairs once more where there is no path yet: the peer may have begun only now."""
        if isinstance(generation := self._generations.current, Generation):
            generation.check_again(now)
        self._advance(now)

    def limit_components(self, count: int, now: float) -> None:
        """Use components 1 to `count` only: rtcp-mux was agreed; ValueError under 1."""
        if count < 1:
            raise ValueError("a stream has at least one component")
        self._generations.current.limit_components(count, now)
        self._advance(now)

    # --- packets and connections ----------------------------------------------------------------------------

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """A datagram, or the content of one frame, that is STUN or comes from where no media may come from.

        Never raises for what is in it; what is refused becomes an event and a count.
        """
        if self.state is not SessionState.CLOSED:
            self._generations.receive(flow, remote, data, now)
            self._advance(now)

    def heard_media(self, component: int, now: float, packets: int = 1) -> bool:
        """Media came from where `accepts_data` allows it; True where `next_timer` changed by that."""
        return self._generations.heard_media(component, now, packets)

    def flow_opened(self, flow: FlowId, local: TransportAddress, now: float) -> None:
        """The connection that `OpenTcp` asked for is there; `local` is its address."""
        connection = self._table.connection(flow)
        if connection is not None:
            self._generations.connection_opened(connection, local, now)
        self._advance(now)

    def flow_failed(
        self, flow: FlowId, reason: str, now: float, failure: DialFailure = DialFailure.OTHER
    ) -> None:
        """The connection that `OpenTcp` asked for could not be had."""
        connection = self._table.connection(flow)
        if connection is not None:
            connection.failure = failure
        self._ended(flow, reason, now)

    def flow_closed(self, flow: FlowId, reason: str, now: float) -> None:
        """A connection ended: closed or reset by the peer, or broken."""
        self._ended(flow, reason, now)

    def _ended(self, flow: FlowId, reason: str, now: float) -> None:
        connection = self._table.connection(flow)
        if connection is not None:
            self._generations.connection_ended(connection, reason, now)
        self._advance(now)

    def flow_accepted(
        self,
        flow: FlowId,
        listener: FlowId,
        local: TransportAddress,
        remote: TransportAddress,
        now: float,
    ) -> None:
        """A listener accepted a connection; it is nobody's until its first valid check."""
        socket = self._table.find(listener)
        if isinstance(socket, LocalSocket) and self._table.is_listener(socket):
            connection = self._table.accept(flow, socket, local, remote, now)
            self._generations.connection_accepted(connection, now)
        else:
            self._table.turn_away(flow)
        self._advance(now)

    def socket_lost(self, flow: FlowId, reason: str, now: float) -> None:
        """A socket of ours is gone, say the relay behind it: its pairs fail, and media that took it stops."""
        if self.state is not SessionState.CLOSED:
            self._generations.socket_lost(flow, reason, now)
            self._advance(now)

    def host_lost(self, host: str, now: float) -> None:
        """An address of this host, without zone, is gone: what stands on it fails, and media there stops."""
        self._generations.host_lost(host, now)
        self._advance(now)

    # --- time -----------------------------------------------------------------------------------------------

    def handle_timer(self, now: float) -> None:
        """Do what is due; call it at `next_timer` or later."""
        self._advance(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` must be called next, monotonic seconds; None: not before something happens."""
        times = (self._table.next_timer, self._generations.next_timer)
        return min((at for at in times if at is not None), default=None)

    def _advance(self, now: float) -> None:
        for stranger in self._table.expired(now):
            self._table.close(stranger, "no valid check in time", now)
        self._generations.advance(now)

    def close(self, now: float) -> None:
        """End the session: all connections and sockets are given up, nothing is sent any more."""
        if self.state is SessionState.CLOSED:
            return
        for connection in self._table.connections:
            self._table.close(connection, "the session is closed", now)
        for socket in self._table.sockets:
            self._table.free_socket(socket.flow, "the session is closed")
        self._generations.close(now)

    def take_commands(self) -> list[Command]:
        """Commands since the last call, to be carried out in order."""
        return self._out.take_commands()

    def take_events(self) -> list[Event]:
        """Events since the last call, oldest first."""
        return self._out.take_events()
