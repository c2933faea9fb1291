"""Starting, waiting for, ending and showing programs."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

import pytest

from tests.peers.namespace import LOOPBACK
from tests.peers.process import PeerError, Programs, free_ports, until


async def test_a_program_writes_answers_and_ends(programs: Programs) -> None:
    code = "import sys; print('ready', flush=True); print('got', sys.stdin.readline()); sys.exit(3)"
    program = await programs.start("echo", [sys.executable, "-u", "-c", code], stdin=True)
    await program.wrote("ready")
    program.write(b"this\n")
    assert await program.ended(5) == 3
    assert "got this" in program.text()


async def test_what_a_program_never_writes_is_told(programs: Programs) -> None:
    program = await programs.start("quick", ["true"])
    with pytest.raises(PeerError, match="quick ended with 0 before it wrote 'ready'"):
        await program.wrote("ready")
    slow = await programs.start("slow", ["sleep", "60"])
    with pytest.raises(PeerError, match="slow still runs"):
        await slow.ended(0.05)
    with pytest.raises(PeerError, match="slow writes 'ready'"):
        await slow.wrote("ready", 0.05)


async def test_a_program_that_ignores_the_signal_is_killed(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.peers.process._STOP_S", 0.05)
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    program = await programs.start("deaf", [sys.executable, "-c", code])
    await program.wrote("ready")
    assert await program.stop() == -signal.SIGKILL


async def test_ports_are_free_in_pairs() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    for port in ports:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            for number in (port, port + 1):
                with socket.socket(socket.AF_INET, kind) as bound:
                    bound.bind(("127.0.0.1", number))
    assert not await LOOPBACK.accepts(ports[0])
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    assert await LOOPBACK.accepts(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()


async def test_waiting_ends_with_what_was_waited_for() -> None:
    with pytest.raises(PeerError, match="rain"):
        await until(lambda: False, "rain", 0.01)


def test_a_failed_test_shows_the_logs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest("pytest_plugins = ['tests.peers.process']")
    pytester.makepyfile(
        """
        async def test_it(programs):
            program = await programs.start("talker", ["echo", "last words"])
            await program.ended(5)
            assert False
        """
    )
    result = pytester.runpytest_inprocess(
        *("-p", "pytest_asyncio.plugin"),
        *("-o", "asyncio_mode=auto"),
        *("-o", "asyncio_default_fixture_loop_scope=function"),
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*talker (exit code 0): talker-0.log*", "last words"])
