"""The report: one HTML page without scripts that loads nothing, neither from the network nor from disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources

from ua.errors import ResultCode
from ua.events import LogEntry
from ua.report.charts import build_charts, charts_html, summary_lines
from ua.report.ladder import build_ladder, ladder_html
from ua.report.markup import Markup, element, fixed, join
from ua.report.palette import PALETTE
from ua.report.sdp_view import build_sdps, sdps_html
from ua.report.timeline import Milestone, Timeline
from ua.report.timeline_reader import build_timeline, time_zero
from ua.report.timeline_svg import describe, timeline_svg
from ua.results import CallResult
from ua.view.result_rows import result_rows
from ua.view.text import milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report is made of.

    Attributes:
        entries: the event log.
        results: the call as each side saw it; empty where it never came to a result.
        verdict: one sentence, which path was taken and why.
        facts: further figures, name and value.
    """

    entries: Sequence[LogEntry]
    results: Sequence[CallResult] = ()
    verdict: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def call_timeline(report: Report) -> Timeline:
    """The candidate-pair timeline of a report, with the moment of the first audio."""
    marks = [
        Milestone(at_ms=result.media_ms, text=f"audio at {result.party}" if result.party else "first audio")
        for result in report.results
        if result.media_ms is not None
    ]
    return build_timeline(report.entries, marks)


def render_report(report: Report) -> str:
    """The page as text."""
    zero = time_zero(report.entries)
    timeline = call_timeline(report)
    charts = build_charts(report.entries, zero)
    good = bool(report.results) and all(result.result is ResultCode.OK for result in report.results)
    verdict = report.verdict or ("The call went well." if good else "The call did not come about.")
    body = join(
        element(
            "header",
            element("h1", "icephone call report"),
            element("p", verdict, class_="verdict" if good else "verdict bad"),
            _tiles(report),
        ),
        element("h2", "Candidate pairs"),
        element(
            "p",
            "Every pair of addresses that was tried, from the INVITE on. The star is the nomination; the"
            " coloured band is the time in which the pair carried the media.",
            class_="lead",
        ),
        _timeline(timeline),
        element("h2", "SIP messages"),
        element("p", "Times are ms after the INVITE. Open a message to read it.", class_="lead"),
        ladder_html(build_ladder(report.entries, zero)),
        element("h2", "Media over time"),
        charts_html(charts),
        element(
            "details", element("summary", "In words"), element("ul", summary_lines(charts)), class_="words"
        )
        if charts
        else join(),
        element("h2", "Session descriptions"),
        element(
            "p",
            "Lines that the other side refused are struck out; candidates that carry the media have a star.",
            class_="lead",
        ),
        sdps_html(build_sdps(report.entries, zero)),
        element("h2", "Results") if report.results else join(),
        _results(report.results),
        _refused(report.entries),
        element(
            "footer", f"{len(report.entries)} events of {_parties(report.entries)}. Written by icephone."
        ),
    )
    head = join(
        element("meta", charset="utf-8"),
        element(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
        ),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"icephone: {verdict}"),
        element("style", fixed(PALETTE + _stylesheet())),
    )
    page = element("html", element("head", head), element("body", element("main", body)), lang="en")
    return f"<!doctype html>\n{page}\n"


def _stylesheet() -> str:
    return resources.files("ua.report").joinpath("style.css").read_text(encoding="utf-8")


def _parties(entries: Sequence[LogEntry]) -> str:
    return " and ".join(dict.fromkeys(entry.party for entry in entries)) or "nobody"


def _tiles(report: Report) -> Markup:
    """The figures that matter most."""
    tiles: list[tuple[str, str]] = []
    if report.results:
        result = report.results[0]
        ice = result.ice
        if ice is not None and ice.transport is not None:
            tiles.append(("media over", f"{ice.transport.upper()}{f' {ice.tcptype}' if ice.tcptype else ''}"))
        elif ice is None and result.transport is not None:
            tiles.append(("media over", f"{result.transport.upper()} without ICE"))
        tiles.append(("answered after", milliseconds(result.setup_ms)))
        if ice is not None:
            tiles.append(("ICE took", milliseconds(ice.nominated_ms)))
        tiles.append(("first audio after", milliseconds(result.media_ms)))
        tiles.append(("codec", result.codec or "-"))
        tiles.append(("protection", result.srtp or "none"))
        if result.received is not None and result.received.lost is not None:
            expected = result.received.packets + max(0, result.received.lost)
            tiles.append(("lost", f"{result.received.lost} of {expected}"))
        tiles.append(("MOS (estimate)", "-" if result.mos is None else f"{result.mos:.2f}"))
    tiles += report.facts.items()
    shown = [(name, value) for name, value in tiles if value != "-"]
    return element(
        "dl",
        *(element("div", element("dt", name), element("dd", value)) for name, value in shown),
        class_="tiles",
    )


def _timeline(timeline: Timeline) -> Markup:
    if not timeline.rows:
        return element("p", "No candidate pair was tried.", class_="muted")
    return join(
        # A box that scrolls has to be reachable with the keyboard.
        element(
            "div", timeline_svg(timeline), class_="scroll", tabindex=0, role="region", aria_label="Timeline"
        ),
        element("details", element("summary", "In words"), element("p", describe(timeline)), class_="words"),
    )


def _results(results: Sequence[CallResult]) -> Markup:
    if not results:
        return join()
    heads = [element("th", result.party or "this phone", scope="col") for result in results]
    rows = [
        element("tr", element("th", name, scope="row"), *(element("td", value) for value in values))
        for name, values in result_rows(results)
    ]
    return element(
        "div",
        element("table", element("thead", element("tr", element("td"), *heads)), element("tbody", *rows)),
        class_="panel",
    )


def _refused(entries: Sequence[LogEntry]) -> Markup:
    """What came from the wire and was not accepted."""
    counts = Counter(
        (entry.party, entry.source, str(entry.data.get("reason", "")), _origin(entry))
        for entry in entries
        if entry.name in ("refused", "packet_refused", "media_refused")
    )
    if not counts:
        return join()
    rows = [
        element("tr", *(element("td", text) for text in (*key, str(count))))
        for key, count in counts.most_common(100)
    ]
    heads = [element("th", text, scope="col") for text in ("party", "layer", "reason", "from", "times")]
    return join(
        element("h2", "Refused input"),
        element(
            "div",
            element("table", element("thead", element("tr", *heads)), element("tbody", *rows)),
            class_="panel",
        ),
    )


def _origin(entry: LogEntry) -> str:
    remote = entry.data.get("remote")
    if isinstance(remote, dict):
        return f"{remote.get('host')}:{remote.get('port')}"
    return "" if remote is None else str(remote)
