"""The matrix: a row for each scenario, grouped by suite, a column for each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ua.interop.outcome import Outcome, Verdict
from ua.interop.report.run import Run, Suite
from ua.interop.results import WORDS, note_of
from ua.report.markup import Markup, element, join

SIGNS: Final[Mapping[Verdict, str]] = {
    Verdict.PASSED: "\u2713",
    Verdict.FAILED: "\u2717",
    Verdict.ERROR: "!",
    Verdict.UNEXPECTED_PASS: "?",
    Verdict.EXPECTED_FAILURE: "\u223c",
    Verdict.SKIPPED: "\u2013",
}
"""One sign for each verdict, so that colours are not needed to tell them apart."""

FLAKY: Final = "\u21bb"
"""The sign of what passed when it was run again."""

MANY: Final = 4
"""With more columns cells have signs only; the words are for readers of the screen."""

NOTE_CHARACTERS: Final = 300


def matrix(runs: Sequence[Run], suites: Sequence[Suite], place: Callable[[int, str], str | None]) -> Markup:
    """The table.

    Args:
        runs: the columns.
        suites: the rows.
        place: where in the page the details of a run's scenario are; None where there are none.
    """
    heads = [_head(run, runs) for run in runs]
    # Of one run there is room to say why.
    alone = len(runs) == 1
    if alone:
        heads.append(element("th", "what was seen", scope="col", class_="why"))
    bodies = []
    for index, suite in enumerate(suites):
        rows = [_suite_row(suite, len(runs), alone=alone)]
        for line in suite.lines:
            name = element(
                "th",
                element("code", line.scenario),
                element("span", line.description.title, class_="what"),
                scope="row",
            )
            cells = [
                _cell(outcome, place(number, line.scenario)) for number, outcome in enumerate(line.outcomes)
            ]
            if alone:
                note = "" if line.outcomes[0] is None else note_of(line.outcomes[0])[:NOTE_CHARACTERS]
                cells.append(element("td", note, class_="why"))
            rows.append(element("tr", name, *cells))
        bodies.append(element("tbody", *rows, id=suite_place(index)))
    table = element(
        "table",
        element("caption", "Scenarios by peer. Each result leads to what was seen.", class_="sr"),
        element("thead", element("tr", element("th", "scenario", scope="col"), *heads)),
        *bodies,
        class_=f"matrix{' many' if len(runs) > MANY else ''}",
    )
    return element("div", table, class_="wide", tabindex=0, role="region", aria_label="Matrix")


def suite_place(index: int) -> str:
    """Name of the place of a suite in the page."""
    return f"suite-{index}"


def suite_links(suites: Sequence[Suite]) -> Markup:
    """The suites as links into the matrix, with how much of each went as it should."""
    links = []
    for index, suite in enumerate(suites):
        found = [each for line in suite.lines for each in line.outcomes if each is not None]
        ran = [each for each in found if each.verdict is not Verdict.SKIPPED]
        passed = sum(each.verdict is Verdict.PASSED for each in ran)
        bad = any(each.verdict.unexpected for each in ran)
        count = element("small", f"{passed}/{len(ran)}", class_="bad" if bad else None)
        link = element("a", suite.name or "?", href=f"#{suite_place(index)}")
        links.append(element("li", link, " ", count))
    return element("nav", element("ul", *links, class_="suites"), aria_label="Suites")


def legend(runs: Sequence[Run]) -> Markup:
    """The signs that occur, with their numbers."""
    counts = Counter(each.verdict for run in runs for each in run.results.outcomes)
    items = [
        element("li", sign(verdict), f" {words} ", element("b", str(counts[verdict])), class_=verdict.value)
        for verdict, words in WORDS.items()
        if counts[verdict]
    ]
    flaky = sum(run.results.flaky for run in runs)
    if flaky:
        items.append(
            element("li", element("i", FLAKY, aria_hidden="true"), " flaky ", element("b", str(flaky)))
        )
    return element("ul", *items, class_="legend")


def sign(verdict: Verdict) -> Markup:
    """The sign of a verdict, without a word for readers of the screen."""
    return element("i", SIGNS[verdict], class_="sign", aria_hidden="true")


def _head(run: Run, runs: Sequence[Run]) -> Markup:
    results = run.results
    ran = [each for each in results.outcomes if each.verdict is not Verdict.SKIPPED]
    passed = sum(each.verdict is Verdict.PASSED for each in ran)
    unexpected = len(results.unexpected)
    twice = sum(each.title == run.title for each in runs) > 1
    return element(
        "th",
        element("span", run.title, class_="peer"),
        element("small", results.started[:16].replace("T", " ")) if twice else join(),
        element("small", f"{passed} of {len(ran)}"),
        element("small", f"{unexpected} unexpected", class_="bad") if unexpected else join(),
        element("small", "stopped early", class_="bad") if results.interrupted else join(),
        scope="col",
    )


def _suite_row(suite: Suite, columns: int, *, alone: bool) -> Markup:
    cells = []
    for number in range(columns):
        found = [line.outcomes[number] for line in suite.lines]
        ran = [each for each in found if each is not None and each.verdict is not Verdict.SKIPPED]
        passed = sum(each.verdict is Verdict.PASSED for each in ran)
        cells.append(element("td", f"{passed}/{len(ran)}" if ran else ""))
    if alone:
        cells.append(element("td"))
    return element("tr", element("th", suite.name or "?", scope="rowgroup"), *cells, class_="suite")


def _cell(outcome: Outcome | None, place: str | None) -> Markup:
    if outcome is None:
        return element("td", element("span", "not run", class_="sr"), class_="none")
    words = WORDS[outcome.verdict]
    shown = join(
        sign(outcome.verdict),
        element("span", words, class_="word"),
        element("i", FLAKY, title="flaky: it passed when it was run again") if outcome.flaky else join(),
        element("span", ", flaky", class_="sr") if outcome.flaky else join(),
        element("small", outcome.failure.cause)
        if outcome.failure is not None and outcome.verdict.unexpected
        else join(),
    )
    note = note_of(outcome)[:NOTE_CHARACTERS] or None
    inside = (
        element("span", shown, title=note)
        if place is None
        else element("a", shown, href=f"#{place}", title=note)
    )
    return element("td", inside, class_=outcome.verdict.value)
