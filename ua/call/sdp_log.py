"""What offers and answers leave in the event log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sdp.diagnostics import Diagnostic
from sdp.masking import mask_keys
from ua import clock
from ua.events import EventLog


class SdpLog:
    """Writes the descriptions of one call down, and what was wrong with them.

    Args:
        log: event log.
        party: our name in it.
    """

    def __init__(self, log: EventLog, party: str) -> None:
        self._log = log
        self._party = party
        self._diagnosed: set[Diagnostic] = set()

    def told(
        self, name: Literal["offer", "answer"], direction: Literal["in", "out"], text: str | bytes
    ) -> bytes:
        """A description went out or came in; gives it as a body."""
        if direction == "in":
            self._diagnosed.clear()
        body = text.encode() if isinstance(text, str) else text
        self._record(name, direction=direction, text=mask_keys(body.decode(errors="replace")))
        return body

    def refused(self, reason: str, *, line: int | None = None) -> None:
        """A description was not taken."""
        self._record("refused", line=line, reason=reason)

    def diagnose(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Lines were refused; each is told once of one description, however often it is looked at."""
        for diagnostic in dict.fromkeys(diagnostics):
            if diagnostic in self._diagnosed:
                continue
            self._diagnosed.add(diagnostic)
            self._record("refused", line=diagnostic.line, text=diagnostic.text, reason=diagnostic.reason)

    def _record(self, name: str, **data: object) -> None:
        self._log.record(clock.now(), self._party, "sdp", name, **data)
