"""The path of a call as its result shows it: what ICE did, when media moved, what went over it."""

from __future__ import annotations

from collections.abc import Iterable

from ice.messages import PathLost, PathSelected
from ice.report import SessionReport
from ice.types import Transport, TransportAddress
from media.statistics import DirectionStatistics
from ua.results import IceSummary, PathChange, Traffic


def with_ice(report: SessionReport) -> IceSummary:
    """What ICE did."""
    return IceSummary.from_pairs(
        report.pairs,
        state=report.state.value,
        role=report.role.value,
        nominated_ms=report.nominated_ms,
        selected=report.selected,
        reason=report.reason,
    )


def without_ice(*, local: TransportAddress, remote: TransportAddress | None, reason: str) -> IceSummary:
    """A path that the descriptions alone say."""
    return IceSummary(
        state="off",
        remote=None if remote is None else str(remote),
        local=str(local),
        transport=Transport.UDP.value,
        reason=reason,
    )


def path_changes(
    changes: Iterable[PathSelected | PathLost], *, origin: float, end: float
) -> tuple[PathChange, ...]:
    """When media moved until `end`, in ms after `origin` (both monotonic seconds)."""
    result: list[PathChange] = []
    for change in changes:
        if change.at > end:
            break
        at_ms = (change.at - origin) * 1000
        match change:
            case PathSelected(pair=pair):
                result.append(
                    PathChange(
                        at_ms=at_ms,
                        component=change.component,
                        transport=pair.local.transport.value,
                        local=str(pair.local.address),
                        remote=str(pair.remote.address),
                        reason=change.reason,
                    )
                )
            case PathLost():
                result.append(PathChange(at_ms=at_ms, component=change.component, reason=change.reason))
    return tuple(result)


def traffic(direction: DirectionStatistics) -> Traffic:
    """One direction of the media as the results show it."""
    return Traffic(
        packets=direction.packets,
        bytes=direction.bytes,
        lost=direction.lost,
        dropped_stale=direction.dropped_stale,
        jitter_ms=direction.jitter_ms,
    )
