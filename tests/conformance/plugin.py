"""pytest plugin: checks the IDs of `@pytest.mark.req(...)` and records which of them a run proved.

With xdist the workers collect and run, the controller records.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance import record
from tests.conformance.checklist import ChecklistError, Checklists

_PROPERTY = "conformance_items"

_WHOLE_RUN = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def pytest_configure(config: pytest.Config) -> None:
    """Register the recorder of this process."""
    config.pluginmanager.register(Recorder(config), "conformance-recorder")


class Recorder:
    """Collects outcomes by test and writes the record at the end of the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._collected: set[str] = set()
        self._results: dict[str, record.Result] = {}

    @property
    def _worker(self) -> bool:
        return hasattr(self._config, "workeroutput")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Resolve the IDs of every test found, before others deselect some; an unknown ID stops the run."""
        if not any(item.get_closest_marker("req") for item in items):
            return
        checklists = Checklists.read()
        wrong: list[str] = []
        for item in items:
            keys: list[str] = []
            for mark in item.iter_markers("req"):
                for reference in mark.args:
                    try:
                        keys.append(checklists.resolve(str(reference), item.path).key)
                    except ChecklistError as error:
                        wrong.append(f"{item.nodeid}: {error}")
                if not mark.args:
                    wrong.append(f"{item.nodeid}: req without an ID")
            if keys:
                item.user_properties.append((_PROPERTY, tuple(dict.fromkeys(keys))))
                self._collected.add(item.nodeid)
        if wrong:
            raise pytest.UsageError("\n".join(dict.fromkeys(wrong)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how each phase of a test ended; the worst counts."""
        items = dict(report.user_properties).get(_PROPERTY)
        if self._worker or not isinstance(items, list | tuple):
            return
        before = self._results.get(report.nodeid)
        outcome: record.Outcome = report.outcome
        if report.passed and report.when != "call":
            return
        if before is not None and (before.outcome == "failed" or outcome == "skipped"):
            return
        self._results[report.nodeid] = record.Result(outcome=outcome, items=tuple(map(str, items)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist collected."""
        self._collected.update(getattr(node, "workeroutput", {}).get(_PROPERTY, ()))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Hand over to the controller, or write the record."""
        if self._worker:
            output: dict[str, Any] = vars(self._config)["workeroutput"]
            output[_PROPERTY] = sorted(self._collected)
            return
        option = self._config.option
        if option.collectonly or getattr(option, "usepdb", False):
            return
        path = self._config.rootpath / record.FILE_NAME
        old = record.load(path)
        # A run that broke off has not seen every test.
        whole = self._searched() if exitstatus in _WHOLE_RUN else []
        merged = record.merge(old, self._results, collected=self._collected, whole=whole)
        if merged != old:
            record.save(path, merged)

    def _searched(self) -> list[str]:
        """Arguments that stand for whole files or folders; none where earlier failures choose the files."""
        if getattr(self._config.option, "lf", False) or self._config.option.ignore:
            return []
        found: list[str] = []
        for argument in self._config.args:
            path = (self._config.invocation_params.dir / argument).resolve()
            if "::" not in argument and path.is_relative_to(self._config.rootpath):
                found.append(_posix(path.relative_to(self._config.rootpath)))
        return found


def _posix(path: Path) -> str:
    return "" if path == Path() else path.as_posix()
