"""Runs one TURN allocation on the event loop: its control connection, its timer, its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ice.errors import TurnError
from ice.net.clock import CoreTimer, LoopClock
from ice.turn.allocation import Allocation, AllocationState
from ice.turn.control import Control
from ice.turn.events import Allocated, AllocationFailed, AllocationLost, TurnEvent
from ice.types import TransportAddress

EventReceiver = Callable[[TurnEvent], None]


def _nobody(_event: TurnEvent) -> None:
    """Nothing comes before there is an owner."""


class AllocationRunner:
    """The pump of one allocation. Made by `ice.turn.client`, owned by a relayed socket or listener.

    Attributes:
        allocation: the core; give it commands by `feed`.
        server: address of the server.
        lost: why the relay is gone; empty while it stands.
        on_event: takes what the allocation tells.
        clock: of the loop.
    """

    def __init__(self, *, allocation: Allocation, server: TransportAddress) -> None:
        self.allocation = allocation
        self.server = server
        self.lost = ""
        self.on_event: EventReceiver = _nobody
        self.clock = LoopClock()
        self._control: Control | None = None
        self._timer = CoreTimer(self.clock, self._ring)
        self._pumping = False
        self._decided: asyncio.Future[Allocated | AllocationFailed] = (
            asyncio.get_running_loop().create_future()
        )
        self._allocated: Allocated | None = None
        self._freed = asyncio.Event()

    # --- making it ---

    async def start(self, control: Control) -> Allocated | AllocationFailed:
        """Ask for the allocation over `control`, which is owned from now on; what came of it."""
        self._control = control
        self.feed(self.allocation.start)
        return await self._decided

    def received(self, message: bytes) -> None:
        """A message of the server."""
        if self._control is not None:
            self.allocation.receive(message, self.clock.now())
            self.pump()

    def connection_ended(self, reason: str) -> None:
        """The connection to the server ended."""
        self.feed(lambda now: self.allocation.connection_lost(reason, now))

    # --- what is known ---

    @property
    def relayed(self) -> TransportAddress:
        """The relayed address; TurnError before there is one."""
        if self._allocated is None:
            raise TurnError("there is no allocation yet")
        return self._allocated.relayed

    @property
    def mapped(self) -> TransportAddress | None:
        """Our address as the server sees it."""
        return None if self._allocated is None else self._allocated.mapped

    @property
    def control(self) -> Control | None:
        """The way to the server; None once closed."""
        return self._control

    # --- the pump ---

    def feed(self, give: Callable[[float], None]) -> None:
        """Give the core a command at the present time, then do what it wants."""
        give(self.clock.now())
        self.pump()

    def pump(self) -> None:
        """Send what the core wants sent, deliver its events, re-arm the timer; frees all after the end."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while True:
                output, events = self.allocation.take_output(), self.allocation.take_events()
                if not output and not events:
                    break
                if self._control is not None:
                    for message in output:
                        self._control.send(message)
                for event in events:
                    self._handle(event)
        finally:
            self._pumping = False
        if self.allocation.state is AllocationState.ENDED:
            self._free()
        else:
            self._timer.arm(self.allocation.next_timer())

    def _handle(self, event: TurnEvent) -> None:
        match event:
            case Allocated():
                self._allocated = event
                self._decide(event)
            case AllocationFailed():
                self._decide(event)
            case AllocationLost():
                self.lost = event.reason
            case _:
                pass
        self.on_event(event)

    def _decide(self, event: Allocated | AllocationFailed) -> None:
        if not self._decided.done():
            self._decided.set_result(event)

    def _ring(self, now: float) -> None:
        self.allocation.handle_timer(now)
        self.pump()

    # --- the end ---

    def close(self) -> None:
        """Give the allocation back; the way to the server stays open until it answered, a second at most."""
        self.feed(self.allocation.close)

    def abort(self) -> None:
        """Give the allocation back without waiting for the answer, and free everything now."""
        self.close()
        self._free()

    async def wait_closed(self) -> None:
        """Wait until everything is freed."""
        await self._freed.wait()

    def _free(self) -> None:
        self._timer.arm(None)
        control, self._control = self._control, None
        if control is not None:
            control.close()
        self._freed.set()
