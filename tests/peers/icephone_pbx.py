"""`icephone answer --pbx` in a process of its own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.certificates import Issued
from tests.peers.icephone import Icephone, icephone
from tests.peers.kamailio import PASSWORD
from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.process import Programs, until

_NAMES = {("sip", ""): "udp", ("sips", ""): "tls", ("sips", "ws"): "wss"}
"""Transports by the scheme and the parameter of the addresses that it tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IcephonePbx:
    """A running PBX.

    Attributes:
        host: its address.
        port: its port for UDP and TCP.
        ports: those of each transport.
        process: its process.
    """

    host: str
    port: int
    ports: Mapping[str, int]
    process: Icephone

    def uri(self, user: str) -> str:
        """The address of record of a user."""
        return f"sip:{user}@{self.host}:{self.port}"

    def contacts(self, user: str) -> list[str]:
        """Where a user is now."""
        told = [each for each in self.process.objects if each.get("event") == "bindings"]
        return next((each["contacts"] for each in reversed(told) if each["user"] == user), [])

    async def registered(self, user: str) -> str:
        """Wait until a user is registered; its contact."""
        await until(lambda: bool(self.contacts(user)), f"{user} is registered")
        return self.contacts(user)[0]


@asynccontextmanager
async def icephone_pbx(
    programs: Programs,
    *users: str,
    place: Namespace = LOOPBACK,
    algorithms: str = '["MD5"]',
    certificate: Issued | None = None,
    websocket: bool = False,
    media: str = "",
) -> AsyncIterator[IcephonePbx]:
    """Run one for these users.

    Args:
        programs: of the test.
        users: who may register; all with the same password.
        place: where it runs.
        algorithms: how they prove it. baresip 1.0 gives up where another one than MD5 is offered, whatever
            comes after it.
        certificate: its own; with it TLS, WebSockets and both together are there too.
        websocket: WebSockets are there without one.
        media: lines of `[media]`.
    """
    host = place.host
    secrets = programs.folder / "pbx.users"
    secrets.write_text("".join(f"{user}:{PASSWORD}\n" for user in users), encoding="utf-8")
    config = programs.folder / "pbx.toml"
    recordings = programs.folder / "recordings"
    recordings.mkdir(exist_ok=True)
    files = f'users_file = "{secrets}"\nrecordings = "{recordings}"\n'
    own = f'domain = "{host}"\nalgorithms = {algorithms}\n{files}'
    more = "[websocket]\nlisten_port = 0\n" if websocket or certificate is not None else ""
    more += "" if certificate is None else _secure(certificate)
    config.write_text(f"[pbx]\n{own}[media]\n{media}{more}", encoding="utf-8")
    process = await icephone(
        programs, "answer", "--pbx", "--listen", f"{host}:0", config=config, prefix=place.prefix
    )
    await process.program.wrote("a PBX for", 30)
    told = re.findall(
        r"^listening on (sips?):[^:\s]+:(\d+)(?:;transport=(\w+))?", process.program.text(), re.MULTILINE
    )
    ports = {_NAMES.get((scheme, named), named): int(port) for scheme, port, named in told}
    yield IcephonePbx(host=host, port=ports["udp"], ports=ports, process=process)
    assert await process.interrupt() == 130
    assert "Traceback" not in process.program.text()


def _secure(certificate: Issued) -> str:
    """Lines of its configuration, after those of WebSockets."""
    files = f'certificate = "{certificate.certificate}"\nkey = "{certificate.key}"\n'
    return f"secure_listen_port = 0\n[tls]\n{files}"
