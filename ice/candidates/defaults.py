"""The default candidates of two descriptions, against what ICE selected (RFC 8839 §4.3.4, Appendix D)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ice.candidates.candidate import default_candidate
from ice.types import Candidate, Description, PairView, Transport


def default_of(candidates: Sequence[Candidate], component: int) -> Candidate | None:
    """Where a peer without ICE sends to (RFC 8445 §5.1.4): UDP and IPv4 where there is such a candidate."""
    ipv4 = [candidate for candidate in candidates if ":" not in candidate.address.host]
    default = default_candidate(ipv4, component)
    if default is None or default.transport is not Transport.UDP:
        default = default_candidate(candidates, component)
    return default


def differs_from_defaults(pairs: Iterable[PairView], ours: Description, theirs: Description) -> bool:
    """True where a selected pair is not that of the default candidates.

    The peer's default is what our own rule would name; its description does not say which it is.
    """
    return any(
        not _same(pair.local, default_of(ours.candidates, pair.component))
        or not _same(pair.remote, default_of(theirs.candidates, pair.component))
        for pair in pairs
    )


def _same(selected: Candidate, default: Candidate | None) -> bool:
    return default is not None and (selected.transport, selected.address) == (
        default.transport,
        default.address,
    )
