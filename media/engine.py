"""The clock of all media: one timer for all calls, with deadlines that do not drift.

This is the only file of the package that knows asyncio and the time.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # importing aiortc takes half a second, which who only starts a clock need not wait for
    from media.session import MediaSession

CALLS_PER_PHASE: Final = 50
MAXIMUM_PHASES: Final = 8
"""Waking an idle process costs more than a few calls; many calls at once would delay each other."""

CATCH_UP_S: Final = 0.1
"""After a longer stall the missed frames are left out instead of sent in a burst."""


class _Phase:
    """Sessions whose frames are of one length, which tick together."""

    __slots__ = ("_count", "_origin", "deadline", "period", "sessions", "slot")

    def __init__(self, period: float, slot: int, origin: float) -> None:
        self.period = period
        self.slot = slot
        self.sessions: list[MediaSession] = []
        self._origin = origin
        self._count = 0
        self.deadline = origin

    def advance(self, frames: int) -> None:
        """Move on by whole frames; counted from the origin, so that rounding never adds up."""
        self._count += frames
        self.deadline = self._origin + self._count * self.period


class MediaEngine:
    """Ticks all sessions of a process. Deadlines are T0 + n x packet time, whatever the load."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._phases: list[_Phase] = []
        self._sessions: dict[MediaSession, _Phase] = {}
        self.skipped_frames = 0
        """Frames left out after stalls, all sessions together."""
        self.latest_ms = 0.0
        """The most that a tick was ever late, ms."""

    def start(self) -> None:
        """Bind to the running event loop; without this, `add` does it.

        Raises:
            RuntimeError: no event loop is running.
        """
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        """Sessions that tick."""
        return len(self._sessions)

    def add(self, session: MediaSession) -> None:
        """Start a session: its first frame is sent within a packet time, at once if it is the only one.

        Raises:
            RuntimeError: no event loop is running, or the session was started before.
        """
        if self._loop is None:
            self.start()
        now = self._now()
        session.start(now, wall_clock=time.time())
        phase = self._phase_for(session.frame_ms / 1000, now)
        phase.sessions.append(session)
        self._sessions[session] = phase
        self._arm()

    def remove(self, session: MediaSession) -> None:
        """Stop a session, with its RTCP BYE; does nothing where it was removed before."""
        phase = self._sessions.pop(session, None)
        if phase is None:
            return
        phase.sessions.remove(session)
        if not phase.sessions:
            self._phases.remove(phase)
        self._arm()
        session.stop(self._now())

    async def close(self) -> None:
        """Stop all sessions and the timer."""
        for session in tuple(self._sessions):
            self.remove(session)

    def _now(self) -> float:
        if self._loop is None:
            raise RuntimeError("the media engine was not started")
        return self._loop.time()

    # --- phases -----------------------------------------------------------------------------------------

    def _phase_for(self, period: float, now: float) -> _Phase:
        phases = [phase for phase in self._phases if phase.period == period]
        open_phases = [phase for phase in phases if len(phase.sessions) < CALLS_PER_PHASE]
        if open_phases or len(phases) >= MAXIMUM_PHASES:
            return min(open_phases or phases, key=lambda phase: len(phase.sessions))
        slot = next(slot for slot in range(MAXIMUM_PHASES) if all(phase.slot != slot for phase in phases))
        deadline = now
        if phases:
            # relative to an existing grid, so that the phases stay evenly apart
            reference = phases[0]
            distance = (_spread(slot) - _spread(reference.slot)) * period
            deadline = reference.deadline + distance
            while deadline < now:
                deadline += period
        phase = _Phase(period, slot, deadline)
        self._phases.append(phase)
        return phase

    # --- timer ------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._phases and self._loop is not None:
            deadline = min(phase.deadline for phase in self._phases)
            self._timer = self._loop.call_at(deadline, self._wake)

    def _wake(self) -> None:
        self._timer = None
        if not self._phases:
            return
        # timers may fire a clock tick early
        now = max(self._now(), min(phase.deadline for phase in self._phases))
        for phase in tuple(self._phases):
            late = now - phase.deadline
            if late < 0:
                continue
            self.latest_ms = max(self.latest_ms, late * 1000)
            if late > CATCH_UP_S:
                self._skip(phase, int(late / phase.period))
            # One frame, even if more are due: what has arrived meanwhile is read before the next one.
            deadline = phase.deadline
            phase.advance(1)
            for session in tuple(phase.sessions):
                try:
                    session.tick(deadline)
                except Exception as error:  # a broken callback of one call must not silence the others
                    self._fail(session, error)
        self._arm()

    def _fail(self, session: MediaSession, error: Exception) -> None:
        self.remove(session)
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a media session failed and was stopped", "exception": error}
        )

    def _skip(self, phase: _Phase, frames: int) -> None:
        phase.advance(frames)
        self.skipped_frames += frames * len(phase.sessions)
        for session in phase.sessions:
            session.skip(frames, phase.deadline - phase.period)


def _spread(slot: int) -> float:
    """Where slot 0, 1, 2, 3... lies within a period: 0, 1/2, 1/4, 3/4, 1/8..."""
    place, share = 0.0, 0.5
    while slot:
        place += share * (slot & 1)
        slot >>= 1
        share /= 2
    return place
