"""When a caller is to hear a ringing tone of its own (core; RFC 3960 §3.2)."""

from __future__ import annotations

from collections.abc import Callable


class Ringback:
    """Says when the user interface plays the tone: after a 180, and while nothing is heard of the other side.

    Args:
        tell: called with True where the tone begins and with False where it ends.
    """

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self._tell = tell
        self._on = False
        self._done = False

    def rings(self, status: int) -> None:
        """A provisional response came: a 180 says that somebody is alerted, no other does."""
        if status == 180 and not self._done and not self._on:
            self._on = True
            self._tell(True)

    def end(self) -> None:
        """The other side is heard, has answered, or the call is over: the tone does not come back."""
        self._done = True
        if self._on:
            self._on = False
            self._tell(False)
