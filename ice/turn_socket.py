"""A relayed address as a UDP socket: runs one allocation on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import assert_never

from ice.clock import CoreTimer, LoopClock
from ice.demux import PacketKind, classify
from ice.errors import TurnError
from ice.network import DatagramReceiver
from ice.turn_allocation import Allocation, AllocationState
from ice.turn_control import Control
from ice.turn_events import (
    Allocated,
    AllocationFailed,
    AllocationLost,
    ChannelRefused,
    MessageRefused,
    PeerData,
    PeerUnreachable,
    PermissionRefused,
    Released,
    TurnEvent,
)
from ice.types import TransportAddress

EventReceiver = Callable[[TurnEvent], None]


class RelayedSocket:
    """A socket of the TURN server, used like one of this host (`ice.network.UdpSocket`).

    What is sent to a peer waits for the peer's permission; a channel is bound once media flows. Made by
    `ice.turn_client.allocate`.

    Attributes:
        server: address of the server.
        lost: why the relay is gone; empty while it stands.
        dropped: media that was dropped because the connection to the server was too slow.
    """

    def __init__(
        self,
        *,
        allocation: Allocation,
        server: TransportAddress,
        on_datagram: DatagramReceiver,
        on_event: EventReceiver | None,
    ) -> None:
        self.server = server
        self.lost = ""
        self.dropped = 0
        self._allocation = allocation
        self._on_datagram: DatagramReceiver | None = on_datagram
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._clock = LoopClock()
        self._control: Control | None = None
        self._timer = CoreTimer(self._clock, self._ring)
        self._pumping = False
        self._decided: asyncio.Future[Allocated | AllocationFailed] = self._loop.create_future()
        self._allocated: Allocated | None = None
        self._freed = asyncio.Event()

    # --- making it (ice.turn_client) ---

    async def start(self, control: Control) -> Allocated | AllocationFailed:
        """Ask for the allocation over `control`, which is owned from now on; what came of it."""
        self._control = control
        self._feed(self._allocation.start)
        return await self._decided

    def received(self, message: bytes) -> None:
        """A message of the server."""
        if self._control is not None:
            self._allocation.receive(message, self._clock.now())
            self._pump()

    def connection_ended(self, reason: str) -> None:
        """The connection to the server ended."""
        self._feed(lambda now: self._allocation.connection_lost(reason, now))

    # --- using it ---

    @property
    def local(self) -> TransportAddress:
        """The relayed address: what peers see, and where they send to."""
        if self._allocated is None:
            raise TurnError("there is no allocation yet")
        return self._allocated.relayed

    @property
    def mapped(self) -> TransportAddress | None:
        """Our address as the server sees it: a server-reflexive one over UDP."""
        return None if self._allocated is None else self._allocated.mapped

    @property
    def control_local(self) -> TransportAddress | None:
        """Our own address towards the server; None once closed."""
        return None if self._control is None else self._control.local

    def send(self, data: bytes, remote: TransportAddress) -> bool:
        """Send one datagram from the relayed address; False where it was dropped."""
        control = self._control
        if control is None or self._on_datagram is None:
            return False
        if control.congested and classify(data) is PacketKind.RTP:
            # Media that waits grows old; checks and DTLS are never dropped.
            self.dropped += 1
            return False
        sent = self._allocation.send(data, remote, self._clock.now())
        self._pump()
        return sent

    def close(self) -> None:
        """Give the allocation back; nothing is delivered afterwards.

        The way to the server stays open until it answered, a second at most: `wait_closed` waits for that.
        """
        self._on_datagram = None
        self._feed(self._allocation.close)

    def abort(self) -> None:
        """Give the allocation back without waiting for the answer, and free everything now."""
        self.close()
        self._free()

    async def wait_closed(self) -> None:
        """Wait until everything is freed."""
        await self._freed.wait()

    # --- the pump ---

    def _feed(self, give: Callable[[float], None]) -> None:
        give(self._clock.now())
        self._pump()

    def _pump(self) -> None:
        """Send what the core wants sent, deliver its events, re-arm the timer; frees all after the end."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while True:
                output, events = self._allocation.take_output(), self._allocation.take_events()
                if not output and not events:
                    break
                if self._control is not None:
                    for message in output:
                        self._control.send(message)
                for event in events:
                    self._handle(event)
        finally:
            self._pumping = False
        if self._allocation.state is AllocationState.ENDED:
            self._free()
        else:
            self._timer.arm(self._allocation.next_timer())

    def _handle(self, event: TurnEvent) -> None:
        match event:
            case PeerData():
                if self._on_datagram is not None:
                    self._on_datagram(event.data, event.peer)
                return
            case Allocated():
                self._allocated = event
                self._decide(event)
            case AllocationFailed():
                self._decide(event)
            case AllocationLost():
                self.lost = event.reason
            case Released() | PermissionRefused() | ChannelRefused() | PeerUnreachable() | MessageRefused():
                pass
            case _:
                assert_never(event)
        if self._on_event is not None:
            self._on_event(event)

    def _decide(self, event: Allocated | AllocationFailed) -> None:
        if not self._decided.done():
            self._decided.set_result(event)

    def _free(self) -> None:
        self._on_datagram = None
        self._timer.arm(None)
        control, self._control = self._control, None
        if control is not None:
            control.close()
        self._freed.set()

    def _ring(self, now: float) -> None:
        self._allocation.handle_timer(now)
        self._pump()
