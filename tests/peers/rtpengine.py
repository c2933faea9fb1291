"""rtpengine: relays the media of calls, as the proxy before it tells it."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.process import PeerError, Program, Programs, free_ports, until
from tests.peers.registry import find_program

_MEDIA_PORTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpEngine:
    """A running relay.

    Attributes:
        host: address that media goes through.
        port: UDP port of its control protocol, on `host`.
        program: its process; what it does for each call stands in its log.
    """

    host: str
    port: int
    program: Program


@asynccontextmanager
async def rtpengine(programs: Programs, *, place: Namespace = LOOPBACK) -> AsyncIterator[RtpEngine]:
    """Run a relay, in user space, with nothing kept between calls.

    Args:
        programs: of the test.
        place: where it runs, and what it relays at.
    """
    with place.entered():
        (port,) = free_ports(1, place.host)
    first, last = media_ports()
    options = [
        "--config-file=none",
        "--table=-1",
        f"--interface={place.host}",
        f"--listen-ng={place.host}:{port}",
        f"--port-min={first}",
        f"--port-max={last}",
        "--no-redis-required",
    ]
    async with running(programs, options, port, place) as relay:
        yield relay


def media_ports() -> tuple[int, int]:
    """The first and the last port that one may relay at."""
    # Ports of a call that is over are kept for half a minute.
    first = 20000 + secrets.randbelow(12) * _MEDIA_PORTS
    return first, first + _MEDIA_PORTS - 1


@asynccontextmanager
async def running(
    programs: Programs, options: Sequence[str], port: int, place: Namespace = LOOPBACK
) -> AsyncIterator[RtpEngine]:
    """Run one with these options; `port` is that of its control protocol."""
    host = place.host
    command = [find_program("rtpengine") or "rtpengine", *options, "--foreground", "--log-stderr"]
    command += ["--log-level=6", "--num-threads=2"]
    program = await programs.start("rtpengine", [*place.prefix, *command])
    with place.entered():
        control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with control:
        control.setblocking(False)
        control.connect((host, port))

        async def answers() -> bool:
            if program.exit_code is not None:
                raise PeerError(f"rtpengine ended with {program.exit_code}: {program.text()[-2000:]}")
            try:
                control.send(b"cookie d7:command4:pinge")
                reply = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(control, 100), 0.5)
            except (OSError, TimeoutError):
                return False
            return b"pong" in reply

        await until(answers, "rtpengine answers")
    try:
        yield RtpEngine(host=host, port=port, program=program)
    finally:
        await program.stop()
