"""How the lines of `icephone ice pair` get from one side to the other: terminals, files, standard input."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ua.errors import UsageError
from ua.pair.files import Input
from ua.pair.line import MAX_LINE, Kind, Line, OtherAnswer, read_line, split_line

if TYPE_CHECKING:
    from ua.cli.output import Output

POLL_S = 0.1
"""Seconds between two looks at a file that is not there yet."""

STDIN = Path("-")

_END_OF_INPUT = "\x04"
"""Ctrl-D, where the terminal does not make it the end of the input itself."""


class Lines:
    """Gives our line to the other side and gets its line.

    Args:
        local: file that takes our line; None shows it on stderr.
        remote: file where the other side's line will stand, "-" for standard input; None asks a person at the
            terminal, and standard input where there is no terminal.
        source: standard input, of which the pipe reads the rest.
        output: for people and scripts.
    """

    def __init__(self, local: Path | None, remote: Path | None, source: Input, output: Output) -> None:
        self._local = local
        self._remote = remote
        self._source = source
        self._output = output
        self._own = ""

    def tell(self, kind: Kind, text: str) -> None:
        """Give our line away; UsageError where the file cannot be written."""
        self._own = text
        if self._local is not None:
            _write_whole(self._local, text + "\n")
            self._output.note(f"our line is in {self._local}")
        elif not self._output.json:
            where = (
                "on the other side run 'icephone ice pair --join' and paste" if kind == "offer" else "paste"
            )
            self._output.note(f"{where} this line there:")
            # Whole and without colours, also when quiet: nothing works without it.
            sys.stderr.write(f"\n{text}\n\n")
            sys.stderr.flush()
        self._output.object({"event": "line", "kind": kind, "line": text})

    async def hear(self, wanted: Kind) -> tuple[str, Line]:
        """The other side's line and what it says. A person may try again where it is wrong.

        Raises:
            UsageError: there is none, it is damaged or the wrong one.
        """
        if self._remote is not None and self._remote != STDIN:
            return await self._from_file(self._remote, wanted)
        if self._remote is None and (terminal := _terminal(os.isatty(0))) is not None:
            descriptor, own = terminal
            try:
                with _pasting(descriptor):
                    return await self._from_person(self._source if not own else Input(descriptor), wanted)
            finally:
                if own:
                    os.close(descriptor)
        text = await self._from(self._source)
        return self._read(text, wanted)

    def _read(self, text: str, wanted: Kind) -> tuple[str, Line]:
        return text, read_line(text, wanted=wanted, own=self._own)

    async def _from_person(self, terminal: Input, wanted: Kind) -> tuple[str, Line]:
        while True:
            self._output.note(f"now paste the line of the other side ({wanted}) and press Enter:")
            try:
                return self._read(await self._from(terminal), wanted)
            except NoLine:
                raise
            except UsageError as error:
                self._output.error(error)

    async def _from(self, source: Input) -> str:
        """The line at the beginning of `source`; what follows its line break stays there."""
        text = ""
        while True:
            data = await source.read()
            text += data.decode("utf-8", "surrogateescape")
            ended = not data or _END_OF_INPUT in text
            if not ended and "\n" not in text and len(text) <= MAX_LINE:
                continue
            if ended and not text.strip(f"\r\n\t {_END_OF_INPUT}"):
                raise NoLine("the other side's line did not come", hint="paste it, or name it with --remote")
            found = split_line(text.partition(_END_OF_INPUT)[0] if not data else text, ended=ended)
            if found is not None and (ended or "\n" in text[found[1] :]):
                rest = text[found[1] :].partition("\n")[2]
                source.push_back(rest.encode("utf-8", "surrogateescape"))
                return found[0]

    async def _from_file(self, path: Path, wanted: Kind) -> tuple[str, Line]:
        while True:
            with contextlib.suppress(FileNotFoundError):
                text = await asyncio.to_thread(_read_file, path)
                # Who writes it may not be done: only a whole line, or one that cannot become one, counts.
                found = split_line(text, ended=False)
                if found is not None:
                    # What a run before has left there will be replaced.
                    with contextlib.suppress(OtherAnswer):
                        return self._read(found[0], wanted)
            await asyncio.sleep(POLL_S)


class NoLine(UsageError):
    """Nothing was pasted before the end of the input."""


def _read_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_LINE + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="check --remote") from error


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, for our eyes only: the line lets its reader in."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="ascii")
            return
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="check --local") from error


def _terminal(stdin: bool) -> tuple[int, bool] | None:
    """The descriptor of the terminal, and whether it was opened here; None where nobody sits at one.

    `stdin` tells that standard input is it.
    """
    if stdin:
        return 0, False
    try:
        return os.open("/dev/tty", os.O_RDONLY), True
    except OSError:
        return None


@contextlib.contextmanager
def _pasting(descriptor: int) -> Iterator[None]:
    """Let the terminal take lines of any length: it cuts them at 4096 characters (or 1024) otherwise."""
    try:
        import termios
    except ImportError:  # Windows has no such limit
        yield
        return
    before = termios.tcgetattr(descriptor)
    pasting = termios.tcgetattr(descriptor)
    # Without ECHOCTL a line break is shown as one and not as ^J.
    pasting[3] &= ~(termios.ICANON | termios.ECHOCTL)
    termios.tcsetattr(descriptor, termios.TCSANOW, pasting)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
