"""What a source of candidates looks like to gathering, and the turns that all sources share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ice.candidates.address import may_ask
from ice.checks.pacing import Pacing
from ice.gathering.hosts import Gathered
from ice.gathering.resolve import Target
from ice.net.clock import LoopClock
from ice.types import FlowId, TransportAddress

Found = Callable[[Gathered], None]
"""Takes a candidate as soon as it is there."""


Askable = tuple[Gathered, FlowId, TransportAddress]
"""One of our sockets, its id, and a server that it can reach."""


def askable(sockets: Sequence[Gathered], target: Target) -> tuple[Askable, ...]:
    """From where a server can be asked about what, best address first."""
    return tuple(
        (item, item.flow, TransportAddress(host=address, port=target.port))
        for address in target.addresses
        for item in sockets
        if item.flow is not None and may_ask(item.candidate.address.host, address)
    )


class Turns:
    """One new transaction per Ta, whatever it asks and whomever (RFC 8445 §5.1.1.2, §14.2).

    Who asked first has the first turn.

    Args:
        pacing: of the session; the checks have the same.
    """

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._clock = LoopClock()
        self._order = asyncio.Lock()

    async def take(self) -> None:
        """Wait for a turn: a request or a connection begins at once when this returns."""
        pacing = self._pacing
        pacing.gathering += 1
        try:
            async with self._order:
                now = self._clock.now()
                while not pacing.due(now):
                    wait_s = (pacing.opens_at or now) - now
                    await asyncio.sleep(max(0.0, wait_s))
                    now = self._clock.now()
                pacing.sent(now)
        finally:
            pacing.gathering -= 1
            if pacing.idle:
                pacing.pass_on()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing to do while gathering.

    Attributes:
        name: who is asked, for people.
        work: calls `found` for each candidate; cancelled at the deadline.
    """

    name: str
    work: Coroutine[Any, Any, None]


class Gatherer(Protocol):
    """One source of candidates: servers, relays, a gateway."""

    @property
    def problems(self) -> Sequence[str]:
        """What could not be had, and what was lost later; for people."""

    def jobs(self, bound: Sequence[Gathered], turns: Turns, found: Found) -> Iterable[Job]:
        """What is to be done, all at once.

        Args:
            bound: the host candidates, whose sockets are with the flows already.
            turns: to be waited for before anything new is begun.
            found: takes the candidates.
        """

    def intercept(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> bool:
        """Take STUN that arrived on a UDP socket of ours; False where it is not meant for this source."""

    def stop(self) -> None:
        """ICE has concluded: what only kept candidates alive ends (RFC 8445 §5.1.1.4, RFC 6544 §11.2)."""

    async def close(self) -> None:
        """Give everything back and wait until nothing runs. The jobs have ended before."""
