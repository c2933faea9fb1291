"""SIPp with its bundled scenarios, and with those of sipp_scenarios/."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.peers.process import PeerError, Program, Programs, free_ports, until
from tests.peers.registry import find_program

Transport = Literal["udp", "tcp"]

SCENARIOS = Path(__file__).parent / "sipp_scenarios"

_MODE = {"udp": "u1", "tcp": "t1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SippResult:
    """How a run of SIPp ended.

    Attributes:
        exit_code: 0 where all calls were as the scenario wants.
        successful: calls that were.
        failed: calls that were not.
    """

    exit_code: int
    successful: int
    failed: int


class Sipp:
    """A running SIPp.

    Attributes:
        host: its address.
        port: its SIP port.
        program: its process.
    """

    def __init__(self, *, host: str, port: int, program: Program, statistics: Path) -> None:
        self.host = host
        self.port = port
        self.program = program
        self._statistics = statistics

    async def finished(self, timeout_s: float = 30.0) -> SippResult:
        """Wait until its calls are over; raises PeerError after `timeout_s` seconds."""
        code = await self.program.ended(timeout_s)
        if not self._statistics.exists():
            raise PeerError(f"SIPp ended with {code} and no statistics: {self.program.text()[-2000:]}")
        with self._statistics.open(encoding="utf-8", newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        return SippResult(
            exit_code=code, successful=int(last["SuccessfulCall(C)"]), failed=int(last["FailedCall(C)"])
        )


async def sipp(
    programs: Programs,
    scenario: Literal["uac", "uas"],
    *,
    target: str = "",
    user: str = "service",
    calls: int = 1,
    pause_ms: int = 500,
    transport: Transport = "udp",
    host: str = "127.0.0.1",
    script: str = "",
    extra: Sequence[str] = (),
    file: Path | None = None,
) -> Sipp:
    """Start a scenario.

    Args:
        programs: of the test.
        scenario: "uac" calls, "uas" answers; it is ready to answer on return.
        target: "host:port" that "uac" calls.
        user: the user that it calls.
        calls: how many calls, one after the other.
        pause_ms: how long "uac" stays in a call.
        transport: of its SIP.
        host: its address.
        script: name of a file of sipp_scenarios/ to play instead of the bundled scenario of that role.
        extra: further arguments.
        file: a scenario elsewhere, which calls or answers as `scenario` says.
    """
    port, media_port, control_port = free_ports(3, host)
    statistics = programs.folder / f"sipp-{port}.csv"
    played = SCENARIOS / f"{script}.xml" if script else file
    command = [
        find_program("sipp") or "sipp",
        *(["-sn", scenario] if played is None else ["-sf", str(played)]),
        *(["-t", _MODE[transport]]),
        *(["-i", host, "-p", str(port), "-mp", str(media_port & ~1), "-cp", str(control_port)]),
        *(["-m", str(calls), "-l", "1", "-d", str(pause_ms), "-reconnect_close", "false"]),
        *(["-nostdin", "-trace_stat", "-stf", str(statistics), "-fd", "1", "-trace_err", "-trace_msg"]),
        *(["-message_file", str(statistics.with_suffix(".messages"))]),
        *(["-error_file", str(statistics.with_suffix(".errors"))]),
        *extra,
    ]
    if scenario == "uac":
        command += ["-s", user, target]
    program = await programs.start(f"sipp-{scenario}", command)
    running = Sipp(host=host, port=port, program=program, statistics=statistics)
    if scenario == "uas":
        await until(lambda: _bound(port, transport), "SIPp listens")
    return running


def _bound(port: int, transport: Transport) -> bool:
    """True where a local socket is bound to `port` (a TCP one: listens), as the kernel tells."""
    listening = f":{port:04X} 00000000:0000 {'0A' if transport == 'tcp' else '07'}"
    return listening in Path(f"/proc/net/{transport}").read_text(encoding="ascii")
