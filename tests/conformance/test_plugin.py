"""The plugin, in test runs of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PYPROJECT = """
[tool.pytest.ini_options]
markers = ["req(*ids): items"]
filterwarnings = ["ignore:The configuration option"]
"""

TESTS = """
import pytest

@pytest.mark.req("ICETCP-4.2-3", "ICE-7.3.2-1")
def test_good():
    pass

@pytest.mark.req("ICETCP-4.2-3")
@pytest.mark.parametrize("value", [1, 2])
def test_half(value):
    assert value == 1

@pytest.mark.req("RTP-1")
def test_skipped():
    pytest.skip("not here")

@pytest.fixture
def breaks():
    yield
    raise OSError

@pytest.mark.req("RTP-2")
def test_teardown_fails(breaks):
    pass
"""


def outcomes(pytester: pytest.Pytester) -> dict[str, str]:
    """Recorded outcomes by test."""
    data = json.loads((pytester.path / ".conformance.json").read_text(encoding="utf-8"))
    return {test: entry["outcome"] for test, entry in data["tests"].items()}


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest with nothing but the plugin."""
    # Workers get the module path that the controller had before it loaded anything.
    root = str(Path(__file__).resolve().parents[2])
    pytester.makeconftest(
        f"import sys\nsys.path.insert(0, {root!r})\npytest_plugins = ['tests.conformance.plugin']"
    )
    pytester.path.joinpath("pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    if "-n" not in arguments:
        pytester._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester.runpytest_inprocess(*arguments)


EXPECTED = {
    "test_a.py::test_good": "passed",
    "test_a.py::test_half[1]": "passed",
    "test_a.py::test_half[2]": "failed",
    "test_a.py::test_skipped": "skipped",
    "test_a.py::test_teardown_fails": "failed",
}


def test_outcomes_are_recorded(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a=TESTS)
    run(pytester)
    assert outcomes(pytester) == EXPECTED


def test_the_controller_of_workers_records(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a=TESTS)
    run(pytester, "-n", "2", "-p", "no:randomly")
    assert outcomes(pytester) == EXPECTED


def test_a_partial_run_keeps_the_rest_and_a_removed_test_vanishes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a=TESTS, test_b="import pytest\n@pytest.mark.req('RTP-3')\ndef test_b(): pass\n")
    run(pytester)
    assert outcomes(pytester) == {**EXPECTED, "test_b.py::test_b": "passed"}
    pytester.makepyfile(test_a=TESTS.replace("value == 1", "value"))
    run(pytester, "test_a.py::test_half")
    assert outcomes(pytester)["test_a.py::test_half[2]"] == "passed"
    assert len(outcomes(pytester)) == 6
    run(pytester, "-k", "test_b")
    assert len(outcomes(pytester)) == 6
    pytester.makepyfile(test_a="def test_other(): pass\n")
    run(pytester, "test_a.py")
    assert outcomes(pytester) == {"test_b.py::test_b": "passed"}


def test_collecting_only_records_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a=TESTS)
    run(pytester, "--collect-only")
    assert not (pytester.path / ".conformance.json").exists()


def test_a_run_that_broke_off_forgets_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a=TESTS)
    run(pytester)
    pytester.makepyfile(test_a="import no_such_module\n")
    assert run(pytester).ret == pytest.ExitCode.INTERRUPTED
    assert outcomes(pytester) == EXPECTED


def test_an_unknown_id_stops_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a="import pytest\n@pytest.mark.req('ICE-0-0')\ndef test_it(): pass\n")
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_it: ICE-0-0 stands in no checklist*"])
