"""Checks of a peer whose description is still on its way: answered, and acted on later (RFC 8445 §7.3)."""

from __future__ import annotations

from dataclasses import replace

from ice.checks.server import InboundCheck
from ice.outbox import Outbox
from ice.types import FlowId, TransportAddress

_MAX_EARLY = 64
"""Sources of checks that are remembered until the peer's description arrives."""


class EarlyChecks:
    """One check for each source; what any of them nominated stays nominated.

    Args:
        outbox: tells what is not remembered.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._kept: dict[tuple[FlowId, TransportAddress], InboundCheck] = {}

    def keep(self, inbound: InboundCheck, now: float) -> None:
        """Remember a check."""
        key = (inbound.flow, inbound.remote)
        earlier = self._kept.get(key)
        if earlier is not None:
            self._kept[key] = replace(inbound, use_candidate=inbound.use_candidate or earlier.use_candidate)
        elif len(self._kept) < _MAX_EARLY:
            self._kept[key] = inbound
        else:
            reason = "too many checks before the peer's description"
            self._outbox.refuse(inbound.flow, inbound.remote, "early_checks_over_limit", reason, now)

    def take(self) -> tuple[InboundCheck, ...]:
        """The checks since the last call, in the order in which their sources were first heard."""
        taken = tuple(self._kept.values())
        self._kept.clear()
        return taken
