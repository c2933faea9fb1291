"""The connection of one component, RTP or RTCP, of media over TCP without ICE (RFC 4145, RFC 4571)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ice.net.clock import CoreTimer, LoopClock
from ice.net.demux import PacketKind, classify
from ice.net.network import Network, TcpConnection, TcpListener
from ice.net.tcp_socket import describe_error
from ice.paths.path import SelectedPath
from ice.types import TransportAddress
from sdp.tcp.admission import Admission, Ruling
from sdp.tcp.events import (
    TcpConnected,
    TcpConnectionRefused,
    TcpEvent,
    TcpListening,
    TcpLost,
    TcpUnreachable,
)

CONNECT_S = 10.0
"""Seconds until a connection that was agreed on must be there, whoever opens it."""


class TcpStream:
    """Listens or dials for one component; `path` is what media sees of it, and stays the same.

    Args:
        network: where sockets come from.
        component: 1 RTP, 2 RTCP.
        queue_ms: media may wait so long for a slow peer, in ms.
        tell: hears what happens.
        connect_s: seconds until the connection must be there.

    Attributes:
        path: carries the packets.
        other_packets: frames that were neither RTP nor RTCP: STUN, of which we want nothing here.
    """

    def __init__(
        self,
        *,
        network: Network,
        component: int,
        queue_ms: int,
        tell: Callable[[TcpEvent], None],
        connect_s: float = CONNECT_S,
    ) -> None:
        self.path = SelectedPath(component)
        self.other_packets = 0
        self._network = network
        self._component = component
        self._queue_ms = queue_ms
        self._tell = tell
        self._connect_s = connect_s
        self._clock = LoopClock()
        self._listener: TcpListener | None = None
        self._admission = Admission()
        self._arrived: dict[int, TcpConnection] = {}
        self._count = 0
        self._timer = CoreTimer(self._clock, lambda now: self._carry_out(self._admission.handle_timer(now)))
        self._patience: asyncio.TimerHandle | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._connection: TcpConnection | None = None
        self._outcome: asyncio.Future[str] | None = None

    # --- what there is ------------------------------------------------------------------------------------

    @property
    def listening(self) -> TransportAddress | None:
        """Where connections can come to, None where we do not listen."""
        return None if self._listener is None else self._listener.local

    @property
    def connection(self) -> TcpConnection | None:
        """The connection that is open."""
        return self._connection

    async def listen(self, host: str, port: int = 0) -> None:
        """Accept connections at `host` (port 0: any); raises OSError. Those that come wait for `accept`."""
        self.ignore()
        self._admission = Admission()
        self._listener = await self._network.listen_tcp(host, port, self._accepted)
        self._tell(TcpListening(at=self._clock.now(), component=self._component, local=self._listener.local))

    # --- what was agreed ----------------------------------------------------------------------------------

    def accept(self, peer: str | None) -> None:
        """Take the peer's connection in place of the one there is; `peer` is the address in its c= line."""
        self._begin()
        if self._listener is None:
            self._fail("nobody listens here")
            return
        patience = f"the peer has not connected within {self._connect_s:g} s"
        self._patience = asyncio.get_running_loop().call_later(self._connect_s, self._fail, patience)
        self._carry_out(self._admission.expect(peer, self._clock.now()))

    def dial(self, local_host: str, remote: TransportAddress | None, *, refused: Sequence[int] = ()) -> None:
        """Connect to the peer from `local_host`, in place of the connection there is.

        Args:
            local_host: our address.
            remote: the peer's, None where it has named none.
            refused: ports that are never dialled.
        """
        self._begin()
        self.ignore()
        if remote is None:
            self._fail("the peer names no address to connect to")
            return
        if remote.port in refused:
            # RFC 6544 §12 has the same danger: a description that makes us talk to somebody's server.
            self._fail(f"port {remote.port} is that of a server and is never dialled")
            return
        self._dialling = asyncio.ensure_future(self._dial(local_host, remote))

    def nothing(self) -> None:
        """Neither dial nor accept; the connection there is ends (RFC 4145 §5.2)."""
        self._drop()
        self.ignore()
        self._outcome = None

    def ignore(self) -> None:
        """Take no connection that comes from now on, and free the port."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._carry_out(self._admission.stop())

    async def settled(self) -> str:
        """Wait until the connection that was agreed on is there; gives why it is not, empty where it is.

        At once where none was agreed on.
        """
        return "" if self._outcome is None else await asyncio.shield(self._outcome)

    async def close(self) -> None:
        """End everything."""
        self.nothing()
        if self._dialling is not None:
            await asyncio.gather(self._dialling, return_exceptions=True)

    # --- inside -------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._drop()
        self._outcome = asyncio.get_running_loop().create_future()

    def _drop(self) -> None:
        """End the connection there is, and any attempt at one."""
        self._stop_waiting()
        if self._dialling is not None:
            self._dialling.cancel()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self.path.stop()
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result("no connection is wanted any more")

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    async def _dial(self, local_host: str, remote: TransportAddress) -> None:
        try:
            async with asyncio.timeout(self._connect_s):
                connection = await self._network.connect_tcp(local_host, remote)
        except TimeoutError:
            self._fail(f"{remote} has not answered within {self._connect_s:g} s")
        except OSError as error:
            self._fail(f"{remote}: {error.strerror or describe_error(error)}")
        else:
            self._use(connection, dialled=True)

    def _accepted(self, connection: TcpConnection) -> None:
        self._count += 1
        self._arrived[self._count] = connection
        self._carry_out(self._admission.arrived(self._count, connection.remote.host, self._clock.now()))

    def _carry_out(self, rulings: list[Ruling]) -> None:
        for ruling in rulings:
            connection = self._arrived.pop(ruling.number)
            if ruling.taken:
                # One connection per port, no more.
                self.ignore()
                self._use(connection, dialled=False)
                continue
            self._tell(
                TcpConnectionRefused(
                    at=self._clock.now(),
                    component=self._component,
                    remote=connection.remote,
                    reason=ruling.reason,
                )
            )
            connection.close()
        self._timer.arm(self._admission.next_timer())

    def _use(self, connection: TcpConnection, *, dialled: bool) -> None:
        self._stop_waiting()
        self._connection = connection
        self.path.use_tcp(connection, None)
        connection.start(
            self._deliver, lambda reason: self._lost(connection, reason), queue_ms=self._queue_ms
        )
        self._tell(
            TcpConnected(
                at=self._clock.now(),
                component=self._component,
                local=connection.local,
                remote=connection.remote,
                dialled=dialled,
            )
        )
        self._settle("")

    def _deliver(self, packet: bytes) -> None:
        if classify(packet) is PacketKind.RTP:
            self.path.deliver(packet, self._clock.now())
        else:
            self.other_packets += 1

    def _lost(self, connection: TcpConnection, reason: str) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        self.path.stop()
        self._tell(TcpLost(at=self._clock.now(), component=self._component, reason=reason))

    def _fail(self, reason: str) -> None:
        self._stop_waiting()
        self.ignore()
        self._tell(TcpUnreachable(at=self._clock.now(), component=self._component, reason=reason))
        self._settle(reason)

    def _settle(self, reason: str) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(reason)
