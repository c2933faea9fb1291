"""The real command line in a process of its own."""

from __future__ import annotations

import json
import signal
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.peers.kamailio import PASSWORD
from tests.peers.process import PeerError, Program, Programs, until
from tests.peers.registrar import Registrar

ROOT = Path(__file__).resolve().parents[2]


class Icephone:
    """A running `icephone ... --json`.

    Attributes:
        program: its process.
    """

    def __init__(self, program: Program) -> None:
        self.program = program

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects that it has printed so far."""
        lines = self.program.output.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    @property
    def results(self) -> list[dict[str, Any]]:
        """Those objects that say how something ended."""
        return [each for each in self.objects if "result" in each]

    async def noted(self, beginning: str, timeout_s: float = 30.0) -> str:
        """Wait for a line of progress that begins so; what follows in it."""
        await self.program.wrote(beginning, timeout_s)
        await until(lambda: "\n" in self.program.text().partition(beginning)[2], f"a line with {beginning}")
        return self.program.text().partition(beginning)[2].partition("\n")[0].strip()

    async def result(self, timeout_s: float = 40.0, *, exit_code: int = 0) -> dict[str, Any]:
        """Wait until it ends with `exit_code`; the result that it printed last."""
        code = await self.program.ended(timeout_s)
        if code != exit_code or not self.results:
            raise PeerError(f"icephone ended with {code}: {self.objects} {self.program.text()[-2000:]}")
        return self.results[-1]

    async def interrupt(self) -> int:
        """Press Ctrl-C; the exit code."""
        return await self.program.stop(signal.SIGINT)


def command() -> list[str]:
    """What starts the command line: the installed command, or its entry point where it is not installed."""
    installed = Path(sys.executable).with_name("icephone")
    if installed.exists():
        return [str(installed)]
    return [
        sys.executable,
        "-c",
        "import sys; from ua.cli.main import main; sys.argv[0] = 'icephone'; main()",
    ]


async def icephone(
    programs: Programs, *arguments: str | Path, config: Path | None = None, prefix: Sequence[str] = ()
) -> Icephone:
    """Start it with `arguments` and --json.

    Args:
        programs: of the test.
        arguments: the command and its options.
        config: configuration file; without one nothing is configured.
        prefix: command that runs it elsewhere, e.g. in a network namespace.
    """
    environment = {
        "ICEPHONE_CONFIG": str(config or empty_config(programs.folder)),
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
    }
    program = await programs.start(
        f"icephone-{arguments[0]}",
        [*prefix, *command(), *map(str, arguments), "--json"],
        environment=environment,
        separate_output=True,
    )
    return Icephone(program)


def empty_config(folder: Path) -> Path:
    """A configuration file that says nothing, so that none of the user is taken."""
    file = folder / "empty.toml"
    file.touch()
    return file


def account_config(
    folder: Path,
    user: str,
    proxy: Registrar,
    *,
    transport: str = "udp",
    password: str = PASSWORD,
    listen: str = "127.0.0.1:0",
    sip: str = "",
) -> Path:
    """A configuration file with an account of `user` at `proxy`; `sip` holds further lines of [sip]."""
    secret = folder / f"{user}.password"
    secret.write_text(password + "\n", encoding="utf-8")
    file = folder / f"{user}.toml"
    file.write_text(
        f'[account]\nuri = "{proxy.uri(user)}"\npassword_file = "{secret}"\ntransport = "{transport}"\n'
        f'instance = "{uuid.uuid5(uuid.NAMESPACE_URL, user).urn}"\n[sip]\nlisten = "{listen}"\n{sip}',
        encoding="utf-8",
    )
    return file
