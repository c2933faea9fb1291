"""Asks STUN servers over TCP from listening ports of a host: what the shell does for it on real sockets."""

from __future__ import annotations

from collections.abc import Callable

from ice.gathering.server_reflexive import CloseStream, Mapped, OpenStream, SendStream, ServerReflexive
from ice.types import FlowId, TransportAddress
from tests.net.clock import Timer
from tests.net.host import Host
from tests.net.tcp import Connection, Dial

_TA_S = 0.01
_KEEPALIVE_S = 15.0

_Key = tuple[FlowId, TransportAddress]


class StreamAsker:
    """The streams of one host to STUN servers; they stay until `stop`.

    Args:
        host: where.
        learned: called once for each question that was answered.
    """

    def __init__(
        self, host: Host, learned: Callable[[FlowId, TransportAddress, TransportAddress], None]
    ) -> None:
        self._host = host
        self._clock = host.internet.clock
        self._learned = learned
        self._core = ServerReflexive(
            ta_s=_TA_S, keepalive_s=_KEEPALIVE_S, random=host.internet.chance.randbytes
        )
        self._timer = Timer(self._clock, self._ring)
        self._ports: dict[FlowId, TransportAddress] = {}
        self._told: set[_Key] = set()
        self._dials: dict[_Key, Dial] = {}
        self._streams: dict[_Key, Connection] = {}

    @property
    def open_streams(self) -> int:
        """Connections and attempts."""
        return len(self._dials) + len(self._streams)

    def ask(self, flow: FlowId, port: TransportAddress, server: TransportAddress) -> None:
        """Ask from the port of a listener."""
        self._ports[flow] = port
        self._core.ask(flow, server, self._clock.now, stream=True)
        self._pump()

    def stop(self) -> None:
        """ICE has concluded."""
        self._core.stop()
        self._pump()

    def _ring(self) -> None:
        self._core.handle_timer(self._clock.now)
        self._pump()

    def _pump(self) -> None:
        for command in self._core.take_commands():
            match command:
                case OpenStream(flow=flow, server=server):
                    self._open(flow, server)
                case SendStream(flow=flow, server=server, data=data):
                    self._streams[flow, server].send(data)
                case CloseStream(flow=flow, server=server):
                    self._close((flow, server))
                case _:
                    raise AssertionError("only streams are asked here")
        for finding in self._core.take_findings():
            key = (finding.flow, finding.server)
            if isinstance(finding, Mapped) and key not in self._told:
                self._told.add(key)
                self._learned(*key, finding.address)
        self._timer.set(self._core.next_timer)

    def _open(self, flow: FlowId, server: TransportAddress) -> None:
        key = (flow, server)

        def lost(reason: str) -> None:
            self._dials.pop(key, None)
            self._streams.pop(key, None)
            self._core.lost(flow, server, reason)
            self._pump()

        def received(data: bytes) -> None:
            self._core.receive(flow, server, data, self._clock.now)
            self._pump()

        def opened(connection: Connection) -> None:
            del self._dials[key]
            self._streams[key] = connection
            connection.on_frame = received
            connection.on_end = lost
            self._core.connected(flow, server)
            self._pump()

        port = self._ports[flow]
        self._dials[key] = self._host.dial(port.host, server, port=port.port, opened=opened, failed=lost)

    def _close(self, key: _Key) -> None:
        if key in self._dials:
            self._dials.pop(key).abandon()
        if key in self._streams:
            self._streams.pop(key).close()
