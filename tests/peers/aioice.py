"""aioice in a process of its own: ICE over UDP in Python."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.peers.ice_peer import IcePeer, PeerRole, ice_peer
from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.process import Programs


@asynccontextmanager
async def aioice(
    programs: Programs, role: PeerRole, *, place: Namespace = LOOPBACK
) -> AsyncIterator[IcePeer]:
    """Run an agent with a host candidate of `place`; it has gathered on entry."""
    command = [*place.prefix, sys.executable, "-m", "tests.peers.aioice_peer"]
    command += ["--role", role, "--address", place.host]
    async with ice_peer(programs, "aioice", command) as agent:
        yield agent
