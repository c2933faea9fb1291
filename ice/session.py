"""One ICE session on asyncio: the door of the package.

session = Session(network=HostNetwork(), config=IceConfig(), role=Role.CONTROLLING)
ours = await session.gather()
... exchange descriptions ...
session.set_remote(theirs)
await session.completed()
session.path(1).send(packet)
...
await session.close()
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from ice.agent import Agent
from ice.both_lite import BothLite
from ice.config import IceConfig
from ice.driver import Driver
from ice.errors import GatheringFailed, IceFailed
from ice.floor import Floor
from ice.fresh_credentials import fresh_credentials
from ice.gather import Gathered, Receivers, gather_hosts, release
from ice.gathering import Gathering, sources
from ice.local_sockets import LocalSockets
from ice.messages import (
    CheckReceived,
    ConsentAnswered,
    Event,
    PacketRefused,
    PairNominated,
    PathLost,
    PathSelected,
    StateChanged,
)
from ice.network import Network
from ice.path import SelectedPath
from ice.plain import PlainSource
from ice.remote_trickle import RemoteTrickle
from ice.report import SessionReport
from ice.stream_set import stream_set
from ice.streams import Streams
from ice.types import (
    Description,
    FlowId,
    Role,
    SessionState,
    TransportAddress,
)

_MAX_TOLD_SOURCES = 64  # so many become an event each; every packet is counted


class Session:
    """ICE for one data stream of one or more components.

    All methods are called in the event loop that made it. Misuse (a method at the wrong time, an unknown
    component) raises RuntimeError or ValueError; what the peer does becomes an event.

    Attributes:
        both_lite: what two lite agents must agree on.
        trickle: takes the candidates that the peer finds after its description (RFC 8838).
    """

    def __init__(
        self,
        *,
        network: Network,
        config: IceConfig,
        role: Role,
        components: int = 1,
        floor: Floor | None = None,
        streams: Streams | None = None,
    ) -> None:
        """Prepare a session inside a running event loop.

        Args:
            network: where sockets come from.
            config: policy.
            role: controlling where we send the first description (RFC 8445 §6.1.1).
            components: 2 makes room for RTCP beside RTP.
            floor: what all sessions of one machine share; None: that of the process, which is one.
            streams: of a session that has several (`ice.stream_set`); role and floor are its own then.
        """
        self._config = config
        self._components = components
        streams = streams or stream_set(role, config, floor)
        self._agent = Agent(
            role=role,
            credentials=fresh_credentials(),
            tie_breaker=streams.roles.tie_breaker,
            components=components,
            config=config,
            random=secrets.token_bytes,
            streams=streams,
        )
        self._driver = Driver(
            agent=self._agent,
            network=network,
            config=config,
            on_event=self._handle_event,
            on_packet=self._handle_packet,
            intercept=lambda *arrived: self._sources.intercept(*arrived),
        )
        self.both_lite = BothLite(self._agent, self._driver)
        self.trickle = RemoteTrickle(self._agent, self._driver)
        self._flows = self._driver.flows
        self._sockets = LocalSockets(self._flows, ipv6=config.default_ipv6)
        self._receivers = Receivers(
            new_flow=self._agent.new_flow,
            datagrams=self._flows.datagram_receiver,
            connections=self._flows.connection_receiver,
        )
        numbers = streams.foundations
        self._bind = partial(gather_hosts, network, config, components, self._receivers, numbers)
        asked = sources(config, components, network, self._flows, self._receivers, numbers)
        self._sources = Gathering(config, components, asked, streams.pacing)
        self._priorities = config.priorities()
        self._paths = {number: SelectedPath(number) for number in range(1, components + 1)}
        self._gathering = False
        self._problems: tuple[str, ...] = ()
        self._local: Description | None = None
        self._remote_at: float | None = None
        self._plain: dict[FlowId, tuple[SelectedPath, PlainSource]] = {}
        self._told_sources: set[tuple[FlowId, TransportAddress]] = set()
        self._unvalidated = 0
        self._subscribers: list[Callable[[Event], None]] = []
        self._concluded = asyncio.Event()
        self._failure = ""
        self._closed = False
        self._nominated_at: float | None = None
        self._reasons: dict[int, str] = {}
        self._changes: list[PathSelected | PathLost] = []

    async def gather(self) -> Description:
        """Bind the sockets and make our description (RFC 8445 §5.1).

        Raises:
            GatheringFailed: no candidate could be had; nothing is left open.
            ValueError: the policy of `config.prioritisation` gave a priority out of range or twice.
            RuntimeError: called twice or after close.
        """
        if self._gathering or self._closed:
            raise RuntimeError("gather was called twice or after close")
        self._gathering = True
        try:
            hosts: tuple[Gathered, ...] = ()
            if not self._config.relay_only:
                hosts = await self._gather_hosts()
            self._adopt(await self._sources.gather(hosts))
            local = self._agent.local_description
            if not local.candidates:
                why = "; ".join(self._sources.problems) or "no TURN server can be used"
                raise GatheringFailed(f"no relayed candidate: {why}")
        except BaseException:
            await self.close()
            raise
        self._local = local
        self._sockets.tell(local)
        self._driver.pump()
        return local

    async def _gather_hosts(self) -> tuple[Gathered, ...]:
        found = await self._bind()
        self._problems = found.problems
        self._adopt(found.gathered)
        return found.gathered

    def _adopt(self, gathered: Sequence[Gathered]) -> None:
        if self._closed:
            release(gathered)
            raise GatheringFailed("the session was closed while it gathered")
        try:
            ranked = [replace(item, candidate=self._priorities.give(item.candidate)) for item in gathered]
        except ValueError:
            release(gathered)
            raise
        for item in ranked:
            self._sockets.adopt(item)
            self._agent.add_local_candidate(item.candidate, item.flow, self._driver.now())

    @property
    def local_description(self) -> Description:
        """What we tell the peer; RuntimeError before `gather`."""
        if self._local is None:
            raise RuntimeError("gather comes first")
        return self._local

    @property
    def state(self) -> SessionState:
        """State of the session."""
        return self._agent.state

    @property
    def role(self) -> Role:
        """Our role now; a conflict may have changed it."""
        return self._agent.role

    @property
    def open_sockets(self) -> int:
        """Sockets, connections and dialling attempts that are not closed yet."""
        return self._flows.open_sockets

    def default_address(self, component: int) -> TransportAddress:
        """Where a peer without ICE sends to (RFC 8445 §5.1.4): UDP and IPv4 where there is such an address.

        Most peers without ICE know nothing else.

        Raises:
            ValueError: no candidate of that component.
        """
        if self._local is None:
            raise RuntimeError("gather comes first")
        return self._sockets.default(component).address

    def set_role(self, role: Role) -> None:
        """Change the role before the peer's description is set (the peer is lite, say)."""
        if self._remote_at is not None:
            raise RuntimeError("the role is fixed once the peer's description is known")
        self._driver.feed(lambda now: self._agent.set_role(role, now))

    def set_remote(self, description: Description) -> None:
        """Take the peer's description and begin the checks."""
        if self._local is None or self._closed or self._remote_at is not None:
            raise RuntimeError("set_remote comes once, after gather and before close")
        self._remote_at = self._driver.now()
        self._driver.feed(lambda now: self._agent.set_remote(description, now))

    def check_again(self) -> None:
        """Check failed pairs once more where there is no path yet: the peer may have begun only now."""
        self._driver.feed(self._agent.check_again)

    def limit_components(self, count: int) -> None:
        """Use only components 1 to `count` from now on: RTP and RTCP share one (RFC 5761 §5.1.3)."""
        if not 1 <= count <= self._components:
            raise ValueError(f"{count} of {self._components} components")
        self._driver.feed(lambda now: self._agent.limit_components(count, now))
        self._sockets.limit_components(count)
        for number in range(count + 1, self._components + 1):
            self._paths[number].stop()

    # --- the path ---

    async def completed(self) -> None:
        """Wait for a nominated pair of every component.

        Raises:
            IceFailed: there is none, or the session closed; the text says why.
        """
        await self._concluded.wait()
        if self.state is not SessionState.COMPLETED:
            raise IceFailed(self._failure or "the session was closed")

    def path(self, component: int) -> SelectedPath:
        """The path of a component: one object for the whole session, its pair may change.

        Raises:
            ValueError: there is no such component.
        """
        if component not in self._paths:
            raise ValueError(f"there is no component {component}")
        return self._paths[component]

    def plain_path(self, component: int, remote: TransportAddress) -> SelectedPath:
        """The path to a peer without ICE: the default candidate's UDP socket, no checks (RFC 8839 §3.2.5).

        Sockets that a peer without ICE cannot use are closed.

        Raises:
            ValueError: the component has no UDP socket.
            RuntimeError: the peer has a description.
        """
        if self._remote_at is not None:
            raise RuntimeError("a peer with a description is checked")
        path = self.path(component)
        chosen = self._sockets.keep_defaults().get(component)
        socket = None if chosen is None else self._flows.udp(chosen)
        if chosen is None or socket is None:
            raise ValueError(f"component {component} has no UDP socket")
        self._sources.stop()
        self._plain[chosen] = (path, PlainSource(remote))
        path.use_udp(socket, remote, None)
        return path

    def subscribe(self, on_event: Callable[[Event], None]) -> Callable[[], None]:
        """Call `on_event` for every event from now on; the returned function ends that."""
        self._subscribers.append(on_event)

        def unsubscribe() -> None:
            if on_event in self._subscribers:
                self._subscribers.remove(on_event)

        return unsubscribe

    def report(self) -> SessionReport:
        """The session as it is now; also after close."""
        nominated_ms = None
        if self._nominated_at is not None and self._remote_at is not None:
            nominated_ms = (self._nominated_at - self._remote_at) * 1000
        return SessionReport(
            state=self.state,
            role=self.role,
            reason=self._failure or self._reasons.get(1, ""),
            nominated_ms=nominated_ms,
            pairs=self._agent.pairs,
            selected=self._paths[1].pair,
            path_changes=tuple(self._changes),
            unvalidated_packets=self._unvalidated,
            gathering_problems=(*self._problems, *self._sources.problems),
        )

    async def close(self) -> None:
        """End the session: no socket, task or timer is left. May be called again."""
        if not self._closed:
            self._closed = True
            for path in self._paths.values():
                path.stop()
            self._concluded.set()
        await self._driver.close()
        await self._sources.close()

    # --- what the driver tells ---

    def _handle_event(self, event: Event) -> None:
        match event:
            case StateChanged(state=SessionState.COMPLETED):
                self._sources.stop()
                if self._nominated_at is None:
                    self._nominated_at = event.at
                self._failure = ""
                self._concluded.set()
            case StateChanged(state=SessionState.FAILED):
                self._sources.stop()
                self._failure = event.reason or "no path was found"
                self._concluded.set()
            case PathSelected():
                self._flows.prove(event.flow)
                self._select(event)
            case PathLost():
                self._changes.append(event)
                self._paths[event.component].stop()
            case CheckReceived():
                self._flows.prove(event.flow)
            case ConsentAnswered() | PairNominated():
                self._refresh_pairs()
            case _:
                pass
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception as error:
                # A fault of the application must not stop the checks.
                context = {"message": "a subscriber of an ICE session failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)

    def _select(self, event: PathSelected) -> None:
        if event.component in self._reasons:
            self._changes.append(event)
        self._reasons[event.component] = event.reason
        path = self._paths[event.component]
        connection = self._flows.connection(event.flow)
        socket = self._flows.udp(event.flow)
        if connection is not None:
            path.use_tcp(connection, event.pair)
        elif socket is not None:
            path.use_udp(socket, event.remote, event.pair)
        else:
            # It ended while the event waited; the core hears of that next.
            path.stop()

    def _refresh_pairs(self) -> None:
        for component, path in self._paths.items():
            if path.pair is not None:
                path.pair = self._agent.selected(component) or path.pair

    def _handle_packet(self, flow: FlowId, remote: TransportAddress, packet: bytes, now: float) -> None:
        path = self._route(flow, remote)
        if path is not None:
            path.deliver(packet, now)
            return
        self._unvalidated += 1
        if self._flows.connection(flow) is not None:
            # The core judges strangers on connections by all they send (RFC 6544 §7.1).
            self._driver.feed(lambda at: self._agent.receive(flow, remote, packet, at))
        elif (flow, remote) not in self._told_sources and len(self._told_sources) < _MAX_TOLD_SOURCES:
            self._told_sources.add((flow, remote))
            reason = "media from a source without a valid check"
            self._handle_event(PacketRefused(at=now, flow=flow, remote=remote, reason=reason))

    def _route(self, flow: FlowId, remote: TransportAddress) -> SelectedPath | None:
        if flow in self._plain:
            path, source = self._plain[flow]
            return path if source.accepts(remote) else None
        component = self._agent.accepts_data(flow, remote)
        return None if component is None else self._paths[component]
