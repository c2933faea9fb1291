"""The page: the matrix first, then what somebody should look at, then everything that was seen."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from ua.interop.outcome import Outcome, Verdict
from ua.interop.report.drill_down import Case, Details, brief, case_html, full
from ua.interop.report.kept import kept_in
from ua.interop.report.matrix import legend, matrix, suite_links
from ua.interop.report.run import Run, Suite, suites_of
from ua.report.markup import Markup, element, fixed, join
from ua.report.palette import PALETTE
from ua.report.timeline_svg import STYLE

PAGE_CHARACTERS: Final = 24_000_000
"""Details of more outcomes than fit are left out, those that went well first; their files are named."""

OPENED: Final = 6
"""So many unexpected outcomes stand open from the beginning; of more, none does."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

NAMED: Final = 10
"""So many unexpected outcomes are named at the top."""

_UNEXPECTED: Final = "unexpected"

_URGENCY: Final = (
    Verdict.FAILED,
    Verdict.ERROR,
    Verdict.UNEXPECTED_PASS,
    Verdict.EXPECTED_FAILURE,
    Verdict.PASSED,
    Verdict.SKIPPED,
)
"""Whose details come first where not all fit."""


def render(runs: Sequence[Run], page: Path, *, most: int = PAGE_CHARACTERS) -> str:
    """The page as text.

    Args:
        runs: the columns of the matrix.
        page: where it will be written; links to the evidence begin there.
        most: characters of all details together, about.
    """
    suites = suites_of(runs)
    cases = _cases(runs, suites, page)
    parts, left_out = _details(cases, most)
    unexpected = [case for case in cases if case.outcome.verdict.unexpected]
    places = {(runs.index(case.run), case.line.scenario): case.place for case in cases}
    title = _title(runs, unexpected)
    body = join(
        element(
            "header",
            element("h1", "icephone interop report"),
            element("p", title, class_="verdict bad" if unexpected else "verdict"),
            element("p", _tried(runs), class_="tried"),
            _look_at(unexpected),
            legend(runs),
            suite_links(suites),
        ),
        matrix(runs, suites, lambda number, scenario: places.get((number, scenario))),
        _unexpected(unexpected, parts),
        element("h2", "Every scenario"),
        element(
            "p",
            "Open a result to see its messages, candidate pairs, session descriptions and audio."
            " Times are ms after the first INVITE.",
            class_="lead",
        ),
        *(_suite(suite, cases, parts) for suite in suites),
        _skipped(runs, suites),
        _runs(runs),
        element("footer", _footer(left_out)),
    )
    head = join(
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"icephone: {title}"),
        element(
            "style", fixed(PALETTE + _stylesheet("ua.report") + _stylesheet("ua.interop.report") + STYLE)
        ),
    )
    whole = element("html", element("head", head), element("body", element("main", body)), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _stylesheet(package: str) -> str:
    return resources.files(package).joinpath("style.css").read_text(encoding="utf-8")


def _cases(runs: Sequence[Run], suites: Sequence[Suite], page: Path) -> list[Case]:
    """Every outcome that was run, in the order of the page."""
    lines = [line for suite in suites for line in suite.lines]
    return [
        Case(run=run, line=line, outcome=outcome, place=f"case-{row}-{column}", page=page)
        for row, line in enumerate(lines)
        for column, (run, outcome) in enumerate(zip(runs, line.outcomes, strict=True))
        if outcome is not None and outcome.verdict is not Verdict.SKIPPED
    ]


def _details(cases: Sequence[Case], most: int) -> tuple[dict[str, Details], int]:
    """What is shown of each case by its place, and of how many the evidence did not fit."""
    shown: dict[str, Details] = {}
    left_out = 0
    for case in sorted(
        cases, key=lambda case: (_URGENCY.index(case.outcome.verdict), not case.outcome.flaky)
    ):
        kept = None if case.folder is None else kept_in(case.folder)
        if kept is None:
            details = brief(case, "Its evidence is not here." if case.outcome.folder else "")
        else:
            details = full(case, kept) if most > 0 else brief(case)
            if len(details) > most:
                left_out += 1
                folder = case.outcome.folder
                details = brief(case, f"What was seen is in the folder {folder}; this page is full.")
        most -= len(details)
        shown[case.place] = details
    return shown, left_out


def _title(runs: Sequence[Run], unexpected: Sequence[Case]) -> str:
    """The page in one sentence."""
    match unexpected:
        case []:
            words = "Nothing unexpected"
        case [only]:
            cause = "" if only.outcome.failure is None else f": {only.outcome.failure.cause}"
            words = f"{only.line.scenario} is unexpected at {only.run.title}{cause}"
        case _:
            words = f"{len(unexpected)} results are unexpected"
    early = any(run.results.interrupted for run in runs)
    return f"{words}; a run was stopped before its end" if early else words


def _tried(runs: Sequence[Run]) -> str:
    scenarios = len({each.scenario for run in runs for each in run.results.outcomes})
    peers = _names(list(dict.fromkeys(run.title for run in runs)))
    days = sorted({run.results.started[:10] for run in runs} - {""})
    when = "" if not days else f", {days[0]}" if len(days) == 1 else f", {days[0]} to {days[-1]}"
    return f"{_number(scenarios, 'scenario')} at {peers}{when}"


def _look_at(unexpected: Sequence[Case]) -> Markup:
    """Links to what is unexpected."""
    if not unexpected:
        return join()
    several = len({case.run.title for case in unexpected}) > 1
    links = []
    for case in unexpected[:NAMED]:
        cause = "" if case.outcome.failure is None else f" ({case.outcome.failure.cause})"
        place = f" at {case.run.title}" if several else ""
        link = element("a", element("code", case.line.scenario), href=f"#{case.place}")
        links.append(element("li", link, f"{place}{cause}"))
    if len(unexpected) > NAMED:
        more = f"{len(unexpected) - NAMED} more"
        links.append(element("li", element("a", more, href=f"#{_UNEXPECTED}")))
    return element("nav", element("ul", *links, class_="look"), aria_label="Unexpected")


def _number(count: int, name: str) -> str:
    return f"{count} {name}{'s' * (count != 1)}"


def _names(peers: Sequence[str]) -> str:
    if len(peers) > 4:
        return f"{len(peers)} peers"
    return " and ".join(filter(None, (", ".join(peers[:-1]), *peers[-1:]))) or "no peer"


def _unexpected(cases: Sequence[Case], parts: dict[str, Details]) -> Markup:
    if not cases:
        return join()
    opened = len(cases) <= OPENED
    return join(
        element("h2", "What somebody should look at", id=_UNEXPECTED),
        *(
            element(
                "div",
                element("h3", element("code", case.line.scenario), " ", _what(case)),
                case_html(case, parts[case.place], opened=opened),
                class_="scenario",
            )
            for case in cases
        ),
    )


def _what(case: Case) -> Markup:
    described = case.line.description
    return join(
        element("span", described.title, class_="what"),
        element("small", described.rfc) if described.rfc else join(),
    )


def _suite(suite: Suite, cases: Sequence[Case], parts: dict[str, Details]) -> Markup:
    """What is not told above already."""
    mine = {line.scenario for line in suite.lines}
    found = [case for case in cases if case.line.scenario in mine and not case.outcome.verdict.unexpected]
    if not found:
        return join()
    shown = []
    for scenario in dict.fromkeys(case.line.scenario for case in found):
        here = [case for case in found if case.line.scenario == scenario]
        shown.append(
            element(
                "div",
                element("h4", element("code", scenario), " ", _what(here[0])),
                *(case_html(case, parts[case.place], opened=False) for case in here),
                class_="scenario",
            )
        )
    return join(element("h3", suite.name, class_="suite-name"), *shown)


def _skipped(runs: Sequence[Run], suites: Sequence[Suite]) -> Markup:
    """Why something was not run, each reason once."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for suite in suites:
        for line in suite.lines:
            for run, outcome in zip(runs, line.outcomes, strict=True):
                if outcome is not None and outcome.verdict is Verdict.SKIPPED:
                    reasons.setdefault((run.title, _reason(outcome)), []).append(line.scenario)
    if not reasons:
        return join()
    rows = [
        element("tr", element("td", peer), element("td", reason), element("td", ", ".join(scenarios)))
        for (peer, reason), scenarios in reasons.items()
    ]
    return join(element("h2", "Skipped"), _table(("peer", "why", "scenarios"), rows))


def _reason(outcome: Outcome) -> str:
    return outcome.reason or "no reason is known"


def _runs(runs: Sequence[Run]) -> Markup:
    rows = [
        element(
            "tr",
            *(
                element("td", text)
                for text in (
                    run.title,
                    run.results.started,
                    f"{run.results.duration_s:.0f} s",
                    run.results.version,
                    run.results.summary,
                )
            ),
        )
        for run in runs
    ]
    return join(element("h2", "Runs"), _table(("peer", "started", "took", "icephone", "results"), rows))


def _table(heads: Sequence[str], rows: Sequence[Markup]) -> Markup:
    head = element("tr", *(element("th", text, scope="col") for text in heads))
    table = element("table", element("thead", head), element("tbody", *rows))
    return element("div", table, class_="panel wide", tabindex=0, role="region", aria_label="Table")


def _footer(left_out: int) -> str:
    more = f"Of {left_out} results the evidence did not fit; their folders have it. " if left_out else ""
    return f"{more}Written by icephone."
