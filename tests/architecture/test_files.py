"""What every file keeps: its size, one clock per package, nothing of a machine, nothing left undone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.rooms import PACKAGES, ROOT

_LINES = 400
_TEST_LINES = 500
_SKIPPED = {".git", ".venv", "build", "dist", "node_modules", "rfc"}
_TEXT = {".py", ".md", ".toml", ".cfg", ".xml", ".html", ".js", ".css", ".sh", ".txt", ".nft", ""}
_MACHINE = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/\w")
_UNDONE = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")


def text_files() -> Iterator[Path]:
    """All text files of the project, without what tools made."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        made = any(
            part in _SKIPPED or part.endswith(("_cache", ".egg-info", "__pycache__")) for part in parts
        )
        hidden = any(part.startswith(".") and part not in (".ci", ".gitignore") for part in parts)
        if path.is_file() and not made and not hidden and path.suffix in _TEXT:
            yield path


def clock_calls(source: str) -> list[int]:
    """Lines that read the time of an event loop: `loop.time()` under any spelling."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr == "time" and "loop" in ast.unparse(node.value)
    ]


def matching(pattern: re.Pattern[str]) -> list[str]:
    """`file:line: text` of every line that matches."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_is_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {count} lines, at most {limit}"
        for path in text_files()
        if path.suffix == ".py"
        for limit in [_TEST_LINES if "tests" in path.relative_to(ROOT).parts else _LINES]
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > limit
    ]
    assert not long


@pytest.mark.parametrize("package", PACKAGES)
def test_one_file_per_package_reads_the_clock(package: str) -> None:
    reading = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / package).rglob("*.py"))
        if clock_calls(path.read_text(encoding="utf-8"))
    ]
    assert len(reading) <= 1


def test_a_read_of_the_clock_is_seen() -> None:
    assert clock_calls("x = 1\nnow = asyncio.get_running_loop().time()\n") == [2]
    assert clock_calls("self._clock = self._loop.time\n") == [1]
    assert clock_calls("now = times.time()\n") == []


def test_no_file_names_a_path_of_a_machine() -> None:
    assert not matching(_MACHINE)


def test_nothing_is_left_undone() -> None:
    assert not matching(_UNDONE)


def test_the_patterns_match_what_they_are_for() -> None:
    assert _MACHINE.search("open('/ho" + "me/someone/x')")
    assert not _MACHINE.search("https://example.com/home/page")
    assert _UNDONE.search("# TO" + "DO later")
