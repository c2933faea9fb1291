"""libnice in a process of its own: ICE over UDP and TCP by somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from tests.peers.ice_peer import IcePeer, PeerRole, ice_peer
from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.process import Programs
from tests.peers.registry import SYSTEM_PYTHON

_SCRIPT = Path(__file__).with_name("libnice_peer.py")


@asynccontextmanager
async def libnice(
    programs: Programs,
    role: PeerRole,
    *,
    udp: bool = True,
    tcp: bool = True,
    nomination: Literal["aggressive", "regular"] = "regular",
    place: Namespace = LOOPBACK,
) -> AsyncIterator[IcePeer]:
    """Run an agent with host candidates of `place`; it has gathered on entry."""
    command = [*place.prefix, SYSTEM_PYTHON, str(_SCRIPT)]
    command += ["--role", role, "--nomination", nomination, "--address", place.host]
    command += ["--no-udp"] * (not udp) + ["--no-tcp"] * (not tcp)
    async with ice_peer(programs, "libnice", command) as agent:
        yield agent
