"""An environment with a project from PyPI, made once and kept in the cache of the user."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.calls.media import Kind
from tests.peers.process import PeerError

_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A project to compare with.

    Attributes:
        name: of the project.
        packages: that pip is to install; none where the standard library is enough.
        module: runs one side.
        note: what its figures hold, for people.
    """

    name: str
    packages: tuple[str, ...]
    module: str
    note: str

    async def kind(self) -> Kind:
        """Its sides, with the interpreter of its environment.

        Raises:
            PeerError: the environment cannot be made; the text says why.
        """
        python = str(await self._environment()) if self.packages else sys.executable
        return Kind(name=self.name, python=python, module=self.module)

    async def _environment(self) -> Path:
        folder = cache_folder() / f"{self.name}-{sys.version_info.major}.{sys.version_info.minor}"
        python = folder / "bin" / "python"
        complete = folder / "complete"
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            await self._run(sys.executable, "-m", "venv", str(folder))
            await self._run(str(python), "-m", "pip", "install", "--quiet", *self.packages)
            complete.touch()
        return python

    async def _run(self, *command: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            output = b"not within five minutes"
        if process.returncode:
            text = output.decode(errors="replace").strip()
            last = text.splitlines()[-1] if text else f"exit code {process.returncode}"
            raise PeerError(f"the environment of {self.name} cannot be made: {last}")


def cache_folder() -> Path:
    """Where environments are kept: XDG_CACHE_HOME, or .cache at home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "icephone-bench"


_AUDIOOP: Final = ("audioop-lts",) if sys.version_info >= (3, 13) else ()

OTHERS: Final = {
    other.name: other
    for other in (
        Other(
            name="aiosipua",
            packages=("aiosipua", "aiortp", *_AUDIOOP),
            module="tests.bench.calls.others.aiosipua_side",
            note="UDP without ICE and SRTP",
        ),
        Other(
            name="aiortc",
            packages=("aiortc",),
            module="tests.bench.calls.others.aiortc_side",
            note="UDP with ICE and DTLS-SRTP, which it cannot do without",
        ),
        Other(
            name="bare",
            packages=(),
            module="tests.bench.calls.others.bare_side",
            note="no project: sockets, G.711 and a header, the least that a call costs in Python",
        ),
    )
}
