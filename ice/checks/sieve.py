"""Tells Binding messages apart from everything else that arrives (RFC 8489 §6.3, RFC 6544 §7.2)."""

from __future__ import annotations

from collections.abc import Callable

from ice.checks.connection import Connection, ConnectionState, LocalSocket
from ice.checks.connection_table import ConnectionTable
from ice.config import IceConfig
from ice.errors import StunError
from ice.outbox import Outbox
from ice.stun.message import MessageClass, Method, StunMessage, parse
from ice.types import FlowId, TransportAddress

_MAX_BAD_FRAMES = 3
"""So many frames without a valid check, then an accepted connection that proved nothing is closed."""

Socket = LocalSocket | Connection


class Sieve:
    """What is refused becomes an event and a count, never an exception; strangers are shown the door.

    Args:
        config: what strangers may send.
        table: sockets and connections.
        outbox: takes events and counts.
        on_wrong_host: hears of a connection of ours on which something else than STUN came first, and when.
    """

    def __init__(
        self,
        *,
        config: IceConfig,
        table: ConnectionTable,
        outbox: Outbox,
        on_wrong_host: Callable[[Connection, float], None] | None = None,
    ) -> None:
        self._config = config
        self._table = table
        self._outbox = outbox
        self._on_wrong_host = on_wrong_host

    def read(
        self, flow: FlowId, remote: TransportAddress, data: bytes, now: float
    ) -> tuple[Socket, StunMessage] | None:
        """The Binding request or response in a datagram or frame, and where it came in; None for the rest."""
        socket = self._table.find(flow)
        if socket is None:
            self._outbox.refuse(flow, remote, "unknown_flows", "the socket is gone", now)
            return None
        if isinstance(socket, Connection):
            socket.received_bytes += len(data) + 2
            socket.frames += 1
        try:
            message = parse(data)
        except StunError as error:
            self.refuse(socket, remote, "not_stun", f"no STUN message: {error}", now)
            self._judge_host(socket, now)
            return None
        if not message.fingerprint:
            self.refuse(socket, remote, "no_fingerprint", "STUN without FINGERPRINT", now)
        elif message.method != Method.BINDING:
            self.refuse(socket, remote, "other_methods", f"STUN method {message.method:#x}", now)
        elif message.message_class is MessageClass.INDICATION:
            # A keepalive: never answered (RFC 8489 §6.3.2).
            self._outbox.counters["indications"] += 1
        else:
            return socket, message
        return None

    def _judge_host(self, socket: Socket, now: float) -> None:
        """No STUN came: as the first word of a host that we dialled it tells who that is (RFC 6544 §7.1)."""
        if isinstance(socket, LocalSocket) or self._on_wrong_host is None:
            return
        if socket.dialled and socket.frames == 1:
            self._on_wrong_host(socket, now)

    def refuse(self, socket: Socket, remote: TransportAddress, kind: str, reason: str, now: float) -> None:
        """Drop what came in there; a connection has a limited number of them before it proved anything."""
        self._outbox.refuse(socket.flow, remote, kind, reason, now)
        if isinstance(socket, Connection):
            socket.refused += 1

    def judge(self, flow: FlowId, now: float) -> None:
        """Close an accepted connection whose other end proved nothing and does not behave like the peer."""
        connection = self._table.connection(flow)
        if connection is None or connection.proved or connection.dialled:
            return
        if connection.state is ConnectionState.CLOSED:
            return
        if connection.received_bytes > self._config.unproved_bytes:
            self._table.close(connection, "too many bytes without a valid check", now)
        elif connection.refused >= _MAX_BAD_FRAMES:
            self._table.close(connection, f"{connection.refused} frames without a valid check", now)
