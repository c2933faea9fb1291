"""What the core has to say: commands for the shell, events for the application, counters for both."""

from __future__ import annotations

from collections import Counter

from ice.messages import Command, Event, PacketRefused, SendDatagram, SendFrame
from ice.types import FlowId, TransportAddress

_MAX_TOLD = 500
"""So many refused packets of one kind become events; all are counted. A flood must not fill the log."""


class Outbox:
    """Collects commands and events until they are taken; counts what is refused."""

    def __init__(self) -> None:
        self._commands: list[Command] = []
        self._events: list[Event] = []
        self.counters: Counter[str] = Counter()

    def command(self, command: Command) -> None:
        """Queue something for the shell to do."""
        self._commands.append(command)

    def send(self, flow: FlowId, remote: TransportAddress, data: bytes, *, tcp: bool) -> None:
        """Have bytes sent to the peer: as a frame of the connection `flow`, or as a datagram."""
        if tcp:
            self.command(SendFrame(flow=flow, data=data))
        else:
            self.command(SendDatagram(flow=flow, remote=remote, data=data))

    def event(self, event: Event) -> None:
        """Queue something for the application to know."""
        self._events.append(event)

    def refuse(self, flow: FlowId, remote: TransportAddress, kind: str, reason: str, now: float) -> None:
        """Drop bytes from the wire, never in silence: counted under `kind`, told with `reason`."""
        self.counters[kind] += 1
        if self.counters[kind] > _MAX_TOLD:
            return
        if self.counters[kind] == _MAX_TOLD:
            reason = f"{reason}; more of this kind is only counted"
        self.event(PacketRefused(at=now, flow=flow, remote=remote, reason=reason))

    def take_commands(self) -> list[Command]:
        """The commands since the last call, in the order in which they must be carried out."""
        taken, self._commands = self._commands, []
        return taken

    def take_events(self) -> list[Event]:
        """The events since the last call, oldest first."""
        taken, self._events = self._events, []
        return taken
