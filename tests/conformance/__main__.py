"""`python -m tests.conformance [--json]`: the figures of the last test run.

Writes docs/conformance.md and the table of README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.conformance import figures, record
from tests.conformance.checklist import Checklists

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Print the figures and write them down; 2 where no test run is recorded."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    results = record.load(root / record.FILE_NAME)
    if not results:
        sys.stderr.write("no test run is recorded: run 'make test' first\n")
        return 2
    checklists = Checklists.read()
    proved = record.proved(results)
    page = root / "docs" / "conformance.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(figures.as_markdown(checklists, proved), encoding="utf-8")
    readme = root / "README.md"
    if readme.exists():
        text = readme.read_text(encoding="utf-8")
        readme.write_text(figures.in_readme(text, checklists, proved), encoding="utf-8")
    if options.json:
        sys.stdout.write(json.dumps(figures.as_json(checklists, proved)) + "\n")
    else:
        sys.stdout.write(figures.as_text(checklists, proved))
    return 0


if __name__ == "__main__":
    sys.exit(main())
