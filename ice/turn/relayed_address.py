"""An address at a TURN server: what its UDP sockets and TCP listeners have in common."""

from __future__ import annotations

from ice.turn.runner import AllocationRunner, EventReceiver
from ice.types import TransportAddress


class RelayedAddress:
    """An address that a TURN server relays from and to.

    Args:
        runner: of the allocation, which stands.
        on_event: takes what the allocation tells.
    """

    def __init__(self, runner: AllocationRunner, *, on_event: EventReceiver | None) -> None:
        self._runner = runner
        self._on_event = on_event

    @property
    def server(self) -> TransportAddress:
        """Address of the server."""
        return self._runner.server

    @property
    def lost(self) -> str:
        """Why the relay is gone; empty while it stands."""
        return self._runner.lost

    @property
    def local(self) -> TransportAddress:
        """The relayed address: what peers see, and where they send to."""
        return self._runner.relayed

    @property
    def mapped(self) -> TransportAddress | None:
        """Our address as the server sees it: a server-reflexive one over UDP."""
        return self._runner.mapped

    def permit(self, host: str) -> None:
        """Let a host through: something will be sent to it soon, or come from it."""
        self._runner.feed(lambda now: self._runner.allocation.permit(host, now))
