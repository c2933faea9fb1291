"""An ICE agent of somebody else in a process of its own, which speaks JSON lines.

The lines are described in `tests/peers/libnice_peer.py`; `libnice`, `pion` and `aioice` make such agents.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from ice.types import Credentials, Description
from sdp.attributes.candidate_attr import format_candidate, parse_candidate
from tests.peers.process import PeerError, Program, Programs, until

_ROOT = Path(__file__).resolve().parents[2]

PeerRole = Literal["controlling", "controlled"]


class IcePeer:
    """A running agent.

    Attributes:
        ufrag: its user name fragment; empty until it has gathered, as what follows.
        password: its password.
        candidates: its candidates as "candidate:..." without "a=".
        program: its process.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.ufrag = ""
        self.password = ""
        self.candidates: list[str] = []

    @property
    def name(self) -> str:
        """Of its process, for people."""
        return self.program.name

    def events(self, kind: str) -> list[dict[str, Any]]:
        """All events of one kind so far, oldest first."""
        lines = self.program.output.read_text(encoding="utf-8").splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if event["event"] == kind]

    async def gathered(self) -> None:
        """Wait for its credentials and candidates."""

        def seen() -> bool:
            if self.program.exit_code is not None:
                raise PeerError(
                    f"{self.name} ended with {self.program.exit_code}: {self.program.text()[-2000:]}"
                )
            return bool(self.events("local"))

        await until(seen, f"{self.name} gathers")
        local = self.events("local")[0]
        self.ufrag, self.password, self.candidates = local["ufrag"], local["password"], local["candidates"]

    def set_remote(self, ufrag: str, password: str, candidates: Sequence[str]) -> None:
        """Tell it the other side; it starts its checks. Candidates are written "candidate:..."."""
        self._do(do="remote", ufrag=ufrag, password=password, candidates=list(candidates))

    @property
    def description(self) -> Description:
        """What it tells its peer."""
        return Description(
            credentials=Credentials(ufrag=self.ufrag, password=self.password),
            candidates=tuple(parse_candidate(line.removeprefix("candidate:")) for line in self.candidates),
            options=frozenset(),
        )

    def tell(self, description: Description) -> None:
        """Tell it the description of the other side; it starts its checks."""
        credentials = description.credentials
        lines = [f"candidate:{format_candidate(candidate)}" for candidate in description.candidates]
        self.set_remote(credentials.ufrag, credentials.password, lines)

    def send(self, packet: bytes) -> None:
        """Send one packet over the selected pair."""
        self._do(do="send", data=packet.hex())

    @property
    def states(self) -> list[str]:
        """The states that its component went through."""
        return [event["state"] for event in self.events("state")]

    @property
    def received(self) -> list[bytes]:
        """All packets that arrived."""
        return [bytes.fromhex(event["data"]) for event in self.events("data")]

    @property
    def pair(self) -> tuple[str, str] | None:
        """Local and remote candidate of the pair that it selected last."""
        pairs = self.events("pair")
        return (pairs[-1]["local"], pairs[-1]["remote"]) if pairs else None

    async def ready(self, timeout_s: float = 20.0) -> None:
        """Wait until its component is ready; raises PeerError where it fails."""

        def seen() -> bool:
            if "failed" in self.states:
                raise PeerError(f"{self.name} failed: {self.states} {self.events('error')}")
            return "ready" in self.states

        await until(seen, f"{self.name} is ready", timeout_s)

    async def got(self, packet: bytes, timeout_s: float = 10.0) -> None:
        """Wait until `packet` has arrived."""
        await until(lambda: packet in self.received, f"{self.name} receives {packet[:20]!r}", timeout_s)

    def _do(self, **command: object) -> None:
        self.program.write(json.dumps(command).encode() + b"\n")


@asynccontextmanager
async def ice_peer(programs: Programs, name: str, command: Sequence[str | Path]) -> AsyncIterator[IcePeer]:
    """Run an agent in the folder of the project; it has gathered on entry."""
    program = await programs.start(name, command, cwd=_ROOT, stdin=True, separate_output=True)
    agent = IcePeer(program)
    try:
        await agent.gathered()
        yield agent
    finally:
        await program.stop()
