"""Chromium runs a page's script and takes its picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.chromium import show
from tests.peers.process import Programs

pytestmark = pytest.mark.peer("chromium")

PAGE = """<!doctype html><title>x</title><body><p id="p"></p><script>
document.getElementById("p").textContent = 6 * 7;
console.log("a word from the page");
</script>"""


async def test_a_page_is_shown(programs: Programs, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(PAGE, encoding="utf-8")
    page = await show(programs, file, width=300, height=200)
    assert '<p id="p">42</p>' in page.html
    assert "a word from the page" in page.console
    assert page.picture.read_bytes().startswith(b"\x89PNG")
