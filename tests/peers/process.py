"""Programs that a test runs: started, waited for, ended and, when the test fails, shown."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

_POLL_S = 0.02
_STOP_S = 5.0
_SHOWN = 8000
"""Characters of a log that a failed test shows, from its end."""

_LOGS = pytest.StashKey[list["Program"]]()


class PeerError(Exception):
    """A peer did not do what the test needs; the text says what was seen."""


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str, timeout_s: float = 10.0) -> None:
    """Wait until `condition` holds; raises PeerError naming `what` after `timeout_s` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        if loop.time() >= deadline:
            raise PeerError(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(_POLL_S)


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that are free for UDP and for TCP on `host`, each followed by one that is free too.

    They are only likely to stay free: the caller's program binds them a moment later.
    """
    ports: list[int] = []
    with ExitStack() as stack:

        def bind(kind: socket.SocketKind, port: int) -> int:
            bound = stack.enter_context(socket.socket(socket.AF_INET, kind))
            bound.bind((host, port))
            return int(bound.getsockname()[1])

        while len(ports) < count:
            try:
                port = bind(socket.SOCK_STREAM, 0)
                bind(socket.SOCK_DGRAM, port)
                bind(socket.SOCK_STREAM, port + 1)
                bind(socket.SOCK_DGRAM, port + 1)
            except (OSError, OverflowError):
                continue
            ports.append(port)
    return ports


class Program:
    """One process of a test, the leader of its own group; its output goes to a file.

    Attributes:
        name: how the test calls it.
        log: file with what it wrote to stderr, and to stdout unless `output` is another file.
        output: file with what it wrote to stdout.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, output: Path) -> None:
        self.name = name
        self.log = log
        self.output = output
        self._process = process

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, None while it runs."""
        return self._process.returncode

    def text(self) -> str:
        """What it has written to its log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def write(self, data: bytes) -> None:
        """Give it input; only where it was started with `stdin`."""
        if self._process.stdin is None:
            raise ValueError(f"{self.name} has no standard input")
        self._process.stdin.write(data)

    def end_input(self) -> None:
        """Let it read the end of its input; only where it was started with `stdin`."""
        if self._process.stdin is None:
            raise ValueError(f"{self.name} has no standard input")
        self._process.stdin.close()

    async def wrote(self, text: str, timeout_s: float = 10.0) -> None:
        """Wait until `text` stands in its log; raises PeerError when it ends or takes too long."""

        def seen() -> bool:
            if text in self.text():
                return True
            if self.exit_code is not None:
                raise PeerError(f"{self.name} ended with {self.exit_code} before it wrote {text!r}")
            return False

        await until(seen, f"{self.name} writes {text!r}", timeout_s)

    async def ended(self, timeout_s: float) -> int:
        """Wait until it ends by itself; its exit code. Raises PeerError after `timeout_s` seconds."""
        try:
            return await asyncio.wait_for(self._process.wait(), timeout_s)
        except TimeoutError:
            raise PeerError(f"{self.name} still runs after {timeout_s:g} s") from None

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it: by `number`, and by SIGKILL where that does not help; its exit code."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.exit_code is None:
            self._process.send_signal(number)
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_S)
            except TimeoutError:
                os.killpg(self.pid, signal.SIGKILL)
        return await self._process.wait()


class Programs:
    """Starts the programs of one test and ends them after it, the last one first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Program] = []

    async def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: bool = False,
        separate_output: bool = False,
    ) -> Program:
        """Start `command`.

        Args:
            name: how logs and errors call it.
            command: program and arguments.
            cwd: its folder, the folder of the test by default.
            environment: variables beside those of this process.
            stdin: True to give it input with `write`; else it reads nothing.
            separate_output: True to keep stdout apart from stderr.
        """
        log = self.folder / f"{name}-{len(self.started)}.log"
        output = log.with_suffix(".out") if separate_output else log
        with log.open("ab") as errors, output.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *map(str, command),
                cwd=cwd or self.folder,
                env={**os.environ, **(environment or {})},
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
        program = Program(name, process, log, output)
        self.started.append(program)
        return program

    async def stop(self) -> None:
        """End all of them."""
        for program in reversed(self.started):
            await program.stop()


@pytest_asyncio.fixture
async def programs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Programs]:
    """The programs of this test; ended after it, their logs shown when it fails."""
    running = Programs(tmp_path)
    request.node.stash[_LOGS] = running.started
    yield running
    await running.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Iterator[None]:
    """Attach the logs of the programs to the report of a failed test."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed:
        for program in item.stash.get(_LOGS, []):
            files = dict.fromkeys((program.output, program.log))
            for file in (file for file in files if file.exists()):
                text = file.read_text(encoding="utf-8", errors="replace")[-_SHOWN:]
                report.sections.append((f"{program.name} (exit code {program.exit_code}): {file.name}", text))
    return report  # type: ignore[return-value]
