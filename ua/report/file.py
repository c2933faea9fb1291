"""Writes the report to its file."""

from __future__ import annotations

import os
from pathlib import Path

from ua.errors import UaError
from ua.report.page import Report, render_report


def write_report(path: Path, report: Report) -> None:
    """Write the page; a reader never sees half of it. Raises UaError where it cannot be written."""
    page = render_report(report)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UaError(
            f"the report {path} cannot be written: {error.strerror}", hint="name another file with --report"
        ) from error
