"""Several calls that hear each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from media.audio.mixer import Mixer, Seat
from ua.plan import Room


class Member(Protocol):
    """What a conference asks of a call; satisfied by `ua.call.call.Call`."""

    @property
    def seat(self) -> Seat | None:
        """Its place in a room, None where it is in none."""

    def join(self, mixer: Mixer, /) -> Seat:
        """Go into a room; raises UsageError where the call does not stand."""

    def leave(self) -> None:
        """Come back from a room."""

    def on_end(self, forget: Callable[[Any], None], /) -> None:
        """Call `forget` with this call once it is over."""


class Conference:
    """Calls that were placed and answered, joined and let go at any time.

    A call in it is heard by all others, and hears them instead of the source of its plan, which waits; what
    the plan records is recorded on. `call.seat` has what is its own there: `muted` and `gain`.

    Args:
        rate: sample rate of the room, Hz; calls of other rates are converted.

    Attributes:
        room: where the audio is mixed.
    """

    def __init__(self, rate: int = 16_000) -> None:
        self.room = Mixer(rate)
        self._calls: list[Member] = []

    @property
    def calls(self) -> tuple[Member, ...]:
        """Who was joined, in this order."""
        return tuple(self._calls)

    @property
    def source(self) -> Room:
        """For the plan of a call that is to be there from its answer on."""
        return Room(mixer=self.room)

    def join(self, call: Member) -> Seat:
        """Take a call in, out of the conference where it was.

        Raises:
            UsageError: the call does not stand.
        """
        seat = call.join(self.room)
        if call not in self._calls:
            self._calls.append(call)
            call.on_end(self._forget)
        return seat

    def leave(self, call: Member) -> None:
        """Let a call go back to what its plan says; does nothing where it is not here."""
        if call in self._calls:
            self._calls.remove(call)
            if call.seat in self.room.seats:
                call.leave()

    def _forget(self, call: Member) -> None:
        if call in self._calls:
            self._calls.remove(call)
