"""What was seen of one scenario at one peer: the failure, the audio, the messages, the paths."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ua.interop.outcome import Outcome, Verdict
from ua.interop.report.kept import Kept, attempts_of, kept_in
from ua.interop.report.levels import read_levels, recordings, strip
from ua.interop.report.matrix import sign
from ua.interop.report.run import Line, Run
from ua.interop.results import WORDS, note_of
from ua.report.charts import build_charts, charts_html
from ua.report.ladder import Arrow, build_ladder, ladder_html
from ua.report.markup import Markup, element, join
from ua.report.sdp_view import build_sdps, sdps_html
from ua.report.timeline_reader import build_timeline, time_zero
from ua.report.timeline_svg import describe, timeline_svg

PART_CHARACTERS: Final = 300_000
"""A longer part of the details is left out: the files have it."""

_MESSAGE: Final = re.compile(r"([0-9]{3} [^(]{1,200}|[A-Z]{2,20}) \(CSeq ([0-9]{1,10} +[A-Z]{2,20})\)")

MAX_RECORDINGS: Final = 8
MAX_SDPS: Final = 24
MAX_ROWS: Final = 60
"""Rows of one timeline; a peer may have made hundreds of pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One outcome to be shown.

    Attributes:
        run: where it was seen.
        line: its scenario.
        outcome: what became of it.
        place: name of its place in the page.
        page: the file of the page.
    """

    run: Run
    line: Line
    outcome: Outcome
    place: str
    page: Path

    @property
    def folder(self) -> Path | None:
        """Where its evidence is, None where there is none."""
        return self.run.folder / self.outcome.folder if self.outcome.folder else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What is shown of a case.

    Attributes:
        brief: what to know at once: the failure and where its files are.
        evidence: all that was seen; empty where nothing is shown.
    """

    brief: Markup
    evidence: Markup

    def __len__(self) -> int:
        """Characters of both."""
        return len(self.brief) + len(self.evidence)


def case_html(case: Case, details: Details, *, opened: bool) -> Markup:
    """The case as something that opens on a click or with the keyboard; one that stands open is brief."""
    outcome = case.outcome
    flaky = ", flaky" if outcome.flaky else ""
    summary = element(
        "summary",
        sign(outcome.verdict),
        element("b", case.run.title),
        element("span", WORDS[outcome.verdict] + flaky, class_="verdict-word"),
        element("span", note_of(outcome), class_="note"),
        element("small", f"{outcome.duration_s:.1f} s"),
    )
    evidence = details.evidence
    if opened and evidence:
        evidence = element("details", element("summary", "What was seen"), evidence, class_="evidence")
    # The place is inside: browsers open what hides the place that a link leads to.
    inside = element("div", details.brief, evidence, class_="inside", id=case.place)
    return element(
        "details", summary, inside, class_=f"case {outcome.verdict.value}", open="" if opened else None
    )


def brief(case: Case, note: str = "") -> Details:
    """What the results alone tell: the failure, the reason, the attempts; and a note."""
    return Details(brief=join(_brief(case), _muted(note)), evidence=join())


def full(case: Case, kept: Kept) -> Details:
    """All that can be shown of the evidence."""
    shown = []
    where = "" if case.outcome.failure is None else case.outcome.failure.where
    for part in _parts(kept, where):
        # One hostile or endless part does not take the place of the others.
        fits = len(part) <= PART_CHARACTERS
        shown.append(part if fits else _muted("A part is too long for this page; see the files."))
    if kept.cut:
        shown.append(_muted("Only the beginning of the event log is shown."))
    return Details(brief=join(_brief(case), _files(case, kept)), evidence=join(*shown))


def _brief(case: Case) -> Markup:
    return join(_failure_box(case.outcome), _attempts(case))


def _muted(text: str) -> Markup:
    return element("p", text, class_="muted") if text else join()


def _parts(kept: Kept, where: str) -> Iterator[Markup]:
    entries = kept.entries
    zero = time_zero(entries)
    audio = _audio(kept)
    if audio is not None:
        yield _section("Audio", audio)
    if not entries:
        yield _muted("No event log was kept.")
        return
    arrows = build_ladder(entries, zero)
    marked = named(arrows, where)
    note = "" if marked is None else "The message in which it was seen is open."
    ladder = ladder_html(arrows, () if marked is None else (marked,))
    yield _section("SIP messages", _muted(note), ladder)
    timeline = build_timeline(entries)
    if timeline.rows:
        note = ""
        if len(timeline.rows) > MAX_ROWS:
            timeline = dataclasses.replace(timeline, rows=timeline.rows[:MAX_ROWS])
            note = f"Only {MAX_ROWS} pairs are shown."
        picture = element(
            "div",
            timeline_svg(timeline, styled=False),
            class_="scroll",
            tabindex=0,
            role="region",
            aria_label="Timeline",
        )
        words = element(
            "details", element("summary", "In words"), element("p", describe(timeline)), class_="words"
        )
        yield _section("Candidate pairs", picture, _muted(note), words)
    sdps = build_sdps(entries, zero)
    if sdps:
        more = len(sdps) - MAX_SDPS
        note = f"{more} more descriptions are not shown." if more > 0 else ""
        yield _section("Session descriptions", sdps_html(sdps[:MAX_SDPS]), _muted(note))
    charts = build_charts(entries, zero)
    if charts:
        yield _section("Media over time", charts_html(charts))


def named(arrows: Sequence[Arrow], where: str) -> int | None:
    """The last message that the place of a failure names: "486 Busy Here (CSeq 2 INVITE) at 132 ms"."""
    match = _MESSAGE.search(where)
    if match is None:
        return None
    start, cseq = match[1].strip(), " ".join(match[2].split())
    for number in range(len(arrows) - 1, -1, -1):
        arrow = arrows[number]
        words = arrow.first_line.removeprefix("SIP/2.0 ")
        if arrow.cseq == cseq and (words == start or words.split(" ", 1)[0] == start.split(" ", 1)[0]):
            return number
    return None


def _section(title: str, *content: Markup) -> Markup:
    return element("section", element("h4", title), *content)


def _failure_box(outcome: Outcome) -> Markup:
    failure = outcome.failure
    rows = []
    if outcome.verdict is Verdict.EXPECTED_FAILURE:
        rows.append(("expected to fail", outcome.reason or "the file of the peer says so"))
    if outcome.verdict is Verdict.UNEXPECTED_PASS:
        reason = f": {outcome.reason}" if outcome.reason else ""
        rows.append(("seen", f"it passed, and the file of the peer says that it fails{reason}"))
        rows.append(("try", "remove the limit from the file of the peer"))
    if failure is not None:
        rows += [
            ("expected", failure.expected),
            ("seen", failure.seen),
            ("where", failure.where),
            ("try", failure.advice),
            ("cause", failure.cause),
        ]
    shown = [
        element("div", element("dt", name), element("dd", text), class_=name.split()[-1])
        for name, text in rows
        if text
    ]
    return element("dl", *shown, class_="failure") if shown else join()


def _attempts(case: Case) -> Markup:
    outcome = case.outcome
    if outcome.attempts < 2:
        return join()
    passed = outcome.verdict in (Verdict.PASSED, Verdict.UNEXPECTED_PASS)
    text = (
        f"It passed at attempt {outcome.attempts}; those before failed."
        if passed
        else f"It failed at each of {outcome.attempts} attempts; this is the last one."
    )
    return _muted(text)


def _files(case: Case, kept: Kept) -> Markup:
    """The files of the last attempt, and those of the attempts before it."""
    lists = [_links(case, kept, "")]
    for number, name in enumerate(attempts_of(case.line.scenario, case.outcome.attempts), 1):
        before = kept_in(case.run.folder / name, most=0)
        if before is not None:
            lists.append(_links(case, before, f"attempt {number}:"))
    return join(*lists)


def _links(case: Case, kept: Kept, title: str) -> Markup:
    items = [element("li", title)] if title else []
    for name in kept.files:
        link = kept.link(name, case.page)
        items.append(element("li", element("a", name, href=link) if link else element("code", name)))
    label = f"Evidence, {title.removesuffix(':')}" if title else "Evidence"
    return element("ul", *items, class_="files", aria_label=label) if items else join()


def _audio(kept: Kept) -> Markup | None:
    found = recordings(kept.files)
    shown = []
    for name in found[:MAX_RECORDINGS]:
        levels = read_levels(kept.folder / name)
        if levels is not None:
            caption = element(
                "figcaption",
                element("b", name),
                f" {levels.seconds:.1f} s; ",
                element("span", levels.words, class_="muted"),
            )
            shown.append(element("figure", caption, strip(levels), class_="panel"))
    return join(*shown) if shown else None
