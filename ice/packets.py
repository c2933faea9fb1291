"""Everything that arrives: sifted, told apart, handed to whom it concerns (RFC 8489 §6.3, RFC 6544 §7.2)."""

from __future__ import annotations

from collections.abc import Callable

from ice.check_client import CheckClient
from ice.check_server import CheckServer
from ice.checking import Checking
from ice.conclusion import Conclusion
from ice.config import IceConfig
from ice.connection import Connection, ConnectionState, LocalSocket
from ice.connection_table import ConnectionTable
from ice.errors import StunError
from ice.inbound import InboundChecks
from ice.outbox import Outbox
from ice.paths import Paths
from ice.stun_message import MessageClass, Method, StunMessage, parse
from ice.types import FlowId, SessionState, TransportAddress

_MAX_BAD_FRAMES = 3
"""So many frames without a valid check, then an accepted connection that proved nothing is closed."""

_Socket = LocalSocket | Connection


class Packets:
    """Reads STUN from the wire; what is refused becomes an event and a count, never an exception."""

    def __init__(
        self,
        *,
        config: IceConfig,
        table: ConnectionTable,
        server: CheckServer,
        client: CheckClient,
        inbound: InboundChecks,
        paths: Paths,
        checking: Checking,
        conclusion: Conclusion,
        on_role_change: Callable[[float], None],
        outbox: Outbox,
    ) -> None:
        self._config = config
        self._table = table
        self._server = server
        self._client = client
        self._inbound = inbound
        self._paths = paths
        self._checking = checking
        self._conclusion = conclusion
        self._on_role_change = on_role_change
        self._outbox = outbox
        self.deaf = False
        """The media is elsewhere: checks are answered and change nothing."""

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """A datagram or the content of one frame."""
        socket = self._table.find(flow)
        if socket is None:
            self._outbox.refuse(flow, remote, "unknown_flows", "the socket is gone", now)
            return
        connection = socket if isinstance(socket, Connection) else None
        if connection is not None:
            connection.received_bytes += len(data) + 2
            connection.frames += 1
        try:
            message = parse(data)
        except StunError as error:
            self._refuse(socket, remote, "not_stun", f"no STUN message: {error}", now)
            if connection is not None and connection.dialled and connection.frames == 1:
                self._checking.wrong_host(connection, now)
        else:
            self._dispatch(message, socket, remote, now)
        if connection is not None:
            self._judge_stranger(connection, now)

    def _dispatch(self, message: StunMessage, socket: _Socket, remote: TransportAddress, now: float) -> None:
        if not message.fingerprint:
            self._refuse(socket, remote, "no_fingerprint", "STUN without FINGERPRINT", now)
        elif message.method != Method.BINDING:
            self._refuse(socket, remote, "other_methods", f"STUN method {message.method:#x}", now)
        elif message.message_class is MessageClass.REQUEST:
            self._request(message, socket, remote, now)
        elif message.message_class is MessageClass.INDICATION:
            # A keepalive: never answered (RFC 8489 §6.3.2).
            self._outbox.counters["indications"] += 1
        else:
            self._answer(message, socket, remote, now)

    def _request(self, message: StunMessage, socket: _Socket, remote: TransportAddress, now: float) -> None:
        tcp = isinstance(socket, Connection)
        inbound = self._server.handle_request(message, socket.flow, remote, tcp=tcp, now=now)
        if isinstance(socket, Connection):
            socket.refused = socket.refused + 1 if inbound is None else 0
        if inbound is None:
            return
        if inbound.switched:
            self._on_role_change(now)
        if self.deaf:
            return
        nominated = self._inbound.receive(inbound, socket.component, now)
        if nominated is not None and self._conclusion.state is not SessionState.FAILED:
            self._conclusion.nominated(nominated, now)

    def _answer(self, message: StunMessage, socket: _Socket, remote: TransportAddress, now: float) -> None:
        if self._client.expects(message.transaction_id):
            outcome = self._client.handle_response(message, socket.flow, remote, now)
            if outcome is not None:
                self._checking.conclude(outcome, now)
            return
        revoked = ""
        known = False
        if self._conclusion.state is not SessionState.FAILED:
            known, revoked = self._paths.handle_response(message, socket.flow, remote, now)
        if revoked:
            self._conclusion.fail(revoked, now)
        elif not known:
            self._refuse(socket, remote, "stray_answers", "answer to no request of ours", now)

    def _refuse(self, socket: _Socket, remote: TransportAddress, kind: str, reason: str, now: float) -> None:
        self._outbox.refuse(socket.flow, remote, kind, reason, now)
        if isinstance(socket, Connection):
            socket.refused += 1

    def _judge_stranger(self, connection: Connection, now: float) -> None:
        """Close an accepted connection whose other end proved nothing and does not behave like the peer."""
        if connection.proved or connection.dialled or connection.state is ConnectionState.CLOSED:
            return
        if connection.received_bytes > self._config.unproved_bytes:
            self._table.close(connection, "too many bytes without a valid check", now)
        elif connection.refused >= _MAX_BAD_FRAMES:
            self._table.close(connection, f"{connection.refused} frames without a valid check", now)
