"""docs/not-done.md: what has no test has a reason."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conformance.checklist import Checklists, Item, Level

ROOT = Path(__file__).resolve().parents[2]
CHECKLISTS = ("ice-tcp.md", "ice.md", "stun-turn.md", "media.md")
ROW = re.compile(r"^\| (?P<id>[A-Z0-9][\w.-]*) \| (?P<strength>MUST|SHOULD) \|(?P<rest>.*)\|$", re.MULTILINE)


def marked() -> set[str]:
    """The IDs that tests name with `@pytest.mark.req`."""
    names = set()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "req"
            ):
                names |= {str(each.value) for each in node.args if isinstance(each, ast.Constant)}
    return {name.rpartition(":")[2] for name in names}


def wanted() -> dict[str, Item]:
    """MUST and SHOULD items of these lists."""
    return {
        item.id: item
        for item in Checklists.read().items
        if item.file in CHECKLISTS and item.level in (Level.MUST, Level.SHOULD)
    }


@pytest.fixture(scope="module")
def rows() -> dict[str, re.Match[str]]:
    text = (ROOT / "docs" / "not-done.md").read_text(encoding="utf-8")
    return {row["id"]: row for row in ROW.finditer(text)}


def test_every_item_has_a_test_or_a_reason(rows: dict[str, re.Match[str]]) -> None:
    assert sorted(wanted().keys() - marked()) == sorted(rows)


def test_rows_say_how_strong_the_item_is_and_why_it_is_left_out(rows: dict[str, re.Match[str]]) -> None:
    items = wanted()
    for name, row in rows.items():
        assert row["strength"].lower() == items[name].level.value
        asked, reason = (part.strip() for part in row["rest"].strip("| ").split(" | "))
        assert asked
        assert len(reason) > 10
