"""A test that failed while the machine stood still is run again.

Machines that run tests are shared: now and then one gets no processor for a second, and a test with real
peers and real timers then sees what no peer did. A thread measures such pauses, and the system tells what
other guests of the host took. Where a failed test saw neither, its failure stands.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

import pytest
from _pytest.runner import runtestprotocol

from tests.steady_loop import SteadyClock

PAUSE_S: Final = 0.15
"""The thread overslept by this much beyond what this process computed meanwhile."""

STOLEN_S: Final = 0.3
"""Processor time that others took during a test."""

ATTEMPTS: Final = 3
LIMIT_S: Final = 240.0
"""The time limit of a test that names none; it holds for all attempts together."""

_NAP_S: Final = 0.02
_TICKS_A_SECOND: Final = 100


class Standstill:
    """Adds up the time in which this process was kept from running."""

    def __init__(self) -> None:
        self._clock = SteadyClock(time.monotonic, time.process_time, pause_s=PAUSE_S)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="standstill", daemon=True)
        self._thread.start()

    @property
    def paused_s(self) -> float:
        """Seconds so far."""
        return self._clock.paused_s

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_NAP_S):
            self._clock.woke(_NAP_S)


def stolen_s() -> float:
    """Processor seconds that other guests of the host took, all processors; 0 where it is not told."""
    try:
        return int(Path("/proc/stat").read_text().split(maxsplit=9)[8]) / _TICKS_A_SECOND
    except (OSError, ValueError, IndexError):
        return 0.0


class Rerunner:
    """Runs each test, and once more where the machine is to blame."""

    def __init__(self) -> None:
        self.still = Standstill()
        self.again: list[str] = []
        """What was run again, with the reason."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports: list[pytest.TestReport] = []
        marker = item.get_closest_marker("timeout")
        limit_s = float(marker.args[0]) if marker is not None and marker.args else LIMIT_S
        ends = time.monotonic() + 0.9 * limit_s
        for attempt in range(1, ATTEMPTS + 1):
            began, paused, stolen = time.monotonic(), self.still.paused_s, stolen_s()
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            paused, stolen = self.still.paused_s - paused, stolen_s() - stolen
            if (
                attempt == ATTEMPTS
                or not any(report.failed for report in reports)
                or 2 * time.monotonic() - began > ends
                or (paused <= PAUSE_S and stolen <= STOLEN_S)
            ):
                break
            self.again.append(f"{item.nodeid}: paused {paused:.1f} s, {stolen:.1f} s taken by others")
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.again:
            terminalreporter.section("failed while the machine stood still, and run again")
            for line in self.again:
                terminalreporter.line(line)

    def pytest_unconfigure(self) -> None:
        self.still.close()


def pytest_configure(config: pytest.Config) -> None:
    """Every run has it."""
    config.pluginmanager.register(Rerunner(), "standstill-rerunner")
