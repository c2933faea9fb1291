"""Janus: a WebRTC gateway on libnice, ICE-lite with TCP; its echo test answers an offer of ours."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.peers.namespace import Namespace
from tests.peers.process import PeerError, Program, Programs, free_ports, until
from tests.peers.registry import find_program

_ANSWER_S = 10.0

_MODULES = (("plugins", "libjanus_echotest.so"), ("transports", "libjanus_http.so"))
"""What it loads of all that is installed, by folder."""

_MAIN = """
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{folder}/plugins"
    transports_folder = "{folder}/transports"
    events_folder = "{folder}/events"
    loggers_folder = "{folder}/loggers"
    debug_level = 5
    debug_colors = false
}}
certificates: {{ }}
media: {{ ipv6 = false }}
nat: {{
    ice_lite = true
    ice_tcp = true
    full_trickle = false
}}
"""

_HTTP = """
general: {{
    json = "compact"
    base_path = "/janus"
    http = true
    port = {port}
    ip = "{host}"
    https = false
}}
admin: {{ admin_http = false }}
"""


class Janus:
    """A session at a running gateway.

    Attributes:
        program: its process.
        events: what it told without being asked, oldest first.
    """

    def __init__(self, program: Program, place: Namespace, port: int) -> None:
        self.program = program
        self.events: list[dict[str, Any]] = []
        self._place = place
        self._port = port
        self._path = "/janus"

    async def _ask(self, what: str, **values: object) -> int:
        """Carry out a request; the number of what it made. Raises PeerError where it is refused."""
        request = {"janus": what, "transaction": secrets.token_hex(6), **values}
        answer = await self._exchange("POST", self._path, json.dumps(request).encode())
        if answer["janus"] not in ("success", "ack"):
            raise PeerError(f"Janus on {what}: {answer}")
        return int(answer.get("data", {}).get("id", 0))

    async def _exchange(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        reader, writer = await self._place.connect(self._port)
        try:
            # An answer in one piece: HTTP 1.0 knows no chunks.
            writer.write(f"{method} {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            _, _, answer = (await asyncio.wait_for(reader.read(), _ANSWER_S)).partition(b"\r\n\r\n")
        finally:
            writer.close()
        found: dict[str, Any] = json.loads(answer)
        return found

    async def ready(self) -> bool:
        """True once it answers."""
        if self.program.exit_code is not None:
            raise PeerError(f"Janus ended with {self.program.exit_code}: {self.program.text()[-2000:]}")
        try:
            return bool((await self._exchange("GET", "/janus/info"))["ice-tcp"])
        except (OSError, ValueError):
            return False

    async def echo(self, offer: str) -> str:
        """Offer a stream to the echo test; its answer."""
        self._path = f"/janus/{await self._ask('create')}"
        session = self._path
        self._path += f"/{await self._ask('attach', plugin='janus.plugin.echotest')}"
        jsep = {"type": "offer", "sdp": offer, "trickle": False}
        await self._ask("message", body={"audio": True, "video": False}, jsep=jsep)
        event = await self._event(session, lambda event: "jsep" in event)
        return str(event["jsep"]["sdp"])

    async def up(self) -> None:
        """Wait until it says that ICE and DTLS are done."""
        session = self._path.rpartition("/")[0]
        await self._event(session, lambda event: event["janus"] == "webrtcup")

    async def _event(self, session: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event that is wanted; raises TimeoutError where none comes."""
        async with asyncio.timeout(_ANSWER_S):
            while not any(map(wanted, self.events)):
                self.events.append(await self._exchange("GET", f"{session}?maxev=1"))
        return next(filter(wanted, self.events))


@asynccontextmanager
async def janus(programs: Programs, place: Namespace) -> AsyncIterator[Janus]:
    """Run a gateway; its candidates are those of all interfaces of `place` but loopback."""
    with place.entered():
        (port,) = free_ports(1, place.host)
    folder = programs.folder / "janus"
    folder.mkdir()
    _configure(folder, place.host, port)
    command = [*place.prefix, find_program("janus") or "janus", "-F", str(folder), "-o"]
    program = await programs.start("janus", command, cwd=folder)

    gateway = Janus(program, place, port)
    try:
        await until(gateway.ready, "Janus answers")
        yield gateway
    finally:
        await program.stop()


def _configure(folder: Path, host: str, port: int) -> None:
    (installed,) = Path("/usr/lib").glob("*/janus")
    for kind, module in _MODULES:
        (folder / kind).mkdir()
        (folder / kind / module).symlink_to(installed / kind / module)
    for kind in ("events", "loggers"):
        (folder / kind).mkdir()
    (folder / "janus.jcfg").write_text(_MAIN.format(folder=folder), encoding="utf-8")
    (folder / "janus.transport.http.jcfg").write_text(_HTTP.format(host=host, port=port), encoding="utf-8")
