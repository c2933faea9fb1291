"""Kamailio as registrar and proxy: digest, location in memory, Record-Route; UDP, TCP, TLS, WS and WSS."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.certificates import Issued
from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.process import PeerError, Program, Programs, free_ports, until
from tests.peers.registry import find_program
from tests.peers.rtpengine import RtpEngine

PASSWORD = "open-sesame"
"""The password of every user."""

_TEMPLATE = Path(__file__).with_suffix(".cfg")
_TLS = """[server:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
private_key = {}
certificate = {}
[client:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
"""
_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kamailio:
    """A running proxy.

    Attributes:
        host: address that it listens on.
        port: port for UDP and TCP.
        ports: those of TLS, WebSockets and WebSockets over TLS; empty without a certificate.
        program: its process.
        control: path of its control socket, reachable from every network namespace.
    """

    host: str
    port: int
    program: Program
    control: Path
    ports: Mapping[str, int] = field(default_factory=dict)

    def uri(self, user: str) -> str:
        """The address of record of `user`; any name is a user."""
        return f"sip:{user}@{self.host}:{self.port}"

    async def ask(self, method: str, *arguments: str) -> Any:
        """Call one of its management commands; raises PeerError where it reports an error."""
        own = self.control.with_name(f"ask-{secrets.token_hex(4)}")
        loop = asyncio.get_running_loop()
        question = {"jsonrpc": "2.0", "method": method, "params": arguments, "id": 1}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            asking.bind(str(own))
            try:
                asking.connect(str(self.control))
                await loop.sock_sendall(asking, json.dumps(question).encode())
                answer = json.loads(await asyncio.wait_for(loop.sock_recv(asking, 1 << 16), _ANSWER_S))
            finally:
                own.unlink()
        if "error" in answer:
            raise PeerError(f"Kamailio on {method}: {answer['error']}")
        return answer["result"]

    async def location(self, user: str) -> list[str]:
        """Contact URIs under which `user` is registered."""
        try:
            found = await self.ask("ul.lookup", "location", user)
        except PeerError as error:
            if "AOR not found" in str(error):
                return []
            raise
        return [entry["Contact"]["Address"] for entry in found["Contacts"]]

    async def registered(self, user: str, timeout_s: float = 10.0) -> str:
        """Wait until `user` has a contact; that contact."""

        async def found() -> bool:
            return bool(await self.location(user))

        await until(found, f"{user} is registered", timeout_s)
        return (await self.location(user))[0]


@asynccontextmanager
async def kamailio(
    programs: Programs,
    *,
    place: Namespace = LOOPBACK,
    port: int | None = None,
    again: Kamailio | None = None,
    certificate: Issued | None = None,
    relay: RtpEngine | None = None,
    relay_offers: str = "",
    presence: bool = False,
) -> AsyncIterator[Kamailio]:
    """Run a proxy.

    Args:
        programs: of the test.
        place: where it runs and listens.
        port: for UDP and TCP; None takes a free one.
        again: one that has ended, whose ports it takes instead.
        certificate: its own; with it TLS, WebSockets (path "/ws") and both together are there too.
        relay: what the media of all calls goes through.
        relay_offers: what it makes of the first offer of a call, in the words of its Kamailio module, e.g.
            "ICE=remove"; answers are translated back.
        presence: True to tell of waiting messages, which others publish.
    """
    with place.entered():
        free = free_ports(4, place.host)
    chosen = free[3] if port is None else port
    ports = {} if certificate is None else dict(zip(("tls", "ws", "wss"), free[:3], strict=True))
    if again is not None:
        chosen, ports = again.port, dict(again.ports)
    # The path of a socket has at most about 100 characters: not in the folder of the test.
    with tempfile.TemporaryDirectory(prefix="kamailio-") as name:
        folder = Path(name)
        control = folder / "control"
        values = {"HOST": place.host, "PORT": str(chosen), "PASSWORD": PASSWORD, "SOCKET": str(control)}
        values |= {"DEFINE": "", "RELAY_OFFERS": relay_offers}
        if certificate is not None:
            secure = folder / "tls.cfg"
            secure.write_text(_TLS.format(certificate.key, certificate.certificate), encoding="utf-8")
            values |= {f"{name.upper()}_PORT": str(number) for name, number in ports.items()}
            values |= {"DEFINE": "#!define SECURE\n", "TLS_CONFIG": str(secure)}
        if relay is not None:
            values |= {"RELAY": f"{relay.host}:{relay.port}", "DEFINE": values["DEFINE"] + "#!define RELAY\n"}
        if presence:
            values["DEFINE"] += "#!define PRESENCE\n"
        text = _TEMPLATE.read_text(encoding="utf-8")
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        config = folder / "kamailio.cfg"
        config.write_text(text, encoding="utf-8")
        program = await start(programs, config, place)
        proxy = Kamailio(host=place.host, port=chosen, program=program, control=control, ports=ports)
        try:
            await ready(proxy)
            yield proxy
        finally:
            await program.stop()


async def start(programs: Programs, config: Path, place: Namespace = LOOPBACK) -> Program:
    """Run one with this configuration; its sockets and process numbers are in the same folder."""
    folder = config.parent
    command = [find_program("kamailio") or "kamailio", "-DD", "-E", "-m", "64", "-M", "8"]
    options = ["-f", str(config), "-Y", str(folder), "-P", str(folder / "pid")]
    return await programs.start("kamailio", [*place.prefix, *command, *options], cwd=folder)


async def ready(proxy: Kamailio) -> None:
    """Wait until it answers; raises PeerError where it has ended."""
    program = proxy.program

    async def answers() -> bool:
        if program.exit_code is not None:
            raise PeerError(f"Kamailio ended with {program.exit_code}: {program.text()[-2000:]}")
        try:
            return bool(await proxy.ask("core.version"))
        except (OSError, TimeoutError):
            return False

    await until(answers, "Kamailio answers")
