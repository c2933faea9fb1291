"""Merging the results of runs, and the figures that come of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance import figures, record
from tests.conformance.__main__ import main
from tests.conformance.checklist import Checklists, read_items
from tests.conformance.record import Result

PASSED = Result(outcome="passed", items=("x.md:X-1",))
FAILED = Result(outcome="failed", items=("x.md:X-1",))
SKIPPED = Result(outcome="skipped", items=("x.md:X-1",))


def test_a_partial_run_updates_only_its_tests() -> None:
    old = {"t/a.py::one": PASSED, "t/b.py::two": PASSED}
    new = {"t/a.py::one": FAILED}
    assert record.merge(old, new, collected=new, whole=()) == {"t/a.py::one": FAILED, "t/b.py::two": PASSED}


def test_removed_tests_vanish_where_the_run_looked_for_them() -> None:
    old = {"t/a.py::one": PASSED, "t/a.py::gone": PASSED, "t2/b.py::two": PASSED}
    merged = record.merge(old, {"t/a.py::one": PASSED}, collected=["t/a.py::one"], whole=["t"])
    assert set(merged) == {"t/a.py::one", "t2/b.py::two"}


def test_a_full_run_replaces_all() -> None:
    old = {"t/a.py::one": PASSED, "t2/b.py::two": PASSED}
    merged = record.merge(old, {"t/a.py::one": SKIPPED}, collected=["t/a.py::one"], whole=[""])
    assert merged == {"t/a.py::one": SKIPPED}


def test_a_test_that_was_found_and_not_run_keeps_its_result() -> None:
    old = {"t/a.py::one": PASSED}
    assert record.merge(old, {}, collected=["t/a.py::one"], whole=[""]) == old


def test_an_item_needs_a_passed_test_and_no_failed_one() -> None:
    assert record.proved({"one": PASSED, "two": SKIPPED}) == {"x.md:X-1"}
    assert record.proved({"one": PASSED, "two": FAILED}) == set()
    assert record.proved({"one": SKIPPED}) == set()


def test_the_record_survives_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / record.FILE_NAME
    assert record.load(path) == {}
    record.save(path, {"t::a": PASSED, "t::b": FAILED})
    assert record.load(path) == {"t::a": PASSED, "t::b": FAILED}
    path.write_text("{", encoding="utf-8")
    assert record.load(path) == {}


LISTS = Checklists(
    read_items(
        "x.md",
        "- **X-1** [MUST] One. (4571 §2)\n- **X-2** [MUST] Two.\n- **X-3** [MAY] Three.\n- **X-4** n\n",
    )
)


def test_the_figures_as_json() -> None:
    assert figures.as_json(LISTS, {"x.md:X-1"}) == {
        "files": {
            "x.md": {
                "must": {"tested": 1, "total": 2},
                "should": {"tested": 0, "total": 0},
                "may": {"tested": 0, "total": 1},
            }
        }
    }


def test_the_page_lists_what_is_untested() -> None:
    page = figures.as_markdown(LISTS, {"x.md:X-1"})
    assert "| x.md | 1/2 | - | 0/1 | 0/1 |" in page
    assert "| RFC 4571 | 1/1 | - | - | - |" in page
    assert "- **X-2** Two." in page
    assert "- **X-1**" not in page
    assert page == figures.as_markdown(LISTS, {"x.md:X-1"})


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], root=tmp_path) == 2
    assert "make test" in capsys.readouterr().err
    test = Result(outcome="passed", items=("ice-tcp.md:ICETCP-4.2-3",))
    record.save(tmp_path / record.FILE_NAME, {"t::a": test})
    assert main(["--json"], root=tmp_path) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["files"]["ice-tcp.md"]["should"]["tested"] == 1
    assert "ICETCP-4.1-5" in (tmp_path / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert main([], root=tmp_path) == 0
    assert "ice-tcp.md" in capsys.readouterr().out


def test_the_table_of_the_readme_is_written_between_its_marks() -> None:
    begin, end = figures._README_BEGIN, figures._README_END
    lists = Checklists.read()
    written = figures.in_readme(f"a\n{begin}\nold\n{end}\nb\n", lists, {"ice-tcp.md:ICETCP-6.2-1"})
    assert written.startswith(f"a\n{begin}\n| RFC |")
    assert written.endswith(f"{end}\nb\n")
    assert "old" not in written
    assert "| RFC 6544 | 1/" in written
    assert figures.in_readme(written, lists, {"ice-tcp.md:ICETCP-6.2-1"}) == written


def test_a_readme_without_the_marks_is_not_touched() -> None:
    with pytest.raises(ValueError, match="marks"):
        figures.in_readme("nothing here", LISTS, set())
