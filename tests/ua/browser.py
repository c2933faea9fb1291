"""Headless Chromium: the page as it reads it, and as it paints it."""

from __future__ import annotations

import subprocess
from html.parser import HTMLParser
from pathlib import Path

from tests.peers.registry import find_program

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def _run(profile: Path, *arguments: str) -> str:
    program = find_program("chromium")
    assert program is not None
    done = subprocess.run(
        [program, *_FLAGS, f"--user-data-dir={profile}", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    return done.stdout


def dump_dom(page: Path, profile: Path) -> str:
    """The document as Chromium understood it."""
    return _run(profile, "--dump-dom", page.as_uri())


def pixels(page: Path, profile: Path, *, width: int = 1280, height: int = 1400) -> set[tuple[int, int, int]]:
    """All colours that Chromium painted."""
    import av

    picture = profile / "picture.png"
    _run(profile, f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri())
    with av.open(str(picture)) as container:
        frame = next(container.decode(video=0)).reformat(format="rgb24")
    line = frame.planes[0].line_size
    raw = bytes(frame.planes[0])
    colours: set[tuple[int, int, int]] = set()
    for row in range(frame.height):
        data = raw[row * line : row * line + 3 * frame.width]
        colours.update(zip(data[::3], data[1::3], data[2::3], strict=True))
    return colours


class Elements(HTMLParser):
    """All start tags with their attributes, and the text inside each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def count(self, tag: str, **attributes: str) -> int:
        """Elements of that name; class_ must be among the classes, others equal."""
        return len(self.find(tag, **attributes))

    def find(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """Attributes of those elements."""

        def fits(found: dict[str, str]) -> bool:
            return all(
                value in found.get("class", "").split()
                if name == "class_"
                else found.get(name.replace("_", "-")) == value
                for name, value in attributes.items()
            )

        return [found for name, found in self.tags if name == tag and fits(found)]
