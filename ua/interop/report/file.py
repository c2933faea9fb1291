"""Writes the report to its file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ua.errors import UsageError
from ua.interop.report.page import render
from ua.interop.report.run import Run


def write(runs: Sequence[Run], file: Path) -> None:
    """Write the report of these runs; a reader never sees half of it. Raises UsageError."""
    page = render(runs, file)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(page, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(
            f"the report {file} cannot be written: {error.strerror}", hint="name another file with --html"
        ) from error
