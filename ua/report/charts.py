"""Jitter, delay, loss and level over time, drawn from the media counters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ua.events import LogEntry
from ua.report.markup import Markup, element, join
from ua.report.scale import round_step
from ua.view.media import MediaView, is_counters

MAX_POINTS = 600
"""A longer series is thinned; the largest value of each stretch stays."""

WIDTH, HEIGHT = 540.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 452.0, 16.0, 158.0
LABEL_PX = 15.0
"""Names of lines stand at least this far apart."""

LOSS_WINDOW = 5
"""Loss is shown over this many counters (1 s)."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: seconds after the INVITE, and the value."""

    party: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One picture; `floor` is the least span of the value axis, `low` its lower end."""

    title: str
    unit: str
    series: tuple[Series, ...]
    low: float = 0.0
    floor: float = 1.0


def build_charts(entries: Sequence[LogEntry], zero: float) -> list[Chart]:
    """The charts that have data."""
    # The same colour for the same party in all charts: in the order of the log.
    views: dict[str, list[tuple[float, MediaView]]] = {entry.party: [] for entry in entries}
    for entry in entries:
        if is_counters(entry):
            views[entry.party].append((entry.at - zero, MediaView.from_data(entry.data)))
    charts = [
        Chart(title="Jitter", unit="ms", series=_series(views, lambda view: view.jitter_ms), floor=5.0),
        Chart(
            title="Delay (estimate)",
            unit="ms",
            series=_series(views, lambda view: view.delay_ms),
            floor=100.0,
        ),
        Chart(title="Loss over the last second", unit="%", series=_loss(views), floor=5.0),
        Chart(
            title="Level of what arrives",
            unit="dB",
            series=_series(views, lambda view: _clipped(view.received_level_db)),
            low=-60.0,
            floor=60.0,
        ),
        Chart(
            title="Level that the other side tells",
            unit="dB",
            series=_series(views, lambda view: _clipped(view.told_level_db)),
            low=-60.0,
            floor=60.0,
        ),
    ]
    return [chart for chart in charts if any(series.points for series in chart.series)]


def _clipped(level: float | None) -> float | None:
    return None if level is None else max(-60.0, min(0.0, level))


def _series(
    views: dict[str, list[tuple[float, MediaView]]], value: Callable[[MediaView], float | None]
) -> tuple[Series, ...]:
    return tuple(
        Series(
            party=party,
            points=_thin([(at, number) for at, view in found if (number := value(view)) is not None]),
        )
        for party, found in views.items()
    )


def _loss(views: dict[str, list[tuple[float, MediaView]]]) -> tuple[Series, ...]:
    series = []
    for party, found in views.items():
        points = []
        for index, (at, view) in enumerate(found):
            earlier = (
                found[index - LOSS_WINDOW][1]
                if index >= LOSS_WINDOW
                else MediaView(received=0, lost=0, late=0)
            )
            percent = view.loss_percent_since(earlier)
            if percent is not None:
                points.append((at, percent))
        series.append(Series(party=party, points=_thin(points)))
    return tuple(series)


def _thin(points: Sequence[Point]) -> tuple[Point, ...]:
    if len(points) <= MAX_POINTS:
        return tuple(points)
    size = -(-len(points) // MAX_POINTS)
    return tuple(
        max(points[start : start + size], key=lambda point: point[1]) for start in range(0, len(points), size)
    )


def charts_html(charts: Sequence[Chart]) -> Markup:
    """All charts side by side."""
    if not charts:
        return element("p", "No media counters were logged.", class_="muted")
    return element("div", *(_chart(chart) for chart in charts), class_="charts")


def _chart(chart: Chart) -> Markup:
    points = [point for series in chart.series for point in series.points]
    start, end = min(point[0] for point in points), max(point[0] for point in points)
    end = max(end, start + 0.2)
    values = [point[1] for point in points]
    high = max(max(values), chart.low + chart.floor)
    step = round_step((high - chart.low) / 4)
    high = chart.low + step * -(-(high - chart.low) // step)

    def x(at: float) -> float:
        return LEFT + (at - start) / (end - start) * (RIGHT - LEFT)

    def y(value: float) -> float:
        return BOTTOM - (value - chart.low) / (high - chart.low) * (BOTTOM - TOP)

    parts: list[Markup] = []
    level = chart.low
    while level <= high + step / 2:
        parts.append(element("line", class_="grid", x1=LEFT, y1=y(level), x2=RIGHT, y2=y(level)))
        parts.append(element("text", f"{level:g}", x=LEFT - 8, y=y(level) + 4, text_anchor="end"))
        level += step
    second = round_step((end - start) / 5)
    tick = second * -(-start // second)
    while tick <= end:
        parts.append(element("text", f"{tick:g} s", x=x(tick), y=BOTTOM + 20, text_anchor="middle"))
        tick += second
    taken: list[float] = []
    for index, series in enumerate(chart.series):
        if series.points:
            parts.append(_line(series, chart, index, x, y, taken))
    svg = element(
        "svg",
        element("title", f"{chart.title} in {chart.unit}"),
        element("desc", _describe(chart)),
        *parts,
        class_="chart",
        role="img",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
    )
    return element(
        "figure", element("figcaption", element("b", chart.title), f" {chart.unit}"), svg, class_="panel"
    )


def _line(
    series: Series,
    chart: Chart,
    index: int,
    x: Callable[[float], float],
    y: Callable[[float], float],
    taken: list[float],
) -> Markup:
    """A line with its name at its end; names that would touch are moved apart."""
    path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in series.points)
    last = y(series.points[-1][1]) + 4
    # One direction for the whole search: it ends beyond the last of the names.
    step = LABEL_PX if last < (TOP + BOTTOM) / 2 else -LABEL_PX
    while any(abs(last - other) < LABEL_PX for other in taken):
        last += step
    taken.append(last)
    values = [value for _, value in series.points]
    summary = f"{series.party}: {min(values):.1f} to {max(values):.1f} {chart.unit}"
    return element(
        "g",
        element("title", summary),
        element("polyline", class_="series", points=path),
        element("text", series.party[:14], class_="name", x=RIGHT + 8, y=last),
        class_=("one", "two")[index % 2],
    )


def _describe(chart: Chart) -> str:
    parts = []
    for series in chart.series:
        values = [value for _, value in series.points]
        if values:
            span = f"lowest {min(values):.1f}, highest {max(values):.1f}, last {values[-1]:.1f} {chart.unit}"
            parts.append(f"{series.party}: {span}")
    return "; ".join(parts)


def summary_lines(charts: Sequence[Chart]) -> Markup:
    """The charts in words, for those who do not see them."""
    return join(*(element("li", f"{chart.title}: {_describe(chart)}") for chart in charts))
