"""How the audio stream of a call gets its path: by ICE, or over TCP without it; what views need of either."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from ice.messages import Event
from ice.report import SessionReport
from ice.types import Transport
from sdp.ice.binding import IceBinding
from sdp.negotiation.negotiated import NegotiatedMedia
from sdp.tcp.binding import TcpBinding
from sdp.tcp.events import TcpConnected, TcpEvent, TcpLost
from ua import clock
from ua.call import path_figures
from ua.call.path_watch import ConnectionWatch, PathWatch, Watch
from ua.results import IceSummary, PathChange

Binding = IceBinding | TcpBinding
Record = Callable[[object], None]
"""Writes an event with its time into the log."""


class Side(Protocol):
    """One of both ways."""

    @property
    def binding(self) -> Binding:
        """The stream."""

    @property
    def watch(self) -> Watch:
        """Whether there is a path."""

    @property
    def transport(self) -> Transport | None:
        """That of the path of RTP, None before there is one."""

    def why(self, agreed: NegotiatedMedia | None) -> str:
        """One sentence: which path media takes and why."""

    def ice_summary(self, agreed: NegotiatedMedia | None) -> IceSummary | None:
        """What ICE did; None where there is none by our own wish."""

    def path_changes(self, origin: float, end: float) -> tuple[PathChange, ...]:
        """When media moved until `end`, in ms after `origin` (both monotonic seconds)."""

    async def close(self) -> None:
        """Free every socket; the last figures stay."""


class IceSide:
    """ICE, or plain RTP over UDP with a peer that has none.

    Args:
        binding: the gathered stream, or that of a fork.
        record: takes the events.
        earlier: events of before.
    """

    def __init__(self, binding: IceBinding, record: Record, earlier: Iterable[Event] = ()) -> None:
        self.binding = binding
        self.watch = PathWatch(binding.session)
        self._record = record
        self._last: SessionReport | None = None
        self._moves: list[tuple[float, PathChange]] = []
        for event in earlier:
            self._handle(event)
        self._unsubscribe = binding.session.subscribe(self._handle)

    def _handle(self, event: Event) -> None:
        self._record(event)
        self.watch.handle(event)

    @property
    def report(self) -> SessionReport:
        """What ICE tells now, or told last before the end."""
        return self._last or self.binding.session.report()

    @property
    def transport(self) -> Transport | None:
        """That of the path of RTP, None before there is one."""
        return self.binding.session.path(1).transport

    def why(self, agreed: NegotiatedMedia | None) -> str:
        """One sentence: which path media takes and why."""
        if agreed is not None and agreed.ice is None:
            return f"plain RTP over UDP without ICE: {agreed.ice_reason}"
        return self.report.reason

    def ice_summary(self, agreed: NegotiatedMedia | None) -> IceSummary:
        """What ICE did."""
        if agreed is None or agreed.ice is not None:
            return path_figures.with_ice(self.report)
        session = self.binding.session
        return path_figures.without_ice(
            local=session.default_address(1), remote=session.path(1).remote, reason=self.why(agreed)
        )

    def path_changes(self, origin: float, end: float) -> tuple[PathChange, ...]:
        """When media moved: by ICE, or without it to another address of ours."""
        moves = (replace(change, at_ms=(at - origin) * 1000) for at, change in self._moves if at <= end)
        return (*path_figures.path_changes(self.report.path_changes, origin=origin, end=end), *moves)

    def moved(self, reason: str) -> None:
        """A peer without ICE has been told another address of ours."""
        session = self.binding.session
        self._moves.append(
            (
                clock.now(),
                PathChange(
                    at_ms=0.0,
                    component=1,
                    transport=Transport.UDP.value,
                    local=str(session.default_address(1)),
                    remote=str(session.path(1).remote),
                    reason=reason,
                ),
            )
        )

    def leave(self) -> None:
        """Another stream takes its place; who took it closes this one."""
        self._unsubscribe()

    async def close(self) -> None:
        """Free every socket."""
        self._last = self.binding.session.report()
        await self.binding.close()
        self._unsubscribe()


class TcpSide:
    """RTP over TCP without ICE (RFC 4145).

    Args:
        binding: the stream.
        record: takes the events.
        asked: who wanted it so, for people.
        offered: our offer came first.
    """

    def __init__(self, binding: TcpBinding, record: Record, *, asked: str, offered: bool) -> None:
        self.binding = binding
        self.watch = ConnectionWatch(offered=offered)
        self._asked = asked
        self._record = record
        self._changes: list[TcpConnected | TcpLost] = []
        self._unsubscribe = binding.subscribe(self._handle)

    def _handle(self, event: TcpEvent) -> None:
        self._record(event)
        self.watch.handle(event)
        if isinstance(event, TcpConnected | TcpLost):
            self._changes.append(event)

    @property
    def transport(self) -> Transport | None:
        """TCP once there was a connection."""
        return Transport.TCP if self._changes else None

    def why(self, agreed: NegotiatedMedia | None) -> str:  # noqa: ARG002 - as with ICE
        """One sentence: which path media takes and why."""
        return f"RTP over TCP without ICE as {self._asked}"

    def ice_summary(self, agreed: NegotiatedMedia | None) -> None:
        """There is none."""

    def path_changes(self, origin: float, end: float) -> tuple[PathChange, ...]:
        """Losses, and connections after the first one of each component."""
        result: list[PathChange] = []
        seen: set[int] = set()
        for change in self._changes:
            first = change.component not in seen
            seen.add(change.component)
            if change.at > end or first:
                continue
            at_ms = (change.at - origin) * 1000
            if isinstance(change, TcpLost):
                result.append(PathChange(at_ms=at_ms, component=change.component, reason=change.reason))
            else:
                result.append(
                    PathChange(
                        at_ms=at_ms,
                        component=change.component,
                        transport=Transport.TCP.value,
                        local=str(change.local),
                        remote=str(change.remote),
                        reason="a new connection (RFC 4145)",
                    )
                )
        return tuple(result)

    async def close(self) -> None:
        """Free every socket."""
        await self.binding.close()
        self._unsubscribe()
