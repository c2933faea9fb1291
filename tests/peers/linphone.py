"""linphonec as a phone that plays a tone, records what it hears and is driven by the lines that it reads.

It tells what happens only in words for people, which is what the tests wait for.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.peers.kamailio import PASSWORD, Kamailio
from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.process import PeerError, Program, Programs, free_ports, until
from tests.peers.registry import find_program

_TEMPLATE = Path(__file__).with_suffix(".config")
_ICE = """firewall_policy=3
nat_policy_ref=ice
[nat_policy_0]
ref=ice
protocols=ice
"""


class Linphone:
    """A running phone.

    Attributes:
        user: its name.
        host: its address.
        port: its SIP port, for UDP and for TCP.
        program: its process; what it tells people is in its log.
        recording: WAV file with what it heard in its last call; complete once that is over.
        trace: file with everything that it does, SIP messages and session descriptions among it.
    """

    def __init__(
        self, *, user: str, host: str, port: int, program: Program, recording: Path, trace: Path
    ) -> None:
        self.user = user
        self.host = host
        self.port = port
        self.program = program
        self.recording = recording
        self.trace = trace

    def uri(self, transport: str = "udp") -> str:
        """Where it is called directly."""
        return f"sip:{self.user}@{self.host}:{self.port};transport={transport}"

    def command(self, line: str) -> None:
        """Type a line, e.g. "call sip:bob@192.0.2.1"; a single digit presses that key in a call."""
        self.program.write(line.encode() + b"\n")

    async def enable(self, codec: str) -> None:
        """Offer and take a codec that it has, e.g. "G722", beside those that it offers anyway."""
        self.command("codec list")
        listed = rf"(\d+): {re.escape(codec)} \("
        await self.tells(listed)
        for number in dict.fromkeys(re.findall(listed, self.program.text())):
            self.command(f"codec enable {number}")
            await self.tells(rf"\b{number}: {re.escape(codec)} \(\d+\) enabled")

    async def tells(self, pattern: str, times: int = 1, timeout_s: float = 10.0) -> None:
        """Wait until it has told so often something that matches `pattern`."""

        def told() -> bool:
            if self.program.exit_code is not None:
                raise PeerError(f"linphonec ended with {self.program.exit_code}")
            return len(re.findall(pattern, self.program.text())) >= times

        await until(told, f"{self.user} tells {pattern!r}", timeout_s)

    async def connected(self, times: int = 1) -> None:
        """Wait until so many calls have been answered."""
        await self.tells(r"Call \d+ with .* connected\.", times)

    async def over(self) -> None:
        """Wait until its recording is complete."""

        def closed() -> bool:
            return "AUDIO SESSION'S RTP STATISTICS" in self.trace.read_text(
                encoding="utf-8", errors="replace"
            )

        await until(closed, f"{self.user} has stopped its media")


@asynccontextmanager
async def linphone(
    programs: Programs,
    user: str,
    *,
    source: Path,
    proxy: Kamailio | None = None,
    transport: str = "udp",
    answers: bool = True,
    ice: bool = False,
    sip: Mapping[str, int] | None = None,
    place: Namespace = LOOPBACK,
) -> AsyncIterator[Linphone]:
    """Run a phone; with a `proxy`, it registers there and is ready once it has.

    Args:
        programs: of the test.
        user: its name; a new one for each phone.
        source: WAV file (mono) that it plays in a call.
        proxy: where it registers; None: it takes direct calls only.
        transport: of its SIP towards the proxy, "udp" or "tcp".
        answers: True to answer calls by itself.
        ice: True where it gathers candidates; it takes none of loopback.
        sip: further settings in `[sip]`.
        place: where it runs.
    """
    host = place.host
    with place.entered():
        sip_port, rtp_port = free_ports(2, host)
    folder = programs.folder / f"linphone-{user}"
    home = folder / "home"
    for inside in (".local/share/linphone", ".config/linphone"):
        (home / inside).mkdir(parents=True)
    values = {
        "USER": user,
        "HOST": host,
        "CONTACT": f"sip:{user}@{host}",
        "SIP_PORT": str(sip_port),
        "RTP_PORT": str(rtp_port & ~1),
        "SIP": "".join(f"{key}={value}\n" for key, value in {**_DIGITS, **(sip or {})}.items()),
        "NAT": _ICE if ice else "",
        "PROXY": "" if proxy is None else _account(user, proxy, transport),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    config, trace, recording = folder / "linphonerc", folder / "trace", folder / "heard.wav"
    config.write_text(text, encoding="utf-8")
    command = [find_program("linphonec") or "linphonec", "-c", str(config), "-d", "6", "-l", str(trace)]
    program = await programs.start(
        f"linphone-{user}",
        [*place.prefix, *command, *(["-a"] if answers else [])],
        cwd=folder,
        environment={"HOME": str(home)},
        stdin=True,
    )
    phone = Linphone(user=user, host=host, port=sip_port, program=program, recording=recording, trace=trace)
    try:
        for line in ("soundcard use files", f"play {source}", f"record {recording}", "ports"):
            phone.command(line)
        await phone.tells(f"sip port = {sip_port}")
        if proxy:
            await proxy.registered(user)
        yield phone
    finally:
        await program.stop()


_DIGITS: Final = {"use_info": 1, "use_rfc2833": 0}
"""By INFO alone, where nothing else is asked for."""


def _account(user: str, proxy: Kamailio, transport: str) -> str:
    return f"""[proxy_0]
reg_proxy=<sip:{proxy.host}:{proxy.port};transport={transport}>
reg_identity=<{proxy.uri(user)}>
reg_expires=300
reg_sendregister=1
publish=0
[auth_info_0]
username={user}
passwd={PASSWORD}
domain={proxy.host}
realm={proxy.host}
"""
