"""Chromium without a window: what a page looks like once its scripts have run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.peers.process import PeerError, Programs
from tests.peers.registry import find_program


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as Chromium showed it.

    Attributes:
        html: its document after the scripts ran.
        console: what it and Chromium wrote to the log, errors of scripts included.
        picture: a PNG of it.
    """

    html: str
    console: str
    picture: Path


async def show(programs: Programs, page: Path, *, width: int = 1200, height: int = 1600) -> Page:
    """Open the file `page` twice, for its document and for a picture; raises PeerError where that fails."""
    profile = programs.folder / "chromium"
    picture = programs.folder / f"{page.stem}.png"
    command = [
        find_program("chromium") or "chromium",
        *("--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
        *("--disable-dev-shm-usage", "--hide-scrollbars", "--enable-logging=stderr"),
        *(f"--user-data-dir={profile}", f"--window-size={width},{height}", "--virtual-time-budget=3000"),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    texts: list[str] = []
    for action in ("--dump-dom", f"--screenshot={picture}"):
        program = await programs.start("chromium", [*command, action, page.as_uri()], separate_output=True)
        if await program.ended(60):
            raise PeerError(f"chromium ended with {program.exit_code}: {program.text()[-2000:]}")
        texts += [program.output.read_text(encoding="utf-8"), program.text()]
    if not picture.exists():
        raise PeerError(f"chromium made no picture: {texts[3][-2000:]}")
    return Page(html=texts[0], console=texts[1], picture=picture)
