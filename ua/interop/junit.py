"""The results of a run as JUnit XML, which CI systems show: a test suite for each suite of scenarios.

What the file of the peer expects to fail counts as skipped, with its reason; a scenario that should fail and
does not is a failure, because the file is out of date. Only what all readers of the format know is used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ua.errors import UsageError
from ua.interop.outcome import Outcome, Verdict
from ua.interop.results import RunResults, note_of, suite_of
from ua.view.text import printable

_NO_XML = re.compile("[\ufffe\uffff]")


def junit_xml(runs: Sequence[RunResults]) -> str:
    """The runs as one document."""
    root = Element("testsuites", name="icephone test")
    outcomes = [outcome for run in runs for outcome in run.outcomes]
    _count(root, outcomes)
    for run in runs:
        suites: dict[str, list[Outcome]] = {}
        for outcome in run.outcomes:
            suites.setdefault(suite_of(outcome.scenario), []).append(outcome)
        for name, members in suites.items():
            _suite(root, run, name, members)
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def write_junit(path: Path, runs: Sequence[RunResults]) -> None:
    """Write the document; raises UsageError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(junit_xml(runs), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", hint="name another file with --junit"
        ) from error


def _suite(root: Element, run: RunResults, name: str, outcomes: list[Outcome]) -> None:
    suite = SubElement(root, "testsuite", name=_text(f"{run.peer}.{name}"))
    _count(suite, outcomes)
    if run.started:
        # The format knows no zone.
        suite.set("timestamp", _text(run.started[:19]))
    properties = SubElement(suite, "properties")
    for key, value in (
        ("peer", run.peer),
        ("peer.title", run.peer_title),
        ("icephone.version", run.version),
        ("started", run.started),
    ):
        SubElement(properties, "property", name=key, value=_text(value))
    for outcome in outcomes:
        _case(suite, run, outcome)


def _count(element: Element, outcomes: Sequence[Outcome]) -> None:
    def number(*verdicts: Verdict) -> str:
        return str(sum(outcome.verdict in verdicts for outcome in outcomes))

    element.set("tests", str(len(outcomes)))
    element.set("failures", number(Verdict.FAILED, Verdict.UNEXPECTED_PASS))
    element.set("errors", number(Verdict.ERROR))
    if element.tag == "testsuite":
        element.set("skipped", number(Verdict.SKIPPED, Verdict.EXPECTED_FAILURE))
    element.set("time", f"{sum(outcome.duration_s for outcome in outcomes):.3f}")


def _case(suite: Element, run: RunResults, outcome: Outcome) -> None:
    case = SubElement(
        suite,
        "testcase",
        name=_text(outcome.scenario),
        classname=_text(f"{run.peer}.{suite_of(outcome.scenario)}"),
        time=f"{outcome.duration_s:.3f}",
    )
    match outcome.verdict:
        case Verdict.PASSED:
            pass
        case Verdict.SKIPPED:
            SubElement(case, "skipped", message=_line(outcome.reason))
        case Verdict.EXPECTED_FAILURE:
            SubElement(case, "skipped", message=_line(f"expected failure: {note_of(outcome)}"))
        case Verdict.FAILED | Verdict.ERROR:
            kind = "failure" if outcome.verdict is Verdict.FAILED else "error"
            cause = "unknown" if outcome.failure is None else outcome.failure.cause
            told = SubElement(case, kind, message=_line(note_of(outcome)), type=_text(cause))
            told.text = _text(_explained(outcome))
        case Verdict.UNEXPECTED_PASS:
            told = SubElement(
                case, "failure", message=_line(f"unexpected pass: {outcome.reason}"), type="unexpected_pass"
            )
            told.text = (
                "It passed, and the file of the peer says that it fails. Remove the limit from the file."
            )
        case _:
            assert_never(outcome.verdict)
    description = run.description(outcome.scenario)
    facts = [description.title, description.rfc]
    if outcome.flaky:
        facts.append(f"flaky: it passed at attempt {outcome.attempts}")
    if outcome.folder:
        facts.append(f"evidence: {outcome.folder}")
    if any(facts):
        SubElement(case, "system-out").text = _text("\n".join(filter(None, facts)))


def _explained(outcome: Outcome) -> str:
    failure = outcome.failure
    if failure is None:
        return outcome.reason
    parts = (
        ("expected", failure.expected),
        ("seen", failure.seen),
        ("where", failure.where),
        ("try", failure.advice),
    )
    return "\n".join(f"{name}: {text}" for name, text in parts if text)


def _line(text: str) -> str:
    return _text(" ".join(text.split()))


def _text(text: str) -> str:
    """Text from anywhere as XML can hold it."""
    return _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(text, lines=True))
