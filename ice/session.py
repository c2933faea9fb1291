"""One ICE session on asyncio: the door of the package. docs/ice.md shows it at work."""

from __future__ import annotations

from collections.abc import Callable

from ice.candidates.remote_trickle import RemoteTrickle
from ice.checks.floor import Floor
from ice.config import IceConfig
from ice.driver import Listener
from ice.errors import IceFailed
from ice.fresh_credentials import fresh_credentials
from ice.lite.both_lite import BothLite
from ice.messages import CheckReceived, Event, StateChanged
from ice.net.departures import Departures
from ice.net.network import Network
from ice.outcome import Outcome
from ice.paths.carriers import Carriers
from ice.paths.path import SelectedPath
from ice.paths.reception import Reception
from ice.report import SessionReport
from ice.stream_set import stream_set
from ice.streams import Streams
from ice.subscribers import Subscribers
from ice.types import Description, Role, SessionState, TransportAddress
from ice.wiring import Wiring


class Session:
    """ICE for one data stream of one or more components.

    A restart is `restart`, an exchange of descriptions, `set_remote` and `completed` once more; media goes on
    meanwhile (`ice.generations`). Where the peer begins it, its description tells (`is_restart`).

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
        wiring: Wiring | None = None,
    ) -> None:
        """Prepare a session inside a running event loop.

        Args:
            network: where sockets come from.
            config: policy.
            role: controlling where we send the first description (RFC 8445 §6.1.1).
            components: 2 makes room for RTCP beside RTP.
            floor: what all sessions of one machine share; None: that of the process, which is one.
            streams: of a session that has several (`ice.stream_set`); role and floor are its own then.
            wiring: of a fork; `fork` makes one.
        """
        self._network, self._config = network, config
        self._components = components
        self._wiring = wiring or Wiring(
            network=network,
            config=config,
            components=components,
            streams=streams or stream_set(role, config, floor),
        )
        self._agent, self._driver = self._wiring.agent, self._wiring.driver
        self._sides, self._flows = self._wiring.sides, self._driver.flows
        self.both_lite = BothLite(self._agent, self._driver)
        self.trickle = RemoteTrickle(self._agent, self._driver)
        departures = Departures.running()
        self._paths = {number: SelectedPath(number, departures) for number in range(1, components + 1)}
        self._carriers = Carriers(self._paths, self._agent, self._flows)
        self._reception = Reception(self._agent, self._driver, self._paths, self._handle_event)
        self.hear_early, self.hear_strangers = self._reception.hear_early, self._reception.hear_strangers
        takers = (self._sides.intercept, self._reception.intercept)
        listener = Listener(
            self._handle_event, self._reception.take, lambda *stun: any(taker(*stun) for taker in takers)
        )
        self._driver.listen(self._agent, listener)
        self._gathering = False
        self._remote_at: float | None = None
        self._subscribers = Subscribers()
        self._outcome = Outcome()
        self._closed = False

    # --- before checks ---

    async def gather(self) -> Description:
        """Bind the sockets and make our description (RFC 8445 §5.1).

        Raises:
            GatheringFailed: no candidate could be had; nothing is left open.
            ValueError: the policy of `config.prioritisation` gave a priority out of range or twice.
            RuntimeError: called twice or after close.
        """
        if self._gathering or self._closed or self._sides.current.description is not None:
            raise RuntimeError("gather was called twice or after close")
        self._gathering = True
        self._driver.watch_addresses()
        try:
            description = await self._sides.current.gather()
        except BaseException:
            await self.close()
            raise
        self._gathering = False
        self._driver.pump()
        return description

    @property
    def local_description(self) -> Description:
        """What we tell the peer; RuntimeError before `gather`."""
        if self._sides.current.description is None:
            raise RuntimeError("gather comes first")
        return self._sides.current.description

    @property
    def state(self) -> SessionState:
        """State of the session."""
        return self._agent.state

    @property
    def role(self) -> Role:
        """Our role now; a conflict may have changed it."""
        return self._agent.role

    @property
    def components(self) -> int:
        """How many components are in use."""
        return self._components

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
        if self._sides.current.description is None:
            raise RuntimeError("gather comes first")
        return self._sides.current.sockets.default(component).address

    def set_role(self, role: Role) -> None:
        """Change the role before the peer's description is set (the peer is lite, say)."""
        if self._remote_at is not None and not self._agent.restarting:
            raise RuntimeError("the role is fixed once the peer's description is known")
        self._driver.feed(lambda now: self._agent.set_role(role, now))

    def set_remote(self, description: Description) -> None:
        """Take the peer's description and begin the checks; a repeated one adds what is new in it.

        Raises:
            ValueError: it means a restart (`is_restart`), and `restart` was not called.
        """
        if self._sides.current.description is None or self._gathering or self._closed:
            raise RuntimeError("set_remote comes after gather or restart and before close")
        # Sending the first checks takes time, which counts.
        begun_at = self._driver.now()
        self._driver.feed(lambda now: self._driver.forks.set_remote(self._agent, description, now))
        if self._remote_at is None:
            self._remote_at = begun_at

    def fork(self) -> Session:
        """A session with another peer that has our description too: a forked offer (RFC 8839 §7.3).

        It has the description, sockets and pacing of this one and all else of its own: `set_remote` gives it
        its peer, `close` ends it alone. Sockets are closed once no session needs them; one that waits for its
        peer needs all, so keep one while more forks may answer.

        Raises:
            RuntimeError: before `gather` or after close.
            ValueError: we are lite, have restarted, have several streams or too many forks (`ice.forks`).
        """
        if self._sides.current.description is None or self._gathering or self._closed:
            raise RuntimeError("fork comes after gather and before close")
        return Session(
            network=self._network,
            config=self._config,
            role=self.role,
            components=self._components,
            wiring=self._wiring.fork(self._components),
        )

    # --- restarts ---

    def is_restart(self, description: Description) -> bool:
        """True where the peer restarts ICE by this description: `restart` comes before `set_remote`."""
        known = self._agent.remote_description
        return known is not None and (
            known.credentials != description.credentials or known.lite is not description.lite
        )

    async def restart(self, components: int | None = None) -> Description:
        """Gather anew, under new credentials (RFC 8445 §9); gives what the peer must be told.

        With a peer without ICE the old sockets are closed at once, and `plain_path` uses the new ones.

        Media stays on its path until the new description of the peer is set and a pair for every component
        is found, and beyond where none is. `completed` waits for that.

        Args:
            components: as many as are in use where None.

        Raises:
            GatheringFailed: no candidate could be had; all is as it was.
            RuntimeError: before `gather` or while it runs, or after close.
        """
        if self._sides.current.description is None or self._gathering or self._closed:
            raise RuntimeError("restart comes after gather and before close")
        count = self._components if components is None else components
        if not 1 <= count <= len(self._paths):
            raise ValueError(f"{count} of {len(self._paths)} components")
        self._gathering = True
        self._driver.feed(lambda now: self._agent.restart(fresh_credentials(), now, count))
        self._sides.begin(count)
        self._outcome.begin()
        try:
            if not self._reception.plain:
                await self._sides.close_spent()
            description = await self._sides.current.gather()
        except BaseException:
            self._gathering = False
            if self._agent.restarting:
                self.abandon_restart()
            elif self._reception.plain:
                self._sides.revert()
            else:
                # There is nothing to return to: the peer never answered what was before.
                await self.close()
            raise
        self._gathering = False
        self._components = count
        self._driver.pump()
        return description

    def abandon_restart(self) -> None:
        """The peer refused our restart: all is as if it had never been begun (RFC 8839 §4.4).

        Raises:
            ValueError: no restart waits for the peer's description.
        """
        self._driver.feed(self._agent.abandon_restart)
        self._sides.revert()
        if self.state is not SessionState.RUNNING:
            self._outcome.end()

    def check_again(self) -> None:
        """Check failed pairs once more where there is no path yet: the peer may have begun only now."""
        self._driver.feed(self._agent.check_again)

    def limit_components(self, count: int) -> None:
        """Use only components 1 to `count` from now on: RTP and RTCP share one (RFC 5761 §5.1.3)."""
        if not 1 <= count <= self._components:
            raise ValueError(f"{count} of {self._components} components")
        self._driver.feed(lambda now: self._agent.limit_components(count, now))
        self._sides.current.limit_components(count)
        for number in range(count + 1, self._components + 1):
            self._paths[number].stop()
        self._components = count
        self._outcome.recount()

    # --- the path ---

    async def completed(self) -> None:
        """Wait for a nominated pair of every component.

        Raises:
            IceFailed: there is none, a restart found none, or the session closed; the text says why.
        """
        await self._outcome.concluded()
        if self._outcome.failure or self.state is not SessionState.COMPLETED:
            raise IceFailed(self._outcome.failure or "the session was closed")

    async def usable(self) -> None:
        """Wait until each component can send: on any valid pair, before one is nominated (RFC 8445 §12.1).

        Raises:
            IceFailed: as `completed`, which is to follow: what is used so far may fail yet.
        """
        await self._outcome.usable(lambda: self._components)
        if self._outcome.failure or self.state not in (SessionState.RUNNING, SessionState.COMPLETED):
            raise IceFailed(self._outcome.failure or "the session was closed")

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

        Sockets that a peer without ICE cannot use are closed. A peer that had ICE leaves it so while a
        restart waits for its description.

        Raises:
            ValueError: the component has no UDP socket.
            RuntimeError: the peer has a description, or forks use the sockets.
        """
        if self._sides.current.shared:
            raise RuntimeError("forks use the sockets")
        if self._agent.restarting:
            self._driver.feed(self._agent.leave_ice)
        if self._agent.remote_description is not None:
            raise RuntimeError("a peer with a description is checked")
        path = self.path(component)
        chosen = self._sides.current.sockets.keep_defaults().get(component)
        socket = None if chosen is None else self._flows.udp(chosen)
        if chosen is None or socket is None:
            raise ValueError(f"component {component} has no UDP socket")
        self._sides.stop(restarting=False)
        self._driver.ignore_addresses()
        self._reception.expect_plain(chosen, path, remote)
        path.use_udp(socket, remote, None)
        return path

    def subscribe(self, on_event: Callable[[Event], None]) -> Callable[[], None]:
        """Call `on_event` for every event from now on; the returned function ends that."""
        return self._subscribers.add(on_event)

    def report(self) -> SessionReport:
        """The session as it is now; also after close."""
        nominated_ms = None
        outcome = self._outcome
        if outcome.completed_at is not None and self._remote_at is not None:
            nominated_ms = (outcome.completed_at - self._remote_at) * 1000
        failure = "" if self.state is SessionState.COMPLETED else outcome.failure
        return SessionReport(
            state=self.state,
            role=self.role,
            reason=failure or outcome.reasons.get(1, ""),
            nominated_ms=nominated_ms,
            pairs=self._agent.pairs,
            selected=self._paths[1].pair,
            path_changes=tuple(outcome.changes),
            unvalidated_packets=self._reception.unvalidated,
            gathering_problems=self._sides.current.problems,
        )

    async def close(self) -> None:
        """End the session: no socket, task or timer is left. May be called again."""
        if not self._closed:
            self._closed = True
            for path in self._paths.values():
                path.stop()
            self._sides.shut()
            self._outcome.end()
        await self._driver.close(self._agent)
        await self._sides.close()

    # --- what the driver tells ---

    def _handle_event(self, event: Event) -> None:
        self._outcome.handle(event, restarting=self._agent.restarting)
        self._carriers.handle(event)
        match event:
            case StateChanged(state=SessionState.COMPLETED | SessionState.FAILED):
                self._sides.stop(restarting=self._agent.restarting)
            case CheckReceived():
                self._flows.prove(event.flow)
            case _:
                pass
        self._subscribers.tell(event)
