"""Counts and reports what the stack does; nothing is refused in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, Literal

from ice.types import TransportAddress
from ua.sip.log import SipLogEntry, printable
from ua.sip.transaction.admission import Rate
from ua.sip.transport.exposure import EXPOSED, exposes_ice
from ua.sip.transport.hop import Hop

LOGGED_PER_SECOND: Final = 1000
"""50 calls a second make about 700 entries a second."""


class Reporter:
    """Makes the log entries of one endpoint.

    Attributes:
        counters: how often what happened: "received", "sent", "refused", "keep-alives sent",
            "keep-alives received" (answers on connections, all over UDP), "internal errors",
            "not logged" (what a flood brings is counted alone),
            "exposed credentials" (of ICE, in the clear, for media that is not encrypted) ...
    """

    def __init__(
        self,
        on_log: Callable[[SipLogEntry], None],
        *,
        now: Callable[[], float],
        local: Callable[[Hop], TransportAddress | None],
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._on_log = on_log
        self._now = now
        self._local = local
        self._rate = Rate(LOGGED_PER_SECOND)
        self._unlogged = 0

    def message(self, direction: Literal["in", "out"], hop: Hop, data: bytes) -> None:
        """A message came or left."""
        self.counters["received" if direction == "in" else "sent"] += 1
        self._entry("message", hop, data, direction=direction)
        if exposes_ice(data, hop):
            if not self.counters["exposed credentials"]:
                self.note(EXPOSED)
            self.counters["exposed credentials"] += 1

    def refused(self, hop: Hop, reason: str, data: bytes = b"") -> None:
        """Something from the network is not acted on."""
        self.counters["refused"] += 1
        self._entry("refused", hop, data, direction="in", reason=reason)

    def connection(self, hop: Hop, state: str) -> None:
        """A connection was opened, accepted, or ended with a reason."""
        self._entry("connection", hop, b"", reason=state)

    def not_sent(self, hop: Hop, reason: str) -> None:
        """A message could not be sent."""
        self.counters["not sent"] += 1
        self._entry("transaction", hop, b"", direction="out", reason=reason)

    def note(self, reason: str) -> None:
        """What became of a transaction or a dialog."""
        self._on_log(SipLogEntry(at=self._now(), kind="transaction", reason=reason))

    def notes(self, reasons: Iterable[str]) -> None:
        """Several of them."""
        for reason in reasons:
            self.note(reason)

    def _entry(
        self,
        kind: Literal["message", "refused", "connection", "transaction"],
        hop: Hop,
        data: bytes,
        *,
        direction: Literal["in", "out", ""] = "",
        reason: str = "",
    ) -> None:
        if not self._rate.take("", self._now()):
            self.counters["not logged"] += 1
            self._unlogged += 1
            return
        if self._unlogged:
            self.note(f"{self._unlogged} messages came too fast to be logged")
            self._unlogged = 0
        local = self._local(hop)
        self._on_log(
            SipLogEntry(
                at=self._now(),
                kind=kind,
                direction=direction,
                transport=hop.transport,
                local="" if local is None else str(local),
                remote=str(hop.remote),
                size=len(data),
                text=printable(data),
                reason=reason,
            )
        )
