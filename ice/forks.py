"""Several peers that have one description of ours: an agent for each (RFC 8445 §7.3.1.4, RFC 8839 §7.3).

An offer that was forked is answered more than once. Each answer is an ICE session of its own: role, check
list, nomination, paths. Credentials, candidates, sockets and pacing are those of the one description (RFC
6544 §8).

Checks are told apart by both halves of USERNAME, answers by their transaction, media by socket and source. A
connection that a listener has accepted is everybody's until a valid check on it names its peer. A socket or
connection is closed once the last agent has let go of it.

A check that names a peer whose description is not here yet is answered, kept, and acted on when that comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ice.agent import Agent
from ice.checks.connection import DialFailure
from ice.errors import StunError
from ice.generation import Generation
from ice.messages import CloseFlow, Command, SendDatagram, SendFrame
from ice.stun.attributes import Username
from ice.stun.message import MessageClass, StunMessage, parse, short_term_key
from ice.types import Description, FlowId, TransportAddress

MAX_FORKS = 16
"""So many peers are taken for one description; nobody rings more phones at once."""

_MAX_EARLY = 64
"""Sources of checks that are remembered until the description of their peer arrives."""


class _Early(NamedTuple):
    """A check of a peer that nobody knew, and who answered it."""

    peer: str
    agent: Agent
    data: bytes


class Forks:
    """The agents of one local description; with one agent alone it passes everything on.

    Args:
        first: the agent that made the description.
    """

    def __init__(self, first: Agent) -> None:
        self._agents = [first]
        self._early: dict[tuple[FlowId, TransportAddress], _Early] = {}
        self._ready: list[Command] = []

    def __iter__(self) -> Iterator[Agent]:
        return iter(tuple(self._agents))

    def __len__(self) -> int:
        return len(self._agents)

    # --- coming and going -----------------------------------------------------------------------------------

    def fork(self, of: Agent, now: float) -> Agent:
        """One more agent with the description of another; `set_remote` gives it its peer.

        What the other has freed by now is not there for the new one either.

        Raises:
            ValueError: the other is lite, has restarted ICE, or is one stream of several; or there are
                `MAX_FORKS`.
        """
        generations = tuple(of.generations)
        only = generations[0]
        if len(generations) > 1 or not isinstance(only, Generation):
            raise ValueError("only a full agent that has not restarted can fork")
        if len(self._agents) >= MAX_FORKS:
            raise ValueError(f"no more than {MAX_FORKS} forks")
        agent = of.fork()
        for candidate, flow in only.local_candidates:
            if flow is None or of.table.find(flow) is not None:
                agent.add_local_candidate(candidate, flow, now)
        for connection in of.table.connections:
            if connection.listener is not None:
                agent.flow_accepted(
                    connection.flow, connection.listener, connection.local, connection.remote, now
                )
        self._agents.append(agent)
        return agent

    def set_remote(self, agent: Agent, description: Description, now: float) -> None:
        """The peer of an agent is known: what it has checked before is acted on.

        Raises:
            ValueError: as `Agent.set_remote`.
        """
        agent.set_remote(description, now)
        for (flow, remote), early in tuple(self._early.items()):
            if early.peer == description.credentials.ufrag:
                del self._early[flow, remote]
                if early.agent is not agent:
                    self._repeat(agent, flow, remote, early.data, now)

    def _repeat(self, agent: Agent, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """Give an agent a check that was answered already: its answer is not sent again."""
        transaction = parse(data).transaction_id
        self._collect()
        agent.receive(flow, remote, data, now)
        self._ready += [command for command in agent.take_commands() if not _answers(command, transaction)]
        self._settle(agent, flow, remote, now)

    def drop(self, agent: Agent) -> None:
        """An agent was closed, and its last commands were taken."""
        self._agents.remove(agent)
        self._early = {key: early for key, early in self._early.items() if early.agent is not agent}

    # --- packets and connections ----------------------------------------------------------------------------

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """A datagram, or the content of one frame, for whoever it concerns."""
        if not self._agents:
            return
        message = _parsed(data)
        if message is None:
            # Every agent judges strangers on connections by all they send.
            for agent in self._holders(flow):
                agent.receive(flow, remote, data, now)
        elif message.message_class is not MessageClass.REQUEST:
            transaction = message.transaction_id
            waiting = (agent for agent in self if any(g.expects(transaction) for g in agent.generations))
            next(waiting, self._holders(flow)[0]).receive(flow, remote, data, now)
        else:
            agent, known = self._asked(message, flow)
            if not known:
                self._remember(agent, message, flow, remote, data)
            agent.receive(flow, remote, data, now)
            self._settle(agent, flow, remote, now)

    def _asked(self, message: StunMessage, flow: FlowId) -> tuple[Agent, bool]:
        """Whom a request is for, and whether its peer is known."""
        username = message.get(Username)
        ours, _, theirs = ("" if username is None else username.value).partition(":")
        for agent in self:
            for generation in agent.generations:
                remote = generation.remote
                if generation.credentials.ufrag == ours and (
                    remote is not None and remote.credentials.ufrag == theirs
                ):
                    return agent, True
        # Whoever waits for its peer answers; else anybody does: they have one password.
        open_ = (agent for agent in self if agent.remote_description is None)
        return next(open_, self._holders(flow)[0]), False

    def _remember(
        self, agent: Agent, message: StunMessage, flow: FlowId, remote: TransportAddress, data: bytes
    ) -> None:
        username = message.get(Username)
        password = agent.generations.current.credentials.password
        if username is None or not message.verifies(short_term_key(password)):
            return
        if (flow, remote) in self._early or len(self._early) < _MAX_EARLY:
            peer = username.value.partition(":")[2]
            self._early[flow, remote] = _Early(peer=peer, agent=agent, data=data)

    def _settle(self, agent: Agent, flow: FlowId, remote: TransportAddress, now: float) -> None:
        """A connection on which the peer of an agent has proved itself is nobody else's."""
        if agent.remote_description is None or agent.accepts_data(flow, remote) is None:
            return
        for other in self:
            connection = None if other is agent else other.table.connection(flow)
            if connection is not None and connection.pair is None:
                other.flow_closed(flow, "it is that of another fork", now)

    def _holders(self, flow: FlowId) -> list[Agent]:
        """Who uses a socket or connection; everybody where nobody does."""
        return [agent for agent in self if agent.table.find(flow) is not None] or list(self)

    def listener(self, flow: FlowId, remote: TransportAddress) -> Agent | None:
        """Whose media comes from there, the first one's where it is nobody's; None where all are closed."""
        if len(self._agents) < 2:
            return next(iter(self._agents), None)
        heard = [agent for agent in self if agent.accepts_data(flow, remote) is not None]
        first = self._holders(flow)[0]
        # One that has no peer yet only thinks that a check was for it.
        return min(heard, key=lambda agent: agent.remote_description is None, default=first)

    def accepted(
        self,
        flow: FlowId,
        listener: FlowId,
        local: TransportAddress,
        remote: TransportAddress,
        now: float,
    ) -> None:
        """A listener accepted a connection."""
        for agent in self:
            agent.flow_accepted(flow, listener, local, remote, now)

    def opened(self, flow: FlowId, local: TransportAddress, now: float) -> None:
        """A connection that one of them dialled is there."""
        for agent in self._holders(flow):
            agent.flow_opened(flow, local, now)

    def failed(self, flow: FlowId, reason: str, now: float, failure: DialFailure) -> None:
        """A connection that one of them dialled could not be had."""
        for agent in self._holders(flow):
            agent.flow_failed(flow, reason, now, failure)

    def ended(self, flow: FlowId, reason: str, now: float) -> None:
        """A connection ended."""
        for agent in self._holders(flow):
            agent.flow_closed(flow, reason, now)

    def lost(self, flow: FlowId, reason: str, now: float) -> None:
        """A socket is gone, say the relay behind it."""
        for agent in self:
            agent.socket_lost(flow, reason, now)

    # --- for the shell --------------------------------------------------------------------------------------

    def take_commands(self) -> list[Command]:
        """Commands since the last call; a flow that another agent uses still is not closed."""
        self._collect()
        ready, self._ready = self._ready, []
        return [command for command in ready if not self._is_used(command)]

    def _collect(self) -> None:
        for agent in self:
            self._ready += agent.take_commands()

    def _is_used(self, command: Command) -> bool:
        return isinstance(command, CloseFlow) and any(
            agent.table.find(command.flow) is not None for agent in self._agents
        )

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for agent in self:
            agent.handle_timer(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` must be called next, monotonic seconds."""
        times = (agent.next_timer() for agent in self)
        return min((at for at in times if at is not None), default=None)


def _parsed(data: bytes) -> StunMessage | None:
    try:
        return parse(data)
    except StunError:
        return None


def _answers(command: Command, transaction: bytes) -> bool:
    if not isinstance(command, SendDatagram | SendFrame):
        return False
    message = _parsed(command.data)
    return (
        message is not None
        and message.transaction_id == transaction
        and message.message_class is not MessageClass.REQUEST
    )
