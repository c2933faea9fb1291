"""baresip as a phone that plays a tone, records what it hears and is driven over its control connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.certificates import Authority
from tests.peers.kamailio import PASSWORD
from tests.peers.namespace import LOOPBACK, Namespace
from tests.peers.process import PeerError, Program, Programs, free_ports, until
from tests.peers.registrar import Registrar
from tests.peers.registry import find_program

_TEMPLATE = Path(__file__).with_suffix(".config")
_ANSWER_S = 10.0
_RTP_PORTS = 20

_CODECS = {
    "g711": ("pcmu/8000/1", "pcma/8000/1"),
    "g722": ("g722/16000/1",),
    "opus": ("opus/48000/2",),
    "l16": ("l16/16000/1",),
}
"""What the modules are called in its accounts, with the rate of their audio."""


class Baresip:
    """A running phone.

    Attributes:
        user: its name at the proxy.
        host: its address.
        port: its SIP port.
        program: its process.
        events: all events so far, oldest first.
    """

    def __init__(
        self,
        *,
        user: str,
        host: str,
        port: int,
        program: Program,
        recordings: Path,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.user = user
        self.host = host
        self.port = port
        self.program = program
        self.events: list[dict[str, Any]] = []
        self._recordings = recordings
        self._reader = reader
        self._writer = writer
        self._answers: dict[str, dict[str, Any]] = {}
        self._tokens = 0
        self._reading = asyncio.create_task(self._read(), name=f"baresip {user}")

    async def _read(self) -> None:
        """Take netstrings off the control connection: answers and events."""
        while True:
            try:
                length = await self._reader.readuntil(b":")
                text = await self._reader.readexactly(int(length[:-1]) + 1)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            message = json.loads(text[:-1])
            if message.get("response"):
                self._answers[message["token"]] = message
            else:
                self.events.append(message)

    async def command(self, name: str, parameters: str = "") -> str:
        """Carry out a command; what it printed. Raises PeerError where it fails."""
        self._tokens += 1
        token = str(self._tokens)
        message = json.dumps({"command": name, "params": parameters, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(message), message))
        await until(lambda: token in self._answers, f"baresip answers {name}", _ANSWER_S)
        answer = self._answers.pop(token)
        if not answer.get("ok"):
            raise PeerError(f"baresip on {name} {parameters}: {answer.get('data')}")
        return str(answer.get("data", ""))

    async def event(self, kind: str, timeout_s: float = 15.0) -> dict[str, Any]:
        """Wait for an event, e.g. REGISTER_OK or CALL_ESTABLISHED; the first of its kind."""

        def found() -> bool:
            return any(event.get("type") == kind for event in self.events)

        await until(found, f"{self.user} has {kind}", timeout_s)
        return next(event for event in self.events if event.get("type") == kind)

    async def dial(self, uri: str) -> None:
        """Call `uri`; `event("CALL_ESTABLISHED")` tells when it is answered."""
        await self.command("dial", uri)

    async def answer(self) -> None:
        """Take the call that rings (only where it does not answer by itself)."""
        await self.command("accept")

    async def hang_up(self) -> None:
        """End the call and wait until it is closed."""
        await self.command("hangup")
        await self.event("CALL_CLOSED")

    async def recording(self) -> Path:
        """The WAV file with what it heard; complete once the call is closed."""
        await until(lambda: bool(self._heard()), f"{self.user} has a recording")
        return self._heard()[0]

    def _heard(self) -> list[Path]:
        return sorted(self._recordings.glob("dump-*-dec.wav"))

    async def close(self) -> None:
        """Leave the control connection."""
        self._writer.close()
        await self._reading


@asynccontextmanager
async def baresip(
    programs: Programs,
    user: str,
    *,
    source: Path | None,
    proxy: Registrar | None = None,
    transport: str = "udp",
    answers: bool = True,
    password: str = PASSWORD,
    stun: str | None = None,
    protection: str | None = None,
    authority: Authority | None = None,
    contact: str | None = None,
    place: Namespace = LOOPBACK,
    codecs: Sequence[str] = ("g711",),
) -> AsyncIterator[Baresip]:
    """Run a phone; with a `proxy`, it registers there and is ready once it has.

    Args:
        programs: of the test.
        user: its name; a new one for each phone.
        source: WAV file (8 kHz, mono) that it plays in a call; None answers and sends back what it hears.
        proxy: where it registers; None: it takes direct calls only.
        transport: of its SIP, "udp", "tcp" or "tls".
        answers: True to answer calls by itself.
        password: what it answers a challenge with.
        stun: URI of a STUN server; with it, the phone uses ICE.
        protection: its `mediaenc`: "srtp" (keys beside RTP/AVP), "srtp-mand" (RTP/SAVP) or "dtls_srtp".
        authority: whom it trusts and who issues its certificate; then it listens for TLS beside UDP and TCP.
        contact: URI of whom it can write to, with its command "message".
        place: where it runs.
        codecs: its modules for them: "g711", "g722", "opus", "l16".
    """
    host = place.host
    with place.entered():
        sip_port, control_port, rtp_port = free_ports(3, host)
    rtp_port &= ~1
    folder = programs.folder / f"baresip-{user}"
    recordings = folder / "heard"
    recordings.mkdir(parents=True)
    values = {
        "HOST": host,
        "SIP_PORT": str(sip_port),
        "SOURCE": "aubridge,echo" if source is None else f"aufile,{source}",
        "RATE": "48000" if source is None else "8000",
        "ECHO": "module_app echo.so\n" if source is None else "",
        "RTP_PORT": str(rtp_port),
        "RTP_LAST": str(rtp_port + _RTP_PORTS - 1),
        "MODULES": str(_modules()),
        "CONTROL_PORT": str(control_port),
        "CODECS": "".join(f"module {module}.so\n" for module in codecs),
        "RECORDINGS": str(recordings),
        "PROTECTION": "" if protection is None else "module srtp.so\nmodule dtls_srtp.so\n",
    }
    values["TLS"] = "" if authority is None else _tls(authority, folder, host)
    text = _TEMPLATE.read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    (folder / "config").write_text(text, encoding="utf-8")
    address = f"{user}@{proxy.host}:{proxy.port}" if proxy else f"{user}@{host}:{sip_port}"
    account = [
        f"<sip:{address};transport={transport}>",
        f"auth_user={user}",
        f"auth_pass={password}",
        f"answermode={'auto' if answers and source is not None else 'manual'}",
        f"regint={300 if proxy else 0}",
        f"audio_codecs={','.join(name for module in codecs for name in _CODECS[module])}",
        *([] if stun is None else ["medianat=ice", f"stunserver={stun}"]),
        *([] if protection is None else [f"mediaenc={protection}"]),
    ]
    (folder / "accounts").write_text(";".join(account) + "\n", encoding="utf-8")
    known = f"<{contact}>" if contact else ""
    (folder / "contacts").write_text(known and f'"other" {known}\n', encoding="utf-8")
    (folder / "current_contact").write_text(contact or "", encoding="utf-8")
    command = [find_program("baresip") or "baresip", "-f", str(folder), "-v", "-s"]
    program = await programs.start(f"baresip-{user}", [*place.prefix, *command], cwd=folder)

    async def listens() -> bool:
        if program.exit_code is not None:
            raise PeerError(f"baresip ended with {program.exit_code}: {program.text()[-2000:]}")
        return await place.accepts(control_port)

    await until(listens, "baresip listens for its control connection")
    reader, writer = await place.connect(control_port)
    phone = Baresip(
        user=user,
        host=host,
        port=sip_port,
        program=program,
        recordings=recordings,
        reader=reader,
        writer=writer,
    )
    try:
        if proxy:
            await proxy.registered(user)
        yield phone
    finally:
        await program.stop()
        await phone.close()


def _tls(authority: Authority, folder: Path, host: str) -> str:
    """Lines of its configuration; it wants certificate and key in one file."""
    issued = authority.issue(addresses=[host])
    own = folder / "own.pem"
    own.write_bytes(issued.certificate.read_bytes() + issued.key.read_bytes())
    return f"sip_certificate {own}\nsip_cafile {authority.certificate}\n"


def _modules() -> Path:
    """The folder of baresip's modules, which depends on the architecture in later Debian releases."""
    for folder in (Path("/usr/lib/baresip/modules"), *Path("/usr/lib").glob("*/baresip/modules")):
        if folder.is_dir():
            return folder
    raise PeerError("baresip's modules are not below /usr/lib")
