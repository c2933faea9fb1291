"""Where media may go before a pair is selected: on any valid one (RFC 8445 §12.1).

The peer has consented by answering the check that made the pair valid, for as long as consent lasts
(RFC 7675 §5.1). A better pair that becomes valid later takes the place of the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ice.checks.pair import Pair
from ice.messages import PathProved, ProofExpired
from ice.outbox import Outbox


class _Proof(NamedTuple):
    pair: Pair
    expires_at: float


class ProvedPaths:
    """The best valid pair of each component that has no selected one.

    Args:
        consent_timeout_s: seconds that the answer to a check counts.
        is_open: true of a component that has no selected pair, now or in another generation.
        outbox: takes the events.
    """

    def __init__(self, *, consent_timeout_s: float, is_open: Callable[[int], bool], outbox: Outbox) -> None:
        self._consent_timeout_s = consent_timeout_s
        self._is_open = is_open
        self._outbox = outbox
        self._proofs: dict[int, _Proof] = {}

    def succeeded(self, pair: Pair, now: float) -> None:
        """A check on this pair was answered."""
        if pair.valid is None or not self._is_open(pair.component):
            return
        proof = self._proofs.get(pair.component)
        best = None if proof is None else proof.pair
        if best is not None and best is not pair and best.valid is not None and best.merit >= pair.merit:
            return
        self._proofs[pair.component] = _Proof(pair, now + self._consent_timeout_s)
        if best is not pair:
            self._outbox.event(
                PathProved(
                    at=now,
                    component=pair.component,
                    flow=pair.valid.flow,
                    remote=pair.remote.address,
                    pair=pair.view(selected=False),
                )
            )

    @property
    def next_timer(self) -> float | None:
        """When the first proof runs out, monotonic seconds."""
        return min((proof.expires_at for proof in self._proofs.values()), default=None)

    def handle_timer(self, now: float) -> None:
        """Forget the proofs that are not needed any more, and tell of those that have run out."""
        for component, proof in tuple(self._proofs.items()):
            if not self._is_open(component):
                del self._proofs[component]
            elif now >= proof.expires_at:
                del self._proofs[component]
                reason = f"nobody nominated it within {self._consent_timeout_s:.0f} s"
                self._outbox.event(ProofExpired(at=now, component=component, reason=reason))
