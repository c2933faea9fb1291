"""When the controlling side stops checking and nominates (RFC 8445 §8.1.1, RFC 8863 §4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ice.checks.pair import Foundation, Pair
from ice.types import PairState

GRACE_ROUND_TRIPS = 2
"""A valid pair has measured the round trip; a better check is waited for this many of them after it left.

A TCP connection is valid two round trips after its check began (dialling, checking), UDP one: whatever
works has answered by then, and a firewall that drops in silence costs no timeout.
"""

MIN_GRACE_S = 0.05
"""Below it round trips say more about how busy the two hosts are than about the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Nominate `pair` now, or look again at `at` (monotonic seconds); both None: nothing to nominate."""

    pair: Pair | None = None
    at: float | None = None


def best_valid(pairs: Iterable[Pair]) -> Pair | None:
    """The valid pair of the highest priority; of equals the one that was proved first."""
    valid = [pair for pair in pairs if pair.valid is not None]
    if len(valid) < 2:
        return valid[0] if valid else None
    return max(valid, key=lambda pair: (pair.merit, -pair.valid.at if pair.valid else 0.0))


def passed_over(pairs: Iterable[Pair], chosen: Pair) -> set[Foundation]:
    """Foundations of the better pairs that a nomination of `chosen` does not wait for any longer.

    Pairs of one foundation are likely to fare alike (RFC 8445 §5.1.1.3): another component need not wait for
    them a second time.
    """
    merit = chosen.merit
    return {
        pair.foundation
        for pair in pairs
        if pair.valid is None and pair.checks_sent and pair.pending and pair.merit > merit
    }


def decide(
    pairs: Iterable[Pair],
    *,
    turns: Mapping[Pair, float],
    hopeless: Collection[Foundation] = (),
    peer_answers_only: bool,
    ta_s: float,
    now: float,
) -> Decision:
    """Which pair of one component to nominate, and when.

    Args:
        pairs: the pairs of the component.
        turns: when queued and Waiting pairs will be checked, monotonic seconds.
        hopeless: foundations that another component has waited for in vain.
        peer_answers_only: the peer is lite and sends no checks of its own.
        ta_s: time between checks, seconds.
        now: monotonic seconds.
    """
    pairs = tuple(pairs)
    best = best_valid(pairs)
    if best is None or best.valid is None:
        return Decision()
    rtt_s = best.measured_rtt_s or 0.0
    grace_s = max(GRACE_ROUND_TRIPS * rtt_s, MIN_GRACE_S)
    proved_at = best.valid.at
    wait_until = now
    merit = best.merit
    for pair in pairs:
        if pair is best or pair.merit <= merit or pair.foundation in hopeless:
            continue
        if pair.state is PairState.IN_PROGRESS and pair.sent_at is not None:
            wait_until = max(wait_until, pair.sent_at + grace_s)
        elif pair in turns and turns[pair] <= proved_at + grace_s:
            wait_until = max(wait_until, turns[pair] + grace_s)
    if best.is_tcp and not best.peer_checked and not peer_answers_only:
        # Some peers break when they are nominated before their own check on the connection is through.
        wait_until = max(wait_until, proved_at + max(rtt_s, 2 * ta_s))
    # However often better checks are sent anew, a valid pair does not wait for ever.
    wait_until = min(wait_until, proved_at + 2 * grace_s + 2 * ta_s)
    return Decision(at=wait_until) if wait_until > now else Decision(pair=best)
