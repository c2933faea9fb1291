"""Checks and answers that arrive, handed to whom they concern (RFC 8489 §6.3, RFC 6544 §7.2)."""

from __future__ import annotations

from collections.abc import Callable

from ice.checks.checking import Checking
from ice.checks.client import CheckClient
from ice.checks.conclusion import Conclusion
from ice.checks.connection import Connection
from ice.checks.connection_table import ConnectionTable
from ice.checks.inbound import InboundChecks
from ice.checks.server import CheckServer
from ice.checks.sieve import Sieve, Socket
from ice.config import IceConfig
from ice.outbox import Outbox
from ice.paths.paths import Paths
from ice.stun.message import MessageClass, StunMessage
from ice.types import FlowId, SessionState, TransportAddress


class Packets:
    """Passes requests and responses on; what is neither is the matter of the sieve."""

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
        self._server = server
        self._client = client
        self._inbound = inbound
        self._paths = paths
        self._checking = checking
        self._conclusion = conclusion
        self._on_role_change = on_role_change
        self._sieve = Sieve(config=config, table=table, outbox=outbox, on_wrong_host=checking.wrong_host)
        self.deaf = False
        """The media is elsewhere: checks are answered and change nothing."""

    def receive(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> None:
        """A datagram or the content of one frame."""
        read = self._sieve.read(flow, remote, data, now)
        if read is not None:
            socket, message = read
            if message.message_class is MessageClass.REQUEST:
                self._request(message, socket, remote, now)
            else:
                self._answer(message, socket, remote, now)
        self._sieve.judge(flow, now)

    def _request(self, message: StunMessage, socket: Socket, remote: TransportAddress, now: float) -> None:
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
        self._paths.heard(socket.component, now)
        nominated = self._inbound.receive(inbound, socket.component, now)
        if nominated is not None and self._conclusion.state is not SessionState.FAILED:
            self._conclusion.nominated(nominated, now)

    def _answer(self, message: StunMessage, socket: Socket, remote: TransportAddress, now: float) -> None:
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
            self._sieve.refuse(socket, remote, "stray_answers", "answer to no request of ours", now)
