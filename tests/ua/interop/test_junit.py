"""JUnit XML: what every reader of the format knows, and nothing else."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given

from tests.ua.interop.runs import GOOD, RUN, with_outcome
from tests.ua.interop.test_results import RUNS
from ua.errors import UsageError
from ua.interop.failure import Failure
from ua.interop.junit import junit_xml, write_junit
from ua.interop.outcome import Verdict
from ua.interop.results import RunResults

# The structure that Jenkins, GitLab and the Ant task agree on: attributes and their types, children in order.
SHAPE: dict[str, tuple[dict[str, type], list[str]]] = {
    "testsuites": ({"name": str, "tests": int, "failures": int, "errors": int, "time": float}, ["testsuite"]),
    "testsuite": (
        {
            "name": str, "tests": int, "failures": int, "errors": int, "skipped": int, "time": float,
            "timestamp": str,
        },
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "properties": ({}, ["property"]),
    "property": ({"name": str, "value": str}, []),
    "testcase": (
        {"name": str, "classname": str, "time": float},
        ["skipped", "error", "failure", "system-out", "system-err"],
    ),
    "skipped": ({"message": str}, []),
    "error": ({"message": str, "type": str}, []),
    "failure": ({"message": str, "type": str}, []),
    "system-out": ({}, []),
}  # fmt: skip


def validate(element: Element) -> None:
    attributes, children = SHAPE[element.tag]
    for name, value in element.attrib.items():
        attributes[name](value)
    required = set(attributes) - {"timestamp"}
    assert required <= set(element.attrib), element.tag
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order)
    for child in element:
        validate(child)
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        if name in element.attrib:
            assert int(element.attrib[name]) == len(list(element.iter(tag)))
    if "tests" in element.attrib:
        assert int(element.attrib["tests"]) == len(list(element.iter("testcase")))


def parsed(*runs: RunResults) -> Element:
    root = ElementTree.fromstring(junit_xml(runs))
    validate(root)
    return root


def case(root: Element, name: str) -> Element:
    (found,) = [each for each in root.iter("testcase") if each.get("name") == name]
    return found


def child(element: Element, tag: str) -> Element:
    found = element.find(tag)
    assert found is not None
    return found


@given(RUNS)
def test_every_run_makes_a_valid_document(run: RunResults) -> None:
    assert len(list(parsed(run).iter("testcase"))) == len(run.outcomes)


def test_a_suite_for_each_suite_of_each_peer() -> None:
    root = parsed(RUN, GOOD)
    names: Sequence[str | None] = [each.get("name") for each in root.iter("testsuite")]
    assert names == [
        "asterisk.registration", "asterisk.calls", "asterisk.media", "asterisk.ice",
        "baresip.registration", "baresip.calls", "baresip.media", "baresip.ice",
    ]  # fmt: skip
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("10", "2", "0")
    suite = child(root, "testsuite")
    assert suite.get("timestamp") == "2026-03-01T12:00:00"
    values = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert values["peer.title"] == "Asterisk 20"


def test_a_failure_says_what_to_do() -> None:
    found = child(case(parsed(RUN), "calls.echo"), "failure")
    assert found.get("type") == "one_way_audio_in"
    assert found.get("message") == "one_way_audio_in: 250 RTP packets were sent and none arrived"
    assert found.text == (
        "expected: a tone of 1000 Hz arrives within 5 s\n"
        "seen: 250 RTP packets were sent and none arrived\n"
        "where: 200 OK (CSeq 2 INVITE) at 132 ms\n"
        "try: let the PBX send to the address that packets come from: rtp_symmetric=yes"
    )


def test_what_is_expected_is_skipped_and_what_is_not_fails() -> None:
    root = parsed(RUN)
    skipped = child(case(root, "ice.tcp"), "skipped")
    assert skipped.get("message") == "expected failure: rtpengine takes no TCP candidates"
    assert child(case(root, "ice.lite"), "failure").get("type") == "unexpected_pass"
    assert child(case(root, "media.opus"), "skipped").get("message", "").startswith("this needs Opus")
    assert case(root, "registration.digest").find("failure") is None
    said = child(case(root, "calls.busy"), "system-out").text or ""
    assert "flaky: it passed at attempt 2" in said
    assert "evidence: calls.busy.2" in said


def test_our_own_mistakes_are_errors() -> None:
    root = parsed(with_outcome(RUN, "calls.echo", verdict=Verdict.ERROR))
    assert child(case(root, "calls.echo"), "error").get("type") == "one_way_audio_in"
    assert root.get("errors") == "1"


def test_text_of_a_peer_stays_text() -> None:
    evil = Failure(
        cause="<x>",
        expected="]]>",
        seen="\x00\x1b[31m</failure>\ufffe\ud800\u202e",
        where="&amp;",
        advice='"',
    )
    found = child(case(parsed(with_outcome(RUN, "calls.echo", failure=evil)), "calls.echo"), "failure")
    assert found.get("type") == "<x>"
    text = found.text or ""
    assert "\\x00\\x1b[31m</failure>\\ufffe\\ud800\\u202e" in text
    assert "where: &amp;" in text


def test_it_is_written_where_it_should_be(tmp_path: Path) -> None:
    write_junit(tmp_path / "new" / "junit.xml", [RUN])
    validate(ElementTree.parse(tmp_path / "new" / "junit.xml").getroot())
    with pytest.raises(UsageError, match="cannot be written") as raised:
        write_junit(tmp_path, [RUN])
    assert "--junit" in raised.value.hint
