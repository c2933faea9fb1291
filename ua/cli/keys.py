"""Keys at the terminal while a call stands: m mutes us, and m again lets us be heard."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from ua.cli import transfers
from ua.errors import UaError

if TYPE_CHECKING:
    from ua.cli.output import Output
    from ua.cli.ports import CallPort

MUTE: Final = "m"

_READ: Final = 256


class CallKeys:
    """Reads keys as long as calls stand, without Enter, where somebody sits at a terminal.

    Args:
        output: says which keys there are; a quiet one has none.

    Attributes:
        muted: the other side hears silence. It stays so where a call is handed over.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._descriptor = transfers.STDIN
        self._calls: list[CallPort] = []
        self._restore: Callable[[], None] | None = None
        self._told = False
        self._asides = 0
        self.muted = False

    @contextlib.contextmanager
    def on(self, call: CallPort) -> Iterator[None]:
        """`call` stands, and keys are for it."""
        self._calls.append(call)
        if self.muted:
            self._mute()
        self._begin()
        try:
            yield
        finally:
            self._calls.remove(call)
            if not self._calls:
                self._end()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Somebody else asks at the terminal, and wants a line with Enter."""
        self._asides += 1
        self._end()
        try:
            yield
        finally:
            self._asides -= 1
            self._begin()

    @property
    def reading(self) -> bool:
        """Whether keys are read."""
        return self._restore is not None

    def _begin(self) -> None:
        if self._restore is not None or self._asides or not self._calls:
            return
        if self._output.quiet or not os.isatty(self._descriptor):
            return
        if not transfers.is_ours(self._descriptor):
            return
        restore = _without_enter(self._descriptor)
        if restore is None:
            return
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        self._restore = restore
        if not self._told:
            self._told = True
            self._output.note(f"{MUTE}: mute, and {MUTE} again: be heard")

    def _end(self) -> None:
        restore, self._restore = self._restore, None
        if restore is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            restore()

    def _read(self) -> None:
        try:
            typed = os.read(self._descriptor, _READ)
        except OSError:
            typed = b""
        if not typed:  # the terminal is gone
            self._end()
            return
        if typed.decode(errors="replace").lower().count(MUTE) % 2:
            self.muted = not self.muted
            self._mute()

    def _mute(self) -> None:
        for call in self._calls:
            with contextlib.suppress(UaError):  # it is over, or has handed us over
                call.muted = self.muted


def _without_enter(descriptor: int) -> Callable[[], None] | None:
    """Let the terminal give keys at once and unseen, but Ctrl-C; gives what undoes it, None without."""
    try:
        import termios
    except ImportError:  # Windows
        return None
    try:
        before = termios.tcgetattr(descriptor)
        after = termios.tcgetattr(descriptor)
        after[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(descriptor, termios.TCSANOW, after)
    except termios.error:
        return None

    def restore() -> None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    return restore
