"""Media that arrives: which path it is for, and from whom it is taken (RFC 8445 §12.2, RFC 6544 §3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ice.agent import Agent
from ice.driver import Driver
from ice.messages import Event, PacketRefused
from ice.paths.path import PacketReceiver, SelectedPath
from ice.paths.plain import PlainSource, answer_to
from ice.types import FlowId, TransportAddress

StrangerReceiver = Callable[[TransportAddress, bytes, float], bool]
"""Takes source, packet and arrival time in monotonic seconds; True where the packet is used."""

_TELL_S = 0.2
"""The core watches for silence of seconds: it need not hear of every packet."""

_MAX_TOLD_SOURCES = 64
"""So many sources of unvalidated packets become an event each; every packet is counted."""


class Reception:
    """Hands packets that are no STUN to the path that they belong to.

    Args:
        agent: says from where media may come.
        driver: feeds it.
        paths: of the session, by component.
        tell: takes events.

    Attributes:
        unvalidated: how many packets came from sources without a valid check.
    """

    def __init__(
        self,
        agent: Agent,
        driver: Driver,
        paths: Mapping[int, SelectedPath],
        tell: Callable[[Event], None],
    ) -> None:
        self._agent = agent
        self._driver = driver
        self._paths = paths
        self._tell = tell
        self._plain: dict[FlowId, tuple[SelectedPath, PlainSource]] = {}
        self._told_sources: set[tuple[FlowId, TransportAddress]] = set()
        self._early: dict[str, PacketReceiver] = {}
        self._strangers: StrangerReceiver | None = None
        self.unvalidated = 0

    @property
    def plain(self) -> bool:
        """True where the peer has no ICE."""
        return bool(self._plain)

    def expect_plain(self, flow: FlowId, path: SelectedPath, remote: TransportAddress) -> None:
        """A peer without ICE will send to this socket."""
        self._plain[flow] = (path, PlainSource(remote))

    def intercept(self, flow: FlowId, remote: TransportAddress, packet: bytes, now: float) -> bool:  # noqa: ARG002
        """Answer STUN that opens the path of a peer without ICE; False where it is something else."""
        socket = self._driver.flows.udp(flow)
        answer = answer_to(packet, remote) if flow in self._plain and socket is not None else None
        if answer is None or socket is None:
            return False
        socket.send(answer, remote)
        return True

    def hear_early(self, host: str, receiver: PacketReceiver | None) -> None:
        """Packets of this host over UDP go to `receiver` as long as no path takes them; None ends that.

        For a peer without ICE that has told this address and may turn out not to be the one (RFC 3960 §3.2).
        """
        if receiver is None:
            self._early.pop(host, None)
        else:
            self._early[host] = receiver

    def hear_strangers(self, receiver: StrangerReceiver | None) -> None:
        """Packets over UDP go to `receiver` as long as nobody has told who sends them; None ends that.

        Media may be quicker than the description of a peer without ICE (RFC 3264 §5.1).
        """
        self._strangers = receiver

    def take(self, flow: FlowId, remote: TransportAddress, packet: bytes, now: float) -> None:
        """A packet has arrived."""
        if flow in self._plain:
            path, source = self._plain[flow]
            if source.accepts(remote):
                path.deliver(packet, now)
                self._driver.flows.expect_media(flow, remote, path.deliver)
                return
        elif (component := self._agent.accepts_data(flow, remote)) is not None:
            self._hear(component, 1, now)
            self._paths[component].deliver(packet, now)
            self._driver.flows.expect_media(flow, remote, self._receiver(component, now))
            return
        early = self._early.get(remote.host)
        over_udp = self._driver.flows.connection(flow) is None
        if early is not None and over_udp:
            early(packet, now)
            return
        if over_udp and self._strangers is not None and self._strangers(remote, packet, now):
            return
        self.unvalidated += 1
        if not over_udp:
            # The core judges strangers on connections by all they send (RFC 6544 §7.1).
            self._driver.feed(lambda at: self._agent.receive(flow, remote, packet, at))
        elif (flow, remote) not in self._told_sources and len(self._told_sources) < _MAX_TOLD_SOURCES:
            self._told_sources.add((flow, remote))
            reason = "media from a source without a valid check"
            self._tell(PacketRefused(at=now, flow=flow, remote=remote, reason=reason))

    def _receiver(self, component: int, now: float) -> PacketReceiver:
        """Delivers media of a source that was judged; the core hears of it now and then."""
        path = self._paths[component]
        tell_at, told = now + _TELL_S, path.received_packets

        def receive(packet: bytes, at: float) -> None:
            nonlocal tell_at, told
            path.received_packets += 1
            if at >= tell_at:
                count, told, tell_at = path.received_packets - told, path.received_packets, at + _TELL_S
                self._hear(component, count, at)
            receiver = path.receiver
            if receiver is not None:
                receiver(packet, at)
            else:
                path.keep(packet, at)

        return receive

    def _hear(self, component: int, packets: int, now: float) -> None:
        if self._agent.heard_media(component, now, packets):
            self._driver.pump()
