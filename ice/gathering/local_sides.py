"""The local sides of a session, one for each generation (RFC 8445 §9)."""

from __future__ import annotations

from collections.abc import Callable

from ice.gathering.local_side import LocalSide
from ice.types import FlowId, TransportAddress


class LocalSides:
    """The present one, and those before it until their sockets are closed.

    Args:
        make: makes one for so many components.
        components: of the first one.
        shared: the first one where it is that of a fork.

    Attributes:
        current: that of the newest generation.
    """

    def __init__(
        self, make: Callable[[int], LocalSide], components: int, shared: LocalSide | None = None
    ) -> None:
        self._make = make
        self._older: list[LocalSide] = []
        self._given_up: list[LocalSide] = []
        self.current = make(components) if shared is None else shared
        self.current.join(self)

    def begin(self, components: int) -> None:
        """A new generation begins."""
        self._older.append(self.current)
        self.current = self._make(components)
        self.current.join(self)

    def revert(self) -> None:
        """The new generation is not wanted: the one before is the present one again."""
        self.current.stop(self)
        self._given_up.append(self.current)
        self.current = self._older.pop()

    def stop(self, *, restarting: bool) -> None:
        """ICE has concluded: no mappings are kept alive, but where a restart is under way."""
        for side in self._older:
            side.stop(self)
        if not restarting:
            self.current.stop(self)

    def shut(self) -> None:
        """Whoever gathers still finds that nobody wants it."""
        if not self.current.shared:
            self.current.closed = True

    def intercept(self, flow: FlowId, remote: TransportAddress, data: bytes, now: float) -> bool:
        """Take STUN that somebody who gathers waits for; False where nobody does."""
        sides = (self.current, *self._older, *self._given_up)
        return any(side.intercept(flow, remote, data, now) for side in sides)

    async def close_spent(self) -> None:
        """Give back what servers and gateways gave to generations whose sockets are all closed."""
        spent = [side for side in (*self._older, *self._given_up) if not side.sockets.open]
        self._older = [side for side in self._older if side not in spent]
        self._given_up = [side for side in self._given_up if side not in spent]
        for side in spent:
            await side.close(self)

    async def close(self) -> None:
        """Give everything back, and wait until it is."""
        for side in (*self._given_up, *self._older, self.current):
            await side.close(self)
