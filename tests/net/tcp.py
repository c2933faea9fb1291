"""TCP as far as it decides whether and when frames arrive: attempts to connect, connections, resets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ice.types import TransportAddress
from tests.net.packet import REFUSAL, Kind, Packet

if TYPE_CHECKING:
    from tests.net.host import Host

SYN_TIMES_S = (0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0)
"""When kernels send a SYN that nobody answers."""

TIMEOUT_S = 127.0
"""When they give up."""

REFUSED = "connection refused"
EXISTS = "the connection exists"
"""Why an attempt fails: a reset, or another connection between the same two ports."""


class Dial:
    """An attempt to connect; one that meets an attempt of the other end becomes one connection with it."""

    def __init__(
        self,
        host: Host,
        local: TransportAddress,
        remote: TransportAddress,
        *,
        opened: Callable[[Connection], None],
        failed: Callable[[str], None],
    ) -> None:
        self.host = host
        self.local = local
        self.remote = remote
        self._opened = opened
        self._failed = failed
        self._crossed = False
        clock = host.internet.clock
        if (local, remote) in host.connections or (local, remote) in host.dials:
            clock.after(0, lambda: failed(EXISTS))
            return
        host.dials[local, remote] = self
        if host.interfaces[local.host].up:
            self._attempt(0)
            clock.after(TIMEOUT_S, lambda: self._fail("timed out"))
        else:
            clock.after(0, lambda: self._fail("network unreachable"))

    @property
    def _going_on(self) -> bool:
        return self.host.dials.get((self.local, self.remote)) is self

    def _attempt(self, number: int) -> None:
        if not self._going_on:
            return
        self.host.send(Packet(Kind.SYN, self.local, self.remote))
        if number + 1 < len(SYN_TIMES_S):
            wait_s = SYN_TIMES_S[number + 1] - SYN_TIMES_S[number]
            self.host.internet.clock.after(wait_s, lambda: self._attempt(number + 1))

    def receive(self, packet: Packet) -> None:
        """An answer to it."""
        if packet.kind is Kind.RST:
            # Once it has met the peer's own attempt, a refusal does not fit any more (RFC 9293 §3.10.7.4).
            if not self._crossed or packet.sequence != REFUSAL:
                self._fail(REFUSED)
        elif packet.kind is Kind.SYN:
            # RFC 9293 §3.5: both ends have sent one, each acknowledges that of the other.
            self._crossed = True
            self.host.send(packet.answer(Kind.SYN_ACK))
        elif packet.kind is Kind.SYN_ACK or self._crossed:
            self.abandon()
            connection = Connection(self.host, self.local, self.remote)
            connection.acknowledge()
            self._opened(connection)
            if packet.kind is not Kind.SYN_ACK:
                connection.receive(packet)

    def _fail(self, reason: str) -> None:
        if self._going_on:
            self.abandon()
            self._failed(reason)

    def abandon(self) -> None:
        """Give it up; nobody is told."""
        if self._going_on:
            del self.host.dials[self.local, self.remote]


class Connection:
    """One end of a connection; `on_frame` and `on_end` are set by who uses it.

    Args:
        host: where this end is.
        local: its address here.
        remote: the other end's address as it is seen from here.
        listener: takes it once it is established, where it was opened from the other end.
    """

    def __init__(
        self,
        host: Host,
        local: TransportAddress,
        remote: TransportAddress,
        *,
        listener: Callable[[Connection], None] | None = None,
    ) -> None:
        self.host = host
        self.local = local
        self.remote = remote
        self.on_frame: Callable[[bytes], None] = lambda _: None
        self.on_end: Callable[[str], None] = lambda _: None
        self._listener = listener
        self._sent = 0
        self._expected = 0
        self._early: dict[int, Packet] = {}
        host.connections[local, remote] = self

    def _send(self, kind: Kind, data: bytes = b"") -> None:
        self.host.send(Packet(kind, self.local, self.remote, data, self._sent))
        self._sent += 1

    def acknowledge(self) -> None:
        """Tell the other end that it is established."""
        self._send(Kind.ACK)

    def send(self, frame: bytes) -> None:
        """Send a frame; frames arrive in order, late where one was lost, never where nothing gets through."""
        self._send(Kind.DATA, frame)

    def close(self) -> None:
        """End it; what was sent before arrives."""
        if self._forget():
            self._send(Kind.FIN)

    def reset(self) -> None:
        """Break it: both ends are told."""
        if self._forget():
            self._send(Kind.RST)
            self.on_end("reset")

    def _forget(self) -> bool:
        return self.host.connections.pop((self.local, self.remote), None) is not None

    def receive(self, packet: Packet) -> None:
        """A segment from the other end, in whatever order."""
        if packet.kind is Kind.SYN:
            self.host.send(packet.answer(Kind.SYN_ACK))
        elif packet.kind is Kind.RST:
            # A refusal of an earlier attempt, by a firewall that the peer's own attempt has opened since.
            if packet.sequence != REFUSAL and self._forget():
                self.on_end("reset by the peer")
        elif packet.kind is not Kind.SYN_ACK:
            self._early[packet.sequence] = packet
            while self._expected in self._early and (self.local, self.remote) in self.host.connections:
                segment = self._early.pop(self._expected)
                self._expected += 1
                self._take(segment)

    def _take(self, segment: Packet) -> None:
        if segment.kind is Kind.DATA:
            self.on_frame(segment.data)
        elif segment.kind is Kind.FIN:
            self._forget()
            self.on_end("closed by the peer")
        elif self._listener is not None:
            # The listener may have been closed since the first segment came.
            if self.host.listeners.get(self.local) is self._listener:
                self._listener(self)
            else:
                self.reset()
