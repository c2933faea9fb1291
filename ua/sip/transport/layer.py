"""The transport layer: sockets, and which of them a message leaves by (RFC 3261 §18)."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from dataclasses import replace

from ice.types import TransportAddress
from ua.clock import now as monotonic
from ua.sip.config import SipConfig
from ua.sip.errors import SipNoRoute, SipUnreachable
from ua.sip.location.target import Target
from ua.sip.transaction.admission import Rate
from ua.sip.transport.binding import ANY, bind_both, bind_stream
from ua.sip.transport.hop import Hop, SipTransport
from ua.sip.transport.stream_channel import StreamChannel
from ua.sip.transport.udp_channel import UdpChannel, local_towards
from ua.sip.transport.websocket.names import WebSocketNames
from ua.sip.transport.wires import Wires


class TransportLayer:
    """UDP socket, listeners and connections of one endpoint.

    `on_message(data, source)` gets each datagram and each framed message; `on_fault(source, reason)` a stream
    that cannot be read; `on_connection(hop, state, detail)` what becomes of connections;
    `on_unreachable(remote, reason)` what the network says of datagrams.

    Attributes:
        local: bound address and port by transport.
        streams: connections by transport.
        names: made-up names of WebSocket clients.
        on_pong: told of the answer to a ping; may be set.
    """

    def __init__(
        self,
        config: SipConfig,
        *,
        on_message: Callable[[bytes, Hop], None],
        on_fault: Callable[[Hop, str], None],
        on_connection: Callable[[Hop, str, str], None],
        on_unreachable: Callable[[TransportAddress, str], None],
    ) -> None:
        self._config = config
        self._on_message = on_message
        self._on_fault = on_fault
        self._on_connection = on_connection
        self._on_unreachable = on_unreachable
        self._rate = Rate(config.limits.datagrams_per_second)
        self._udp: dict[int, UdpChannel] = {}
        self._versions: frozenset[int] = frozenset(
            {4, 6} if config.host in ANY else {_version_at(config.host)}
        )
        self._numbers = itertools.count(1)
        self.streams: dict[SipTransport, StreamChannel] = {}
        self.names = WebSocketNames()
        self.local: dict[SipTransport, TransportAddress] = {}
        self.on_pong: Callable[[Hop], None] = lambda _: None

    async def start(self) -> None:
        """Bind; UDP and TCP share one port number (RFC 3261 §18.1.1).

        Raises SipUnreachable, or ConfigurationError where a certificate is of no use.
        """
        try:
            await self._start(Wires(self._config))
        except BaseException:
            await self.close()
            raise

    async def _start(self, wires: Wires) -> None:
        udp, tcp = bind_both(self._config)
        self._versions = frozenset(_version(each) for each in (*udp, *tcp)) or self._versions
        for bound in udp:
            channel = self._udp[_version(bound)] = UdpChannel(
                bound,
                on_datagram=self._on_datagram,
                on_unreachable=self._on_unreachable,
            )
            self.local.setdefault("udp", channel.local)
        if tcp:
            await self._listen(self._channel("tcp", wires), tcp)
        for transport, port in self._other_ports():
            streams = self._channel(transport, wires)
            if port is not None:
                listening = bind_stream(self._config, port)
                await self._listen(streams, listening)

    def _on_datagram(self, data: bytes, remote: TransportAddress) -> None:
        hop = Hop(transport="udp", remote=remote)
        if self._rate.take(remote.host, monotonic()):
            self._on_message(data, hop)
        else:
            self._on_fault(hop, "too many datagrams from one host")

    async def close(self) -> None:
        """Close every socket."""
        for datagrams in self._udp.values():
            datagrams.close()
        self._udp.clear()
        channels = list(self.streams.values())
        self.streams.clear()
        for channel in channels:
            await channel.close()

    @property
    def spoken(self) -> tuple[SipTransport, ...]:
        """The transports that can be used, the preferred one first."""
        return tuple(
            transport
            for transport in self._config.transports
            if transport in self.local or transport in self.streams
        )

    @property
    def versions(self) -> frozenset[int]:
        """The IP versions that can be used: 4, 6."""
        return self._versions

    async def open(self, target: Target) -> Hop:
        """A hop to send by; an open connection is used again. Raises SipUnreachable."""
        if target.transport == "udp":
            if _version_at(target.address.host) not in self._udp:
                raise SipUnreachable("UDP is not in use here")
            return Hop(transport="udp", remote=target.address)
        secure = self.streams.get("wss")
        if target.transport == "ws" and secure is not None and secure.knows(target.address):
            # transport=ws stands for both in URIs (RFC 7118 §5.2): what was secure stays so
            target = replace(target, transport="wss")
        channel = self.streams.get(target.transport)
        if channel is None:
            raise SipUnreachable(f"{target.transport.upper()} is not in use here")
        number = await channel.connect(target.address, target.domain, self._config.host)
        return channel.hop(target.address, number)

    def sent_by(self, hop: Hop) -> TransportAddress:
        """The address and port where we can be reached from there: for Via and Contact.

        Raises SipUnreachable where there is no way.
        """
        bound = self.local.get(hop.transport)
        if bound is None:
            return self._own_end(hop)
        if bound.host not in ANY:
            return bound
        try:
            return TransportAddress(host=local_towards(hop.remote), port=bound.port)
        except OSError as error:
            raise SipNoRoute(f"no way to {hop.remote.host}", seen=error.strerror or str(error)) from error

    def local_end(self, hop: Hop) -> TransportAddress | None:
        """Our end of a connection; where there is none, or none any more, the bound address."""
        return self._connected_end(hop) or self.local.get(hop.transport)

    def _own_end(self, hop: Hop) -> TransportAddress:
        """Without a listener: where the connection began, for it is used both ways."""
        found = self._connected_end(hop)
        if found is None:
            raise SipUnreachable(f"{hop.transport.upper()} is not in use here")
        return found

    def _connected_end(self, hop: Hop) -> TransportAddress | None:
        channel = self.streams.get(hop.transport)
        return None if channel is None or hop.connection is None else channel.local_of(hop.connection)

    def send(self, hop: Hop, data: bytes) -> str:
        """Send; empty where it left, else what went wrong."""
        if hop.transport == "udp":
            datagrams = self._udp.get(_version_at(hop.remote.host))
            return "closed" if datagrams is None else datagrams.send(data, hop.remote)
        channel = self.streams.get(hop.transport)
        if channel is None or hop.connection is None:
            return "the connection is closed"
        return channel.send(hop.connection, data)

    def ping(self, hop: Hop) -> None:
        """Ask the other end of a connection for a sign of life; `on_pong` tells of it (RFC 5626 §3.5.1)."""
        channel = self.streams.get(hop.transport)
        if channel is not None and hop.connection is not None:
            channel.ping(hop.connection)

    def drop(self, hop: Hop, reason: str) -> None:
        """Close a connection at once."""
        channel = self.streams.get(hop.transport)
        if channel is not None and hop.connection is not None:
            channel.drop(hop.connection, reason)

    def is_open(self, hop: Hop) -> bool:
        """False of a connection that is gone."""
        channel = self.streams.get(hop.transport)
        if channel is None or hop.connection is None:
            return hop.transport == "udp"
        return channel.local_of(hop.connection) is not None

    def _channel(self, transport: SipTransport, wires: Wires) -> StreamChannel:
        channel = self.streams[transport] = StreamChannel(
            transport,
            self._config,
            wires=wires,
            numbers=self._numbers,
            on_message=self._on_message,
            on_fault=self._on_fault,
            on_connection=self._on_state,
            on_pong=lambda hop: self.on_pong(hop),
        )
        return channel

    def _on_state(self, hop: Hop, state: str, detail: str) -> None:
        if hop.connection is not None and state not in ("opened", "accepted"):
            self.names.forget(hop.connection)
        self._on_connection(hop, state, detail)

    async def _listen(self, channel: StreamChannel, bound: list[socket.socket]) -> None:
        name = bound[0].getsockname()
        self.local[channel.transport] = TransportAddress(host=name[0], port=name[1])
        for each in bound:
            await channel.listen(each)

    def _other_ports(self) -> list[tuple[SipTransport, int | None]]:
        """The transports beside UDP and TCP, and the port of each; None where nobody may connect to us."""
        config = self._config
        has_certificate = config.tls.certificate is not None
        ports: dict[SipTransport, int | None] = {
            "tls": config.tls_port if has_certificate else None,
            "ws": config.ws_port,
            "wss": config.wss_port if has_certificate else None,
        }
        return [(transport, port) for transport, port in ports.items() if transport in config.transports]


def _version(bound: socket.socket) -> int:
    return 6 if bound.family == socket.AF_INET6 else 4


def _version_at(host: str) -> int:
    return 6 if ":" in host else 4
