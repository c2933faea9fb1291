"""Several calls that hear each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.audio.mixer import Mixer, Seat
from ua.plan import Room

if TYPE_CHECKING:
    from ua.call.call import Call


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
        self._calls: list[Call] = []

    @property
    def calls(self) -> tuple[Call, ...]:
        """Who was joined, in this order."""
        return tuple(self._calls)

    @property
    def source(self) -> Room:
        """For the plan of a call that is to be there from its answer on."""
        return Room(mixer=self.room)

    def join(self, call: Call) -> Seat:
        """Take a call in, out of the conference where it was.

        Raises:
            UsageError: the call does not stand.
        """
        seat = call.join(self.room)
        if call not in self._calls:
            self._calls.append(call)
            call.on_end(self._forget)
        return seat

    def leave(self, call: Call) -> None:
        """Let a call go back to what its plan says; does nothing where it is not here."""
        if call in self._calls:
            self._calls.remove(call)
            if call.seat in self.room.seats:
                call.leave()

    def _forget(self, call: Call) -> None:
        if call in self._calls:
            self._calls.remove(call)
