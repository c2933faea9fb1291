"""A relayed address as a UDP socket."""

from __future__ import annotations

from ice.net.demux import PacketKind, classify
from ice.net.network import DatagramReceiver
from ice.turn.events import PeerData, TurnEvent
from ice.turn.relayed_address import RelayedAddress
from ice.turn.runner import AllocationRunner, EventReceiver
from ice.types import TransportAddress


class RelayedSocket(RelayedAddress):
    """A socket of the TURN server, used like one of this host (`ice.net.network.UdpSocket`).

    What is sent to a peer waits for the peer's permission; a channel is bound once media flows. Made by
    `ice.turn.client.allocate`.

    Attributes:
        dropped: media that was dropped because the connection to the server was too slow.
    """

    def __init__(
        self,
        runner: AllocationRunner,
        *,
        on_datagram: DatagramReceiver,
        on_event: EventReceiver | None,
    ) -> None:
        super().__init__(runner, on_event=on_event)
        self.dropped = 0
        self._on_datagram: DatagramReceiver | None = on_datagram
        runner.on_event = self._handle

    @property
    def control_local(self) -> TransportAddress | None:
        """Our own address towards the server; None once closed."""
        control = self._runner.control
        return None if control is None else control.local

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        """Send one datagram from the relayed address; False where it was dropped."""
        runner = self._runner
        control = runner.control
        if control is None or self._on_datagram is None:
            return False
        if control.congested and classify(data) is PacketKind.RTP:
            # Media that waits grows old; checks and DTLS are never dropped.
            self.dropped += 1
            return False
        sent = runner.allocation.send(data, remote, runner.clock.now())
        runner.pump()
        return sent

    def close(self) -> None:
        """Give the allocation back; nothing is delivered afterwards.

        The way to the server stays open until it answered, a second at most: `wait_closed` waits for that.
        """
        self._on_datagram = None
        self._runner.close()

    def abort(self) -> None:
        """Give the allocation back without waiting for the answer, and free everything now."""
        self._on_datagram = None
        self._runner.abort()

    async def wait_closed(self) -> None:
        """Wait until everything is freed."""
        await self._runner.wait_closed()

    def _handle(self, event: TurnEvent) -> None:
        if isinstance(event, PeerData):
            if self._on_datagram is not None:
                self._on_datagram(event.data, event.peer)
        elif self._on_event is not None:
            self._on_event(event)
