"""Draws the candidate-pair timeline as SVG, for the report and as a file of its own."""

from __future__ import annotations

import math

from ua.report.markup import Markup, element, fixed, join
from ua.report.palette import PALETTE
from ua.report.scale import Scale
from ua.report.timeline import STOPPED, Mark, Row, Span, Timeline
from ua.view.text import milliseconds

WIDTH = 1180.0
LEFT = 318.0
RIGHT = 944.0
ROW_HEIGHT = 46.0
PARTY_HEIGHT = 34.0
HEADER_HEIGHT = 92.0
FOOTER_HEIGHT = 66.0
LABEL_CHARACTERS = 46
OUTCOME_CHARACTERS = 36

STYLE = """
.tl text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Ubuntu,"Helvetica Neue",sans-serif;
font-size:13px;fill:var(--ink)}
.tl .mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:10.5px}
.tl .muted{fill:var(--muted)}.tl .small{font-size:11.5px}.tl .strong{font-weight:650}
.tl .halo{paint-order:stroke;stroke:var(--bg);stroke-width:4px;stroke-linejoin:round}
.tl .bg{fill:var(--bg)}.tl .stripe{fill:var(--panel)}
.tl .grid{stroke:var(--line);stroke-width:1}.tl .mile{stroke:var(--muted);stroke-width:1;stroke-dasharray:2 3}
.tl .udp{--c:var(--udp)}.tl .tcp{--c:var(--tcp)}.tl .relay{--c:var(--relay)}
.tl .chip{fill:var(--c)}.tl .line{stroke:var(--c);stroke-width:2.5;fill:none}
.tl .idle{stroke-width:1.5;stroke-dasharray:1.5 4;opacity:.75}
.tl .works{stroke-width:3.5}.tl .dead{stroke:var(--line)}
.tl .band{fill:var(--c);opacity:.24}.tl .edge{stroke:var(--c);stroke-width:1.5;opacity:.8}
.tl .tick{stroke:var(--c);stroke-width:2.5;stroke-linecap:round}.tl .again{opacity:.6;stroke-width:2}
.tl .received{opacity:.55;stroke-width:2}
.tl .answer{fill:var(--c);stroke:var(--bg);stroke-width:1.5}
.tl .hollow{fill:var(--bg);stroke:var(--c);stroke-width:2}
.tl .cross{stroke:var(--fail);stroke-width:2.6;stroke-linecap:round}
.tl .stop{stroke:var(--muted);stroke-width:3.5;stroke-linecap:round}
.tl .star{fill:var(--star);stroke:var(--star-edge);stroke-width:1}
.tl .cut{fill:var(--bg);stroke:var(--muted);stroke-width:1.2}
"""
"""How the picture looks, with the colours of `PALETTE`."""


def timeline_svg(timeline: Timeline, *, title: str = "Candidate pairs over time", styled: bool = True) -> str:
    """The picture as one SVG element, light and dark.

    Args:
        timeline: what it shows.
        title: its name.
        styled: it brings its own style, so that it is also valid as a file; without, the page has it.
    """
    rows_height = sum(
        PARTY_HEIGHT
        + ROW_HEIGHT * sum(1 for row in timeline.rows if row.party == party)
        + (22 if timeline.untried.get(party) else 0)
        for party in timeline.parties
    )
    height = HEADER_HEIGHT + rows_height + FOOTER_HEIGHT
    scale = Scale(_times(timeline), LEFT, RIGHT)
    bottom = HEADER_HEIGHT + rows_height
    parts = [
        element("title", title),
        element("desc", describe(timeline)),
        element("style", fixed(PALETTE + STYLE)) if styled else join(),
        element("rect", class_="bg", x=0, y=0, width=WIDTH, height=height, rx=10),
        _legend(),
    ]
    y = HEADER_HEIGHT
    bodies: list[Markup] = []
    for party in timeline.parties:
        rows = [row for row in timeline.rows if row.party == party]
        parts.append(element("text", party, class_="strong", x=16, y=y + 23, font_size=15))
        y += PARTY_HEIGHT
        for index, row in enumerate(rows):
            if index % 2 == 0:
                parts.append(
                    element("rect", class_="stripe", x=8, y=y, width=WIDTH - 16, height=ROW_HEIGHT, rx=6)
                )
            bodies.append(_row(row, y, scale))
            y += ROW_HEIGHT
        untried = timeline.untried.get(party, 0)
        if untried:
            note = f"and {untried} more pair{'s' * (untried != 1)} that did not have to be tried"
            bodies.append(element("text", note, class_="muted small", x=30, y=y + 15))
            y += 22
    parts += [_axis(timeline, scale, bottom), *bodies, _cuts(scale, bottom)]
    return element(
        "svg",
        *parts,
        class_="tl",
        role="img",
        aria_label=title,
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        xmlns="http://www.w3.org/2000/svg",
    )


def describe(timeline: Timeline) -> str:
    """The picture in words, one sentence per row."""
    sentences = [f"Time runs from the INVITE to {milliseconds(timeline.end_ms)}."]
    for row in timeline.rows:
        marks = ", ".join(f"{mark.text} at {milliseconds(mark.at_ms)}" for mark in row.marks[:12])
        component = "" if row.component == 1 else f", component {row.component}"
        pair = f"{row.party}, {row.title}{component}, {row.local} to {row.remote}"
        sentences.append(f"{pair}: {marks}. Outcome: {row.outcome}.")
    return " ".join(sentences)


def _times(timeline: Timeline) -> list[float]:
    times = [timeline.end_ms, *(mark.at_ms for mark in timeline.milestones)]
    for row in timeline.rows:
        times += [mark.at_ms for mark in row.marks]
        for span in row.selected:
            times += [span.start_ms, span.end_ms]
    # Rows may begin before the INVITE where one party was early; nothing is left of it then.
    return [time for time in times if 0 <= time <= timeline.end_ms]


def _legend() -> Markup:
    """What the colours and signs mean."""
    parts: list[Markup] = []
    x = 16.0
    for kind, text in (("udp", "UDP"), ("tcp", "TCP"), ("relay", "relay")):
        parts.append(element("rect", class_=f"{kind} chip", x=x, y=14, width=22, height=12, rx=3))
        parts.append(element("text", text, class_="small", x=x + 28, y=24))
        x += 44 + 8 * len(text)
    x += 2
    for sign, text, width in (
        ("check", "check sent", 88),
        ("answer", "answered", 84),
        ("received", "peer's check", 98),
        ("connected", "TCP connected", 114),
        ("nominating", "nominating check", 130),
        ("stopped", "given up", 82),
        ("failed", "failed", 68),
        ("nominated", "nominated", 94),
    ):
        mark = Mark(at_ms=0, kind=sign, text=text)  # type: ignore[arg-type]
        lift = {"check": 6, "received": -6, "connected": 11, "nominating": 8}.get(sign, 0)
        parts.append(
            element("g", _sign(mark, x + 6, 20 + lift), class_="tcp" if sign == "connected" else "udp")
        )
        parts.append(element("text", text, class_="small", x=x + 20, y=24))
        x += width
    parts.append(element("rect", class_="tcp band", x=x, y=13, width=26, height=14, rx=3))
    parts.append(element("text", "carries the media", class_="small", x=x + 32, y=24))
    return element("g", *parts, class_="legend", aria_hidden="true")


def _axis(timeline: Timeline, scale: Scale, bottom: float) -> Markup:
    """Grid, labels of the time, milestones of the call."""
    parts: list[Markup] = []
    for at_ms in scale.ticks():
        x = scale.x(at_ms)
        parts.append(element("line", class_="grid", x1=x, y1=HEADER_HEIGHT, x2=x, y2=bottom + 6))
        label = f"{at_ms:g}" if at_ms < 10000 else f"{at_ms / 1000:g} s"
        parts.append(element("text", label, class_="muted small", x=x, y=bottom + 22, text_anchor="middle"))
    parts.append(
        element(
            "text",
            "ms after the INVITE",
            class_="muted small",
            x=(LEFT + RIGHT) / 2,
            y=bottom + 42,
            text_anchor="middle",
        )
    )
    labels: list[Markup] = []
    ends = [float("-inf")] * 3
    for mark in timeline.milestones:
        x = scale.x(mark.at_ms)
        lane = next((lane for lane, end in enumerate(ends) if x > end + 6), 2)
        ends[lane] = x + 6.4 * len(mark.text)
        y = HEADER_HEIGHT - 8 - 15 * lane
        parts.append(element("line", class_="mile", x1=x, y1=y + 4, x2=x, y2=bottom))
        when = element("title", f"{mark.at_ms:.1f} ms")
        labels.append(element("text", when, mark.text, class_="small halo", x=x - 1, y=y))
    # The names last, so that no line runs through them.
    parts += labels
    return element("g", *parts, class_="axis")


def _cuts(scale: Scale, bottom: float) -> Markup:
    """Zigzags where the axis leaves time out."""
    parts: list[Markup] = []
    for segment in scale.segments:
        if segment.cut:
            x = (segment.left + segment.right) / 2
            label = f"{(segment.end - segment.start) / 1000:.1f} s without news"
            points = " ".join(
                f"{x + (4 if step % 2 else -4):g},{HEADER_HEIGHT + step * (bottom - HEADER_HEIGHT) / 24:g}"
                for step in range(25)
            )
            parts.append(
                element(
                    "g",
                    element("title", label),
                    element("polyline", class_="cut", points=points, fill="none"),
                )
            )
    return element("g", *parts, class_="cuts")


def _row(row: Row, y: float, scale: Scale) -> Markup:
    middle = y + ROW_HEIGHT / 2
    component = "" if row.component == 1 else f" (component {row.component})"
    title = (
        f"{row.party}, pair {row.pair_id}: {row.title}{component}, {row.local} to {row.remote}: {row.outcome}"
    )
    parts = [
        element("title", title),
        element("rect", class_="chip", x=16, y=y + 9, width=5, height=ROW_HEIGHT - 18, rx=2.5),
        element("text", row.title + component, class_="strong", x=30, y=y + 20),
        element(
            "text",
            _short(f"{row.local} → {row.remote}", LABEL_CHARACTERS),
            class_="mono muted",
            x=30,
            y=y + 36,
        ),
    ]
    parts += [_selected(span, middle, scale) for span in row.selected]
    parts += [_state(span, middle, scale) for span in row.states]
    parts += [_dial(row, middle, scale)]
    # Stars and crosses last, so that nothing covers them.
    for mark in sorted(row.marks, key=lambda mark: _LAYERS.get(mark.kind, 0)):
        parts.append(
            element(
                "g",
                element("title", f"{mark.at_ms:.1f} ms: {mark.text}"),
                _sign(mark, scale.x(mark.at_ms), middle),
                class_="mark",
                data_kind=mark.kind,
            )
        )
    parts.append(_outcome(row, middle))
    return element("g", *parts, class_=f"row {row.kind}", data_party=row.party, data_pair=row.pair_id)


_LAYERS = {
    "received": -1,
    "nominating": 1,
    "answer": 2,
    "connected": 2,
    "stopped": 3,
    "failed": 3,
    "nominated": 4,
}


def _state(span: Span, y: float, scale: Scale) -> Markup:
    """The line of a pair; its look tells the state."""
    look = {
        "frozen": "line idle",
        "waiting": "line idle",
        "in-progress": "line",
        "succeeded": "line works",
        "failed": "line dead",
        STOPPED: "line dead",
    }.get(span.state, "line idle")
    left, right = scale.x(max(0.0, span.start_ms)), scale.x(span.end_ms)
    return element("line", class_=look, x1=left, y1=y, x2=max(left, right), y2=y, data_state=span.state)


def _selected(span: Span, y: float, scale: Scale) -> Markup:
    """The band of the time in which a pair carried the media."""
    left = scale.x(span.start_ms)
    width = max(3.0, scale.x(span.end_ms) - left)
    return element(
        "g",
        element("title", f"carries the media from {span.start_ms:.1f} ms: {span.reason}"),
        element("rect", class_="band", x=left, y=y - 17, width=width, height=34, rx=4),
        element("line", class_="edge", x1=left, y1=y - 17, x2=left, y2=y + 17),
        class_="selected",
    )


def _dial(row: Row, y: float, scale: Scale) -> Markup:
    """A dashed line from dialling to the connection."""
    dialled = [mark.at_ms for mark in row.marks if mark.kind == "dial"]
    opened = [mark.at_ms for mark in row.marks if mark.kind == "connected"]
    parts = [
        element(
            "line",
            class_="tick again",
            x1=scale.x(start),
            y1=y - 11,
            x2=scale.x(end),
            y2=y - 11,
            stroke_dasharray="3 3",
        )
        for start, end in zip(dialled, opened, strict=False)
        if end >= start
    ]
    return join(*parts)


def _sign(mark: Mark, x: float, y: float) -> Markup:
    """The sign of a mark, its middle at x, y."""
    match mark.kind:
        case "check":
            return element("line", class_="tick", x1=x, y1=y - 12, x2=x, y2=y - 1)
        case "again":
            return element("line", class_="tick again", x1=x, y1=y - 9, x2=x, y2=y - 1)
        case "nominating":
            line = element("line", class_="tick", x1=x, y1=y - 9, x2=x, y2=y - 1)
            diamond = f"M{x:.2f} {y - 17:.2f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"
            return join(line, element("path", class_="hollow", d=diamond))
        case "received":
            return element("line", class_="tick received", x1=x, y1=y + 1, x2=x, y2=y + 11)
        case "answer":
            return element("circle", class_="answer", cx=x, cy=y, r=5)
        case "dial":
            return element("circle", class_="chip", cx=x, cy=y - 11, r=2)
        case "connected":
            return element("circle", class_="hollow", cx=x, cy=y - 11, r=4)
        case "failed":
            arm = 5.5
            return join(
                element("line", class_="cross", x1=x - arm, y1=y - arm, x2=x + arm, y2=y + arm),
                element("line", class_="cross", x1=x - arm, y1=y + arm, x2=x + arm, y2=y - arm),
            )
        case "stopped":
            return element("line", class_="stop", x1=x, y1=y - 8, x2=x, y2=y + 8)
        case "nominated":
            return element("polygon", class_="star", points=_star(x, y, 10.5))


def _star(x: float, y: float, radius: float) -> str:
    points = []
    for corner in range(10):
        length = radius if corner % 2 == 0 else radius * 0.42
        angle = -math.pi / 2 + corner * math.pi / 5
        points.append(f"{x + length * math.cos(angle):.2f},{y + length * math.sin(angle):.2f}")
    return " ".join(points)


def _outcome(row: Row, y: float) -> Markup:
    """What became of the pair, in one or two lines right of the plot."""
    lines = _wrap(row.outcome, OUTCOME_CHARACTERS)
    strong = "small strong" if row.selected else "small muted"
    first = y + 4 if len(lines) == 1 else y - 3
    return join(
        *(
            element(
                "text",
                line,
                class_=strong if index == 0 else "small muted",
                x=RIGHT + 14,
                y=first + 15 * index,
            )
            for index, line in enumerate(lines)
        )
    )


def _wrap(text: str, width: int) -> list[str]:
    """At most two lines; what does not fit ends in an ellipsis."""
    if len(text) <= width:
        return [text]
    head, _, tail = text.partition(" (") if " (" in text else (text, "", "")
    if tail and len(head) <= width:
        return [head, _short(tail.removesuffix(")"), width)]
    cut = text.rfind(" ", 0, width + 1)
    cut = cut if cut > 0 else width
    return [text[:cut], _short(text[cut:].strip(), width)]


def _short(text: str, width: int) -> str:
    """`text` with its middle left out where it is too long."""
    if len(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
