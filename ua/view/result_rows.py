"""The results of calls as rows of text, for the terminal and the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ua.results import CallResult, Traffic
from ua.view.text import milliseconds


def _traffic(traffic: Traffic | None) -> str:
    if traffic is None:
        return "-"
    parts = [f"{traffic.packets} packets", f"{traffic.bytes} bytes"]
    if traffic.lost is not None:
        parts.append(f"{traffic.lost} lost")
    if traffic.dropped_stale:
        parts.append(f"{traffic.dropped_stale} dropped")
    if traffic.jitter_ms is not None:
        parts.append(f"jitter {milliseconds(traffic.jitter_ms)}")
    return ", ".join(parts)


def _path(result: CallResult) -> str:
    ice = result.ice
    if ice is None and result.transport is not None:
        return f"{result.transport.upper()} without ICE"
    if ice is None or ice.transport is None:
        return "-"
    kind = f" {ice.tcptype}" if ice.tcptype else ""
    if "relay" in (ice.local_type, ice.remote_type):
        kind += " by relay"
    return f"{ice.transport.upper()}{kind}, {ice.local} to {ice.remote}"


def _ice(result: CallResult) -> str:
    ice = result.ice
    if ice is None:
        return "-"
    parts = [ice.state]
    if ice.role:
        parts.append(ice.role)
    if ice.nominated_ms is not None:
        parts.append(f"nominated after {milliseconds(ice.nominated_ms)}")
    parts.append(f"{len(ice.pairs)} pairs")
    return ", ".join(parts)


_ROWS: tuple[tuple[str, Callable[[CallResult], str]], ...] = (
    ("result", lambda r: r.result.value if r.sip_code is None else f"{r.result.value} ({r.sip_code})"),
    ("path", _path),
    ("ICE", _ice),
    ("answered after", lambda r: milliseconds(r.setup_ms)),
    ("first audio after", lambda r: milliseconds(r.media_ms)),
    ("codec", lambda r: r.codec or "-"),
    ("SRTP", lambda r: r.srtp or "-"),
    ("sent", lambda r: _traffic(r.sent)),
    ("received", lambda r: _traffic(r.received)),
    ("delay", lambda r: f"{milliseconds(r.delay_p50_ms)} median, {milliseconds(r.delay_p99_ms)} p99"),
    ("MOS (estimate)", lambda r: "-" if r.mos is None else f"{r.mos:.2f}"),
    ("MOS of the peer (its estimate)", lambda r: "-" if r.peer_mos is None else f"{r.peer_mos:.1f}"),
)


def result_rows(results: Sequence[CallResult]) -> list[tuple[str, list[str]]]:
    """Rows of a table of results: a name and a value per result; rows without any value are left out."""
    rows = [(name, [value(result) for result in results]) for name, value in _ROWS]
    changes = [str(len(result.path_changes)) for result in results]
    if any(change != "0" for change in changes):
        rows.append(("path changes", changes))
    return [(name, values) for name, values in rows if any(_known(value) for value in values)]


def _known(value: str) -> bool:
    return value not in ("-", "- median, - p99")
