"""What fails because the machine stood still is run again, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = "pytest_plugins = ['tests.standstill']"

STOPPED = """
import os, subprocess, sys
from pathlib import Path

def test_fails_at_first():
    seen = Path("seen")
    attempt = int(seen.read_text()) + 1 if seen.exists() else 1
    seen.write_text(str(attempt))
    if attempt <= {pauses}:
        code = "import os, signal, sys, time; p = int(sys.argv[1]); os.kill(p, signal.SIGSTOP);" \\
            "time.sleep(0.6); os.kill(p, signal.SIGCONT)"
        subprocess.run([sys.executable, "-c", code, str(os.getpid())], check=True)
    assert attempt > {failures}
"""

BUSY = """
import time

def test_is_slow_by_itself():
    end = time.process_time() + 0.5
    while time.process_time() < end:
        sum(range(1000))
    raise AssertionError("its own fault")
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A run in a process of its own, which may be stopped."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setattr("tests.standstill.STOLEN_S", float("inf"))
    pytester.makeconftest(CONFTEST)
    return pytester


def test_a_failure_during_a_pause_is_tried_again(run: pytest.Pytester) -> None:
    run.makepyfile(STOPPED.format(pauses=1, failures=1))
    result = run.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*run again*", "*test_fails_at_first: paused *"])


def test_what_fails_again_and_again_has_failed(run: pytest.Pytester) -> None:
    run.makepyfile(STOPPED.format(pauses=9, failures=9))
    result = run.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    assert (run.path / "seen").read_text() == "3"


def test_work_of_its_own_is_no_pause(run: pytest.Pytester) -> None:
    run.makepyfile(BUSY)
    result = run.runpytest_inprocess()  # here only this process counts
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*run again*")
