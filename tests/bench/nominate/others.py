"""The agents of others that we are measured against."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ice.types import Role, Transport
from tests.bench.nominate.cases import Case
from tests.peers.ice_peer import IcePeer, PeerRole
from tests.peers.libnice import libnice
from tests.peers.namespace import Namespace
from tests.peers.pion import build, pion
from tests.peers.process import Programs
from tests.peers.registry import PEERS

Starts = Callable[[Programs, PeerRole, bool, Namespace], AbstractAsyncContextManager[IcePeer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """An agent of somebody else.

    Attributes:
        name: as measurements call it.
        start: runs it, with UDP candidates or without.
        dials: it opens TCP connections; else it only listens.
    """

    name: str
    start: Starts
    dials: bool

    def finds(self, case: Case, ours: Role) -> bool:
        """True where it and our side, in the role `ours`, have a path."""
        if case.transport is Transport.TCP and not self.dials:
            return ours in case.dials
        return case.transport is not None


def _start_libnice(
    programs: Programs, role: PeerRole, udp: bool, place: Namespace
) -> AbstractAsyncContextManager[IcePeer]:
    return libnice(programs, role, udp=udp, place=place)


LIBNICE = Other(name="libnice", start=_start_libnice, dials=True)


def pion_from(program: Path) -> Other:
    """Pion, whose program was built."""

    def start(
        programs: Programs, role: PeerRole, udp: bool, place: Namespace
    ) -> AbstractAsyncContextManager[IcePeer]:
        return pion(programs, program, role, udp=udp, place=place)

    return Other(name="pion", start=start, dials=False)


@asynccontextmanager
async def installed(tell: Callable[[str], None]) -> AsyncIterator[list[Other]]:
    """Those that can be used here; the progress tells which are left out."""
    others: list[Other] = []
    with tempfile.TemporaryDirectory(prefix="icephone-pion-") as folder:
        if PEERS["libnice"].present():
            others.append(LIBNICE)
        if PEERS["pion"].present():
            tell("building pion")
            others.append(pion_from(await build(Path(folder), Path(folder))))
        for name in {"libnice", "pion"} - {other.name for other in others}:
            tell(f"{name} is not installed: left out")
        yield others
