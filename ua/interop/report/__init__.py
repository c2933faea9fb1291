"""The report of one or several runs: one HTML file that needs no network, for people who act on it."""

from ua.interop.report.file import write
from ua.interop.report.run import Run, read_run

__all__ = ["Run", "read_run", "write"]
