"""Where the command line writes: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from ua.errors import ResultCode, UaError
from ua.results import SCHEMA
from ua.view.text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType


PIPE_WIDTH = 120
"""Columns of tables that do not go to a terminal."""


HINTS = {
    ResultCode.AUTHENTICATION: "check auth_user and the password; 'icephone config check' shows them",
    ResultCode.REJECTED: "the other side decides; -v shows its whole answer",
    ResultCode.TIMEOUT: "check the address; a firewall may drop packets silently; -v shows what was sent",
    ResultCode.UNREACHABLE: "check host and port: does somebody listen there, over UDP or over TCP?",
    ResultCode.NO_MEDIA_PATH: "look at the pairs in --json or in a --report: which checks were answered?",
    ResultCode.MEDIA_ONE_WAY: "a firewall or NAT may let packets through in one direction only",
}
"""What to try where the error itself has no advice."""


class Output:
    """The two streams of a command.

    Attributes:
        json: results are JSON.
        verbose: show SIP messages and ICE events, and tracebacks of internal errors.
        quiet: show no progress.
        sip_trace: show the SIP messages, also where quiet.
        stdout: takes results for people; stderr does where audio goes to stdout.
    """

    def __init__(
        self,
        *,
        json_results: bool = False,
        verbose: bool = False,
        quiet: bool = False,
        sip_trace: bool = False,
        audio_out: bool = False,
    ) -> None:
        self.json = json_results
        self.verbose = verbose
        self.quiet = quiet
        self.sip_trace = sip_trace
        # A pipe has no width; 80 columns, the guess of rich, fold addresses.
        piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
        self.stdout = Console(highlight=False, width=PIPE_WIDTH if piped else None)
        self.stderr = Console(stderr=True, highlight=False)
        if audio_out:
            self.stdout = self.stderr

    def note(self, text: str, style: str = "") -> None:
        """One line of progress on stderr; text from the wire is made harmless."""
        if self.quiet:
            return
        if self.stderr.is_terminal:
            self.stderr.print(printable(text), style=style or None, markup=False, soft_wrap=True)
        else:
            # A millisecond less, and calls wait for it.
            self.stderr.file.write(printable(text) + "\n")
            self.stderr.file.flush()

    def trace(self, text: str, style: str = "") -> None:
        """A log line, only with -v or --sip-trace; may hold several lines."""
        if self.verbose or self.sip_trace:
            self.stderr.print(printable(text, lines=True), style=style or None, markup=False, soft_wrap=True)

    def text(self, renderable: RenderableType) -> None:
        """A result for people on stdout; nothing where results are JSON."""
        if not self.json:
            self.stdout.print(renderable, soft_wrap=isinstance(renderable, str))

    def object(self, value: dict[str, Any]) -> None:
        """A result as one line of JSON on stdout, where results are JSON."""
        if self.json:
            # Not through rich: it would wrap and colour.
            sys.stdout.write(json.dumps(value, ensure_ascii=True, allow_nan=False) + "\n")
            sys.stdout.flush()

    def warning(self, error: UaError) -> None:
        """What went wrong and does not end the command; on stderr, also when quiet."""
        self.stderr.print(f"[bold yellow]warning:[/] {escape(printable(error.what))}", soft_wrap=True)
        if error.hint:
            self.stderr.print(f"  [dim]try:[/]  {escape(printable(error.hint))}", soft_wrap=True)

    def error(self, error: UaError) -> None:
        """What happened, what was seen, what to try; on stderr, also when quiet."""
        self.complain(error.code, error.what, seen=error.seen, hint=error.hint)

    def complain(self, code: ResultCode, what: str, *, seen: str = "", hint: str = "") -> None:
        """The same of a result that is known by its code."""
        self.stderr.print(f"[bold red]error:[/] {escape(printable(what))}", soft_wrap=True)
        if seen:
            self.stderr.print(f"  [dim]seen:[/] {escape(printable(seen))}", soft_wrap=True)
        hint = hint or HINTS.get(code, "")
        if hint:
            self.stderr.print(f"  [dim]try:[/]  {escape(printable(hint))}", soft_wrap=True)

    def error_object(self, error: UaError, **more: str) -> None:
        """The JSON of a command, or of a part of it that `more` names, that ended before it had a result."""
        self.object(
            {
                "schema": SCHEMA,
                "result": error.code.value,
                "error": error.what,
                "seen": error.seen or None,
                "hint": error.hint or HINTS.get(error.code),
                "sip_code": getattr(error, "sip_code", None),
                **more,
            }
        )

    def internal_error(self, error: BaseException) -> None:
        """A mistake of ours: how to report it; the traceback only with -v."""
        self.stderr.print(
            f"[bold red]internal error:[/] {escape(printable(f'{type(error).__name__}: {error}'))}",
            soft_wrap=True,
        )
        if self.verbose:
            text = "".join(traceback.format_exception(error))
            self.stderr.print(printable(text, lines=True), markup=False, soft_wrap=True)
        else:
            self.stderr.print(
                "  This is a mistake in icephone. Run the command again with -v", soft_wrap=True
            )
        self.stderr.print("  and report it with what it shows and 'icephone --version'.", soft_wrap=True)
        self.object(
            {
                "schema": SCHEMA,
                "result": ResultCode.INTERNAL.value,
                "error": f"{type(error).__name__}: {error}",
                "seen": None,
                "hint": "run again with -v and report what it shows",
                "sip_code": None,
            }
        )
