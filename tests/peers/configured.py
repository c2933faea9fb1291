"""Kamailio, rtpengine and coturn with the files of `configs/pbx`, changed as whoever copies them would."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.certificates import Authority
from tests.peers import coturn as turn
from tests.peers import kamailio as proxy
from tests.peers import rtpengine as relay
from tests.peers.coturn import Coturn
from tests.peers.kamailio import Kamailio
from tests.peers.process import Programs, free_ports
from tests.peers.registry import find_program
from tests.peers.rtpengine import RtpEngine

FOLDER: Final = Path(__file__).parents[2] / "configs" / "pbx"
DOMAIN: Final = "pbx.example"
HOST: Final = "127.0.0.1"

TURN_NAME: Final = "turn.example"
TURN_USER, TURN_PASSWORD = "icephone", "change-me"


def password(user: str) -> str:
    """The password of a user in the files for Kamailio."""
    return f"change-me-{user}"


def changed(file: Path, changes: Mapping[str, str]) -> str:
    """The text of a file with these words changed; each must be there."""
    text = file.read_text(encoding="utf-8")
    for before, after in changes.items():
        if before not in text:
            raise ValueError(f"{file} does not have {before}")
        text = text.replace(before, after)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredKamailio(Kamailio):
    """A proxy for the users 1001 to 1003 of pbx.example."""

    def uri(self, user: str) -> str:
        """The address of record of a user."""
        return f"sip:{user}@{DOMAIN}"


@asynccontextmanager
async def configured_kamailio(
    programs: Programs, authority: Authority, *, media: str, rtpengine: RtpEngine | None = None
) -> AsyncIterator[ConfiguredKamailio]:
    """Run `kamailio.cfg`, or `kamailio-rtpengine.cfg`.

    Args:
        programs: of the test.
        authority: issues its certificate.
        media: host and port of what the numbers with media are relayed to.
        rtpengine: what media goes through; None lets it go from phone to phone.
    """
    port, tls, ws, wss = free_ports(4, HOST)
    # The path of a socket has at most about 100 characters: not in the folder of the test.
    with tempfile.TemporaryDirectory(prefix="kamailio-") as name:
        folder = Path(name)
        own = authority.issue(dns=[DOMAIN], addresses=[HOST])
        certificate = {"/etc/kamailio/pbx.example.pem": str(own.certificate)}
        certificate["/etc/kamailio/pbx.example.key"] = str(own.key)
        (folder / "tls.cfg").write_text(changed(FOLDER / "kamailio" / "tls.cfg", certificate))
        text = changed(
            FOLDER / "kamailio" / "kamailio.cfg",
            {
                "192.0.2.10:5060": f"{HOST}:{port}",
                "192.0.2.10:5061": f"{HOST}:{tls}",
                "192.0.2.10:5080": f"{HOST}:{ws}",
                "192.0.2.10:5443": f"{HOST}:{wss}",
                '"!MEDIA_SERVER!127.0.0.1:5070!': f'"!MEDIA_SERVER!{media}!',
                "/etc/kamailio/tls.cfg": str(folder / "tls.cfg"),
                "/run/kamailio/": f"{folder}/",
            },
        )
        (folder / "kamailio.cfg").write_text(text, encoding="utf-8")
        config = folder / "kamailio.cfg"
        if rtpengine is not None:
            config = folder / "kamailio-rtpengine.cfg"
            where = f"udp:{rtpengine.host}:{rtpengine.port}"
            config.write_text(changed(FOLDER / "kamailio" / config.name, {"udp:127.0.0.1:2223": where}))
        program = await proxy.start(programs, config)
        running = ConfiguredKamailio(
            host=HOST,
            port=port,
            program=program,
            control=folder / "jsonrpc.sock",
            ports={"tls": tls, "ws": ws, "wss": wss},
        )
        try:
            await proxy.ready(running)
            yield running
        finally:
            await program.stop()


@asynccontextmanager
async def configured_rtpengine(programs: Programs) -> AsyncIterator[RtpEngine]:
    """Run `rtpengine.conf`."""
    (port,) = free_ports(1, HOST)
    first, last = relay.media_ports()
    changes = {
        "interface = 192.0.2.10": f"interface = {HOST}",
        "127.0.0.1:2223": f"{HOST}:{port}",
        "port-min = 30000": f"port-min = {first}",
        "port-max = 30999": f"port-max = {last}",
    }
    config = programs.folder / f"rtpengine-{secrets.token_hex(4)}.conf"
    config.write_text(changed(FOLDER / "kamailio" / "rtpengine.conf", changes), encoding="utf-8")
    async with relay.running(programs, [f"--config-file={config}"], port) as running:
        yield running


@asynccontextmanager
async def configured_coturn(programs: Programs, authority: Authority) -> AsyncIterator[Coturn]:
    """Run `turnserver.conf`; peers may be on this host, as all are in a test."""
    port, tls_port = free_ports(2, HOST)
    own = authority.issue(dns=[TURN_NAME])
    with tempfile.TemporaryDirectory(prefix="coturn-") as name:
        folder = Path(name)
        text = changed(
            FOLDER / "coturn" / "turnserver.conf",
            {
                "ip=192.0.2.20": f"ip={HOST}",
                "listening-port=3478": f"listening-port={port}",
                "tls-listening-port=443": f"tls-listening-port={tls_port}",
                "/etc/turnserver/turn.example.pem": str(own.certificate),
                "/etc/turnserver/turn.example.key": str(own.key),
                "/run/turnserver/": f"{folder}/",
                "/var/lib/turn/": f"{folder}/",
            },
        )
        # Without a password of its console it takes no loopback peers.
        text += f"allow-loopback-peers\ncli-password={TURN_PASSWORD}\n"
        config = folder / "turnserver.conf"
        config.write_text(text, encoding="utf-8")
        command = [find_program("turnserver") or "turnserver", "-c", str(config)]
        program = await programs.start("coturn", command, cwd=folder)
        # Beside the folder, which is gone with the server.
        certificate = Path(shutil.copy(authority.certificate, programs.folder / "turn-authority.pem"))
        running = Coturn(
            host=HOST,
            port=port,
            tls_port=tls_port,
            certificate=certificate,
            program=program,
            user=TURN_USER,
            secret=TURN_PASSWORD,
            name=TURN_NAME,
        )
        try:
            await turn.ready(running)
            yield running
        finally:
            await program.stop()
