"""The table of the matrix."""

from __future__ import annotations

import pytest

from tests.interop.matrix.table import Column, read, write
from ua.interop.outcome import Outcome, Verdict
from ua.interop.peer import Limit, Peer
from ua.interop.scenario import Scenario
from ua.interop.stage import Stage


async def nothing(_: Stage) -> None:
    """Needs no peer."""


def scenarios() -> list[Scenario]:
    names = ("calls.echo", "calls.busy", "ice.tcp_only")
    return [
        Scenario(id=name, title=f"Title of {name}", rfc="RFC 3261", needs=frozenset(), run=nothing)
        for name in names
    ]


def column(name: str, *verdicts: Verdict, limits: tuple[Limit, ...] = ()) -> Column:
    outcomes = [
        Outcome(scenario=each.id, verdict=verdict)
        for each, verdict in zip(scenarios(), verdicts, strict=True)
    ]
    return Column.of(Peer(name=name, title=name, limits=limits), outcomes)


def test_what_is_written_can_be_read() -> None:
    limit = Limit(scenarios=("ice.*",), reason="It has no TCP.", source="https://example.com/1")
    one = column("one", Verdict.PASSED, Verdict.PASSED, Verdict.EXPECTED_FAILURE, limits=(limit,))
    two = column("two", Verdict.PASSED, Verdict.SKIPPED, Verdict.PASSED)
    text = write([one, two], scenarios())
    assert read(text) == {
        "calls.echo": {"one": "yes", "two": "yes"},
        "calls.busy": {"one": "yes", "two": "-"},
        "ice.tcp_only": {"one": "no", "two": "yes"},
    }
    assert "no (1)" in text
    assert "1. one: It has no TCP. Source: https://example.com/1" in text
    assert "| pass | 2 | 2 |" in text


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.ERROR, Verdict.UNEXPECTED_PASS])
def test_what_is_unexpected_is_not_written(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match=r"calls\.busy"):
        column("one", Verdict.PASSED, verdict, Verdict.PASSED)
