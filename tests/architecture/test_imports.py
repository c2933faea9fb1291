"""Who imports whom, checked by import-linter with the contracts of pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import rooms


def lint(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages below `folder`."""
    command = "import sys; from importlinter.cli import lint_imports_command as main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", command, "--config", str(config), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_contracts_are_kept() -> None:
    result = lint(rooms.ROOT, rooms.ROOT / "pyproject.toml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_contract_in_pyproject_is_that_of_the_table() -> None:
    text = (rooms.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert text == rooms.with_contract(text), "run 'python -m tests.architecture'"


def test_every_shell_in_the_table_exists() -> None:
    assert set(rooms.shells()) <= set(rooms.existing())
    assert sorted(rooms.cores() + rooms.shells()) == rooms.existing()


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("import json", True),
        ("import asyncio", False),
        ("from a.shell import open_it", False),
        ("from time import monotonic", False),
    ],
)
def test_the_contract_breaks_when_a_core_does_io(tmp_path: Path, source: str, kept: bool) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "__init__.py").touch()
    (tmp_path / "a" / "core.py").write_text(source + "\n")
    (tmp_path / "a" / "shell.py").write_text("import asyncio\n\ndef open_it(): ...\n")
    config = tmp_path / "pyproject.toml"
    text = '[tool.importlinter]\nroot_packages = ["a"]\ninclude_external_packages = true\n' + rooms.contract()
    cores = text.partition("source_modules = [")[2].partition("]")[0]
    config.write_text(text.replace(cores, '"a.core"'))
    result = lint(tmp_path, config)
    assert (result.returncode == 0) is kept, result.stdout + result.stderr
