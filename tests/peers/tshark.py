"""Capturing on loopback and decoding what was captured, with Wireshark's tools."""

from __future__ import annotations

import re
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.process import PeerError, Program, Programs, until
from tests.peers.registry import find_program


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStream:
    """One line of tshark's table of RTP streams.

    Attributes:
        source: "host:port" of the sender, an IPv6 host in brackets.
        destination: the same of the receiver.
        ssrc: e.g. 0x1234ABCD.
        payload: name or number of the payload type, e.g. "g711U".
        packets: packets seen.
        lost: packets that the sequence numbers miss.
    """

    source: str
    destination: str
    ssrc: int
    payload: str
    packets: int
    lost: int


_STREAM = re.compile(
    r"^\s*[\d.]+\s+[\d.]+\s+(?P<source>\S+)\s+(?P<source_port>\d+)\s+(?P<host>\S+)\s+(?P<port>\d+)\s+"
    r"0x(?P<ssrc>[0-9A-Fa-f]{8})\s+(?P<payload>.+?)\s+(?P<packets>\d+)\s+(?P<lost>-?\d+)\s+\(",
    re.MULTILINE,
)


def _address(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Capture:
    """A capture file, complete once its `capture` block has been left."""

    def __init__(self, programs: Programs, file: Path) -> None:
        self.file = file
        self._programs = programs

    async def decode(self, *arguments: str, ports: Sequence[int] = (), protocol: str = "") -> str:
        """Run tshark on the file; what it printed.

        Args:
            arguments: of tshark.
            ports: TCP ports whose content is `protocol`.
            protocol: a dissector, e.g. "rtp" or "stun".
        """
        chosen = [part for port in ports for part in ("-d", f"tcp.port=={port},{protocol}")]
        command = [find_program("tshark") or "tshark", "-r", str(self.file), "-n", *chosen, *arguments]
        program = await self._programs.start("tshark", command, separate_output=True)
        if await program.ended(60):
            raise PeerError(f"tshark: {program.text()}")
        return program.output.read_text(encoding="utf-8")

    async def rtp_streams(self, tcp_ports: Sequence[int]) -> list[RtpStream]:
        """RTP streams in the RFC 4571 frames of TCP connections with these ports."""
        # Version 0 in such a frame is STUN.
        text = await self.decode(
            *("-o", "rtp.version0_type:STUN", "-q", "-z", "rtp,streams"), ports=tcp_ports, protocol="rtp"
        )
        return [
            RtpStream(
                source=_address(found["source"], found["source_port"]),
                destination=_address(found["host"], found["port"]),
                ssrc=int(found["ssrc"], 16),
                payload=found["payload"],
                packets=int(found["packets"]),
                lost=int(found["lost"]),
            )
            for found in _STREAM.finditer(text)
        ]

    async def stun_over_tcp(self, tcp_ports: Sequence[int]) -> list[int]:
        """Types (RFC 8489 §5, e.g. 0x0001 and 0x0101) of the STUN messages in RFC 4571 frames, in order."""
        text = await self.decode(
            "-Y", "stun", "-T", "fields", "-e", "stun.type", ports=tcp_ports, protocol="stun"
        )
        return [int(value, 16) for line in text.splitlines() for value in line.split(",") if value]


@asynccontextmanager
async def capture(programs: Programs, condition: str) -> AsyncIterator[Capture]:
    """Capture on loopback while the block runs.

    A packet of our own, caught at the beginning and another at the end, tells that the capture has begun and
    that nothing before the end is missing.

    Args:
        programs: of the test.
        condition: a capture filter, e.g. "tcp port 4000".
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as marker:
        marker.bind(("127.0.0.1", 0))
        port = marker.getsockname()[1]
        file = programs.folder / f"capture-{port}.pcap"
        command = [find_program("dumpcap") or "dumpcap", "-P", "-q", "-i", "lo", "-w", str(file)]
        program = await programs.start("dumpcap", [*command, "-f", f"({condition}) or (udp port {port})"])
        try:
            await _marked(program, marker, port, file)
            yield Capture(programs, file)
            await _marked(program, marker, port, file)
        finally:
            await program.stop(signal.SIGINT)


async def _marked(program: Program, marker: socket.socket, port: int, file: Path) -> None:
    """Send packets of our own until the file holds one."""
    token = secrets.token_bytes(16)

    def seen() -> bool:
        if program.exit_code is not None:
            raise PeerError(f"dumpcap ended with {program.exit_code}: {program.text()}")
        marker.sendto(token, ("127.0.0.1", port))
        return file.exists() and token in file.read_bytes()

    await until(seen, "the capture sees our own packet")
