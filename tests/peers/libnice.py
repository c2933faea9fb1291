"""libnice in a process of its own: ICE over UDP and TCP by somebody else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from tests.peers.process import PeerError, Program, Programs, until
from tests.peers.registry import SYSTEM_PYTHON

_SCRIPT = Path(__file__).with_name("libnice_peer.py")


class Libnice:
    """A running agent that has gathered.

    Attributes:
        ufrag: its user name fragment.
        password: its password.
        candidates: its candidates as "candidate:..." without "a=".
        program: its process.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.ufrag = ""
        self.password = ""
        self.candidates: list[str] = []

    def events(self, kind: str) -> list[dict[str, Any]]:
        """All events of one kind so far, oldest first."""
        lines = self.program.output.read_text(encoding="utf-8").splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if event["event"] == kind]

    async def gathered(self) -> None:
        """Wait for its credentials and candidates."""

        def seen() -> bool:
            if self.program.exit_code is not None:
                raise PeerError(f"libnice ended with {self.program.exit_code}: {self.program.text()[-2000:]}")
            return bool(self.events("local"))

        await until(seen, "libnice gathers")
        local = self.events("local")[0]
        self.ufrag, self.password, self.candidates = local["ufrag"], local["password"], local["candidates"]

    def set_remote(self, ufrag: str, password: str, candidates: Sequence[str]) -> None:
        """Tell it the other side; it starts its checks. Candidates are written "candidate:..."."""
        self._do(do="remote", ufrag=ufrag, password=password, candidates=list(candidates))

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
                raise PeerError(f"libnice failed: {self.states} {self.events('error')}")
            return "ready" in self.states

        await until(seen, "libnice is ready", timeout_s)

    async def got(self, packet: bytes, timeout_s: float = 10.0) -> None:
        """Wait until `packet` has arrived."""
        await until(lambda: packet in self.received, f"libnice receives {packet[:20]!r}", timeout_s)

    def _do(self, **command: object) -> None:
        self.program.write(json.dumps(command).encode() + b"\n")


@asynccontextmanager
async def libnice(
    programs: Programs,
    role: Literal["controlling", "controlled"],
    *,
    udp: bool = True,
    tcp: bool = True,
    nomination: Literal["aggressive", "regular"] = "regular",
    host: str = "127.0.0.1",
    prefix: Sequence[str] = (),
) -> AsyncIterator[Libnice]:
    """Run an agent with host candidates on `host`, its command behind `prefix`; it has gathered on entry."""
    command = [*prefix, SYSTEM_PYTHON, str(_SCRIPT)]
    command += ["--role", role, "--nomination", nomination, "--address", host]
    command += ["--no-udp"] * (not udp) + ["--no-tcp"] * (not tcp)
    program = await programs.start(f"libnice-{role}", command, stdin=True, separate_output=True)
    agent = Libnice(program)
    try:
        await agent.gathered()
        yield agent
    finally:
        await program.stop()
