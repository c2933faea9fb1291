"""The sockets of one session by flow id: carries out the commands of the core, feeds back what happens.

UDP sockets and listeners come from gathering; connections are dialled here or accepted by a listener.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, assert_never

from ice.checks.connection import DialFailure
from ice.config import IceConfig
from ice.messages import CloseFlow, Command, OpenTcp, PermitPeer, SendDatagram, SendFrame
from ice.net.clock import LoopClock
from ice.net.demux import PacketKind, classify
from ice.net.network import Network, Relay, TcpConnection, TcpListener, TcpRelay, UdpSocket
from ice.net.port_sharing import dial_failure
from ice.net.tcp_socket import describe_error
from ice.types import FlowId, TransportAddress

MediaReceiver = Callable[[bytes, float], None]
"""Takes one packet of media and its arrival in monotonic seconds."""

MAX_UNKNOWN_FRAMES = 10
"""So many frames of no known protocol in a row mean that the framing is lost: it has no marker."""


class FlowOwner(Protocol):
    """What happens on the sockets, as the session wants to hear it."""

    def new_flow(self) -> FlowId:
        """A fresh id."""

    def arrived(self, flow: FlowId, remote: TransportAddress, packet: bytes) -> None:
        """A datagram or the content of a frame."""

    def opened(self, flow: FlowId, local: TransportAddress) -> None:
        """Dialling succeeded."""

    def failed(self, flow: FlowId, reason: str, failure: DialFailure) -> None:
        """Dialling failed."""

    def accepted(
        self, flow: FlowId, listener: FlowId, local: TransportAddress, remote: TransportAddress
    ) -> None:
        """A listener accepted a connection."""

    def ended(self, flow: FlowId, reason: str) -> None:
        """A connection ended."""


class Flows:
    """All sockets of a session."""

    def __init__(self, network: Network, config: IceConfig, owner: FlowOwner) -> None:
        self._network = network
        self._config = config
        self._owner = owner
        self._udp: dict[FlowId, UdpSocket] = {}
        self._listeners: dict[FlowId, TcpListener] = {}
        self._connections: dict[FlowId, TcpConnection] = {}
        self._relays: dict[FlowId, Relay] = {}
        self._diallers: dict[FlowId, TcpRelay] = {}
        self._dials: dict[FlowId, asyncio.Task[None]] = {}
        self._unknown_frames: dict[FlowId, int] = {}
        self._cancelled: set[asyncio.Task[None]] = set()
        self._watchers: dict[FlowId, Callable[[FlowId], None]] = {}
        self._media: dict[FlowId, tuple[TransportAddress, MediaReceiver]] = {}
        self._now = LoopClock().now
        self._open = True

    @property
    def open_sockets(self) -> int:
        """Sockets, connections and dialling attempts that are not closed."""
        return len(self._udp) + len(self._listeners) + len(self._connections) + len(self._dials)

    def add_udp(self, flow: FlowId, socket: UdpSocket) -> None:
        """Take over a bound socket."""
        self._udp[flow] = socket

    def add_listener(self, flow: FlowId, listener: TcpListener) -> None:
        """Take over a listener."""
        self._listeners[flow] = listener

    def when_closed(self, flow: FlowId, call: Callable[[FlowId], None]) -> None:
        """Call `call` once the UDP socket or listener with this id is closed."""
        self._watchers[flow] = call

    def add_relay(self, flow: FlowId, relay: Relay, dialler: TcpRelay | None) -> None:
        """The socket or listener with this id is one of a relay; from a `dialler` one can dial."""
        self._relays[flow] = relay
        if dialler is not None:
            self._diallers[flow] = dialler

    def has(self, flow: FlowId) -> bool:
        """True while a socket or connection of this id is open."""
        return flow in self._udp or flow in self._listeners or flow in self._connections

    def udp(self, flow: FlowId) -> UdpSocket | None:
        """The UDP socket with this id."""
        return self._udp.get(flow)

    def connection(self, flow: FlowId) -> TcpConnection | None:
        """The connection with this id."""
        return self._connections.get(flow)

    def prove(self, flow: FlowId) -> None:
        """A check on this connection was valid: the caps for strangers end."""
        connection = self._connections.get(flow)
        if connection is not None:
            connection.limit_received(None)

    def expect_media(self, flow: FlowId, remote: TransportAddress, receiver: MediaReceiver) -> None:
        """Hand media that comes from there to `receiver` without asking, until `judge_media`.

        Every packet of a call is like the one before: who takes it is found out once.
        """
        self._media[flow] = remote, receiver

    def judge_media(self) -> None:
        """Ask the owner about the next packet of each flow again: something may have changed."""
        self._media.clear()

    def datagram_receiver(self, flow: FlowId) -> Callable[[bytes, TransportAddress], None]:
        """What a UDP socket calls for each datagram.

        A first byte that begins with the bits 10 is RTP (`ice.net.demux`); what is asked of each packet is
        asked in place.
        """
        arrived, media, now = self._owner.arrived, self._media, self._now

        def on_datagram(data: bytes, remote: TransportAddress) -> None:
            expected = media.get(flow)
            if expected is not None and data and data[0] >> 6 == 0b10:
                sender, receive = expected
                if sender is remote:
                    receive(data, now())
                    return
            arrived(flow, remote, data)

        return on_datagram

    def connection_receiver(self, listener: FlowId) -> Callable[[TcpConnection], None]:
        """What a listener calls for each connection."""
        return lambda connection: self._accept(listener, connection)

    def carry_out(self, command: Command) -> None:
        """Do what the core wants; a flow that is gone already was reported, so it is passed over."""
        match command:
            case SendDatagram():
                socket = self._udp.get(command.flow)
                if socket is not None:
                    socket.send(command.data, command.remote)
            case SendFrame():
                connection = self._connections.get(command.flow)
                if connection is not None:
                    connection.send(command.data, droppable=False)
            case OpenTcp():
                task = asyncio.get_running_loop().create_task(self._dial(command))
                self._dials[command.flow] = task
            case PermitPeer():
                relay = self._relays.get(command.flow)
                if relay is not None:
                    relay.permit(command.host)
            case CloseFlow():
                self.close_flow(command.flow)
            case _:
                assert_never(command)

    def close_flow(self, flow: FlowId) -> None:
        """Close whatever has this id; nothing is reported for it."""
        self._unknown_frames.pop(flow, None)
        self._relays.pop(flow, None)
        self._diallers.pop(flow, None)
        self._media.pop(flow, None)
        task = self._dials.pop(flow, None)
        if task is not None:
            self._cancelled.add(task)
            task.add_done_callback(self._cancelled.discard)
            task.cancel()
        found = (
            self._udp.pop(flow, None) or self._listeners.pop(flow, None) or self._connections.pop(flow, None)
        )
        if found is not None:
            found.close()
        watcher = self._watchers.pop(flow, None)
        if watcher is not None:
            watcher(flow)

    async def close(self) -> None:
        """Close everything and wait for the dialling attempts to be given up."""
        self._open = False
        # Connections before the relays that they go through (RFC 6062 §4.6).
        for flow in (*self._connections, *self._dials, *self._listeners, *self._udp):
            self.close_flow(flow)
        if self._cancelled:
            await asyncio.wait(tuple(self._cancelled))

    async def _dial(self, command: OpenTcp) -> None:
        try:
            connection = await self._connect(command)
        except OSError as error:
            if self._dials.pop(command.flow, None) is not None:
                self._owner.failed(command.flow, describe_error(error), dial_failure(error))
            return
        if self._dials.pop(command.flow, None) is None:
            connection.close()
            return
        self._take(command.flow, connection)
        self._owner.opened(command.flow, connection.local)

    async def _connect(self, command: OpenTcp) -> TcpConnection:
        if command.via is None:
            host, port = command.local.host, command.local.port
            return await self._network.connect_tcp(host, command.remote, local_port=port)
        dialler = self._diallers.get(command.via)
        if dialler is None:
            raise ConnectionError("the relay is gone")
        return await dialler.connect(command.remote)

    def _accept(self, listener: FlowId, connection: TcpConnection) -> None:
        if not self._open or listener not in self._listeners:
            connection.close()
            return
        flow = self._owner.new_flow()
        connection.limit_received(self._config.unproved_bytes)
        self._take(flow, connection)
        self._owner.accepted(flow, listener, connection.local, connection.remote)

    def _take(self, flow: FlowId, connection: TcpConnection) -> None:
        self._connections[flow] = connection
        remote = connection.remote
        media, now = self._media, self._now
        speaks_rtp = False

        def on_frame(packet: bytes) -> None:
            nonlocal speaks_rtp
            expected = media.get(flow)
            if expected is not None and packet[0] >> 6 == 0b10 and not self._unknown_frames:
                speaks_rtp = True
                expected[1](packet, now())
                return
            kind = classify(packet)
            speaks_rtp = speaks_rtp or kind is PacketKind.RTP
            # Silence of G.711 looks like QUIC, which nobody speaks beside RTP.
            if kind is PacketKind.UNKNOWN or (speaks_rtp and kind is PacketKind.QUIC):
                self._count_unknown(flow)
            elif self._unknown_frames:
                self._unknown_frames.pop(flow, None)
            self._owner.arrived(flow, remote, packet)

        def on_closed(reason: str) -> None:
            self.close_flow(flow)
            self._owner.ended(flow, reason)

        connection.start(on_frame, on_closed, queue_ms=self._config.queue_ms)

    def _count_unknown(self, flow: FlowId) -> None:
        count = self._unknown_frames.get(flow, 0) + 1
        self._unknown_frames[flow] = count
        if count >= MAX_UNKNOWN_FRAMES:
            self.close_flow(flow)
            self._owner.ended(flow, f"{count} frames of no known protocol: the framing is lost")
