"""pion (Go) in a process of its own: ICE over UDP and passive TCP, built from Debian's packages."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.peers.ice_peer import IcePeer, PeerRole, ice_peer
from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.process import PeerError, Programs
from tests.peers.registry import GO_PATH, find_program

_SOURCE = Path(__file__).with_name("pion") / "main.go"


async def build(folder: Path, cache: Path) -> Path:
    """Compile the agent, offline; about 15 s with an empty cache, 1 s later. Raises PeerError.

    Args:
        folder: where the program is written.
        cache: folder of the compiler's own, may be shared.
    """
    program = folder / "pion-peer"
    go_env = {
        "GO111MODULE": "off",
        "GOPATH": str(GO_PATH),
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOCACHE": str(cache),
        "CGO_ENABLED": "0",
    }
    with (cache / "one-at-a-time").open("w") as lock:
        # Whoever comes second finds everything in the cache.
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        compiling = await asyncio.create_subprocess_exec(
            *(find_program("go") or "go", "build", "-o", str(program), _SOURCE.name),
            cwd=_SOURCE.parent,
            env={**os.environ, **go_env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        text, _ = await compiling.communicate()
    if compiling.returncode:
        raise PeerError(f"go build: {text.decode(errors='replace')}")
    return program


@pytest_asyncio.fixture
async def pion_program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The program; what the compiler remembers is shared by all tests, also by those of later runs."""
    remembered: pytest.Cache | None = getattr(request.config, "cache", None)
    return await build(tmp_path, remembered.mkdir("go") if remembered else tmp_path)


@asynccontextmanager
async def pion(
    programs: Programs,
    program: Path,
    role: PeerRole,
    *,
    udp: bool = True,
    tcp: bool = True,
    place: Namespace = LOOPBACK,
) -> AsyncIterator[IcePeer]:
    """Run an agent with host candidates of `place`; it has gathered on entry.

    Args:
        programs: of the test.
        program: what `build` made.
        role: its role.
        udp: it has a UDP candidate.
        tcp: it has a passive TCP candidate.
        place: where it runs.
    """
    command: list[str | Path] = [*place.prefix, program, "-role", role, "-address", place.host]
    command += ["-no-udp"] * (not udp) + ["-no-tcp"] * (not tcp)
    async with ice_peer(programs, "pion", command) as agent:
        yield agent
