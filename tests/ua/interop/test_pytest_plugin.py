"""The pytest plugin, as people use it: a suite in a process of its own against a PBX."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import textwrap
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.architecture.rooms import ROOT
from tests.ua.interop.pbx import PASSWORD, small_pbx
from ua.interop.peer import Peer
from ua.interop.results import read_results

EXAMPLE = ROOT / "docs" / "pytest" / "test_my_pbx.py"

SETTINGS = '[sip]\nlisten = "127.0.0.1:0"\n[ice]\nloopback = true\n'


async def run_pytest(
    folder: Path,
    *arguments: str,
    plugins: Sequence[str] = ("pytest_asyncio.plugin",),
    path: Path = ROOT,
    **more: str,
) -> tuple[int, str]:
    """Exit code and output of pytest in `folder`; nothing but our plugin and `plugins` is loaded."""
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "COLUMNS": "200",
        **more,
    }
    modes = "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n" if plugins else ""
    (folder / "pytest.ini").write_text(f"[pytest]\n{modes}", encoding="utf-8")
    loaded = [part for each in (*plugins, "ua.interop.pytest_plugin") for part in ("-p", each)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", *loaded, "-rs", "-c", "pytest.ini"),
        *arguments,
        cwd=folder,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


def options(folder: Path, peer: Peer, *users: str) -> list[str]:
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    (folder / "icephone.toml").write_text(SETTINGS, encoding="utf-8")
    named = [part for user in users for part in ("--icephone-user", user)]
    numbers = [
        f"--icephone-extension={name}={peer.extensions[name]}" for name in ("echo", "busy", "hangs_up")
    ]
    files = ["--icephone-password-file", "password", "--icephone-config", "icephone.toml"]
    return ["--icephone-peer", peer.uri, *named, *numbers, *files]


def suite(folder: Path, text: str) -> Path:
    file = folder / "test_own.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


async def test_the_suite_of_the_documentation_passes(tmp_path: Path) -> None:
    async with small_pbx(tmp_path) as peer:
        code, told = await run_pytest(
            tmp_path, str(EXAMPLE), *options(tmp_path, peer, "1001", "1002"), "--icephone-output", "kept"
        )
    assert code == 0, told
    assert "7 passed" in told
    assert "report.html" in told
    results, folder = read_results(tmp_path / "kept")
    assert results.summary == "7 passed"
    assert results.description("test_my_pbx.test_busy").title == "Who is busy says so."
    for outcome in results.outcomes:
        assert "REGISTER" in (text := (folder / outcome.folder / "sip.txt").read_text()) or "INVITE" in text
    assert "Nothing unexpected" in (folder / "report.html").read_text(encoding="utf-8")


def test_what_the_documentation_shows_stands_in_the_suite() -> None:
    page = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")
    example = EXAMPLE.read_text(encoding="utf-8")
    shown = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    assert len(shown) == 2
    assert all(block in example for block in shown)


async def test_every_kind_of_end_is_told(tmp_path: Path) -> None:
    suite(
        tmp_path,
        """
        import pytest

        async def test_wrong_answer(call, expect):
            '''The busy number answers.'''
            async with call.ringing("busy"):
                await expect.status(603)

        async def test_fails(call):
            async with call.ringing("busy"):
                assert 1 == 2

        @pytest.mark.xfail(reason="known for years")
        async def test_known(call, expect):
            async with call.ringing("busy"):
                await expect.status(603)

        @pytest.mark.xfail(reason="was known for years")
        async def test_repaired(call, expect):
            async with call.ringing("busy"):
                await expect.status(486)

        async def test_unknown_number(call):
            async with call("early_media"):
                pass

        async def test_without_a_call(expect):
            await expect.audio(tone=1000)

        def test_that_has_nothing_to_do_with_it():
            pass
        """,
    )
    async with small_pbx(tmp_path) as peer:
        code, told = await run_pytest(
            tmp_path, *options(tmp_path, peer, "1001"), "--icephone-output", "kept", "test_own.py"
        )
    assert code == 1, told
    assert "3 failed, 1 passed, 1 skipped, 1 xfailed, 1 xpassed" in told
    section = told.partition("icephone ---")[2]
    assert "expected: the call is refused with 603" in section
    assert "seen:     " in section
    assert "486" in section
    assert "evidence: " in section
    assert "try --icephone-extension early_media=NUMBER" in told
    assert "there is no call; place one with the fixture 'call'" in told
    results, folder = read_results(tmp_path / "kept")
    verdicts = {each.scenario.removeprefix("test_own."): each for each in results.outcomes}
    assert {name: each.verdict.value for name, each in verdicts.items()} == {
        "test_wrong_answer": "failed",
        "test_fails": "failed",
        "test_known": "expected_failure",
        "test_repaired": "unexpected_pass",
        "test_unknown_number": "skipped",
        "test_without_a_call": "failed",
    }
    failure = verdicts["test_wrong_answer"].failure
    assert failure is not None
    assert failure.expected == "the call is refused with 603"
    assert verdicts["test_known"].reason == "known for years"
    assert "early_media" in verdicts["test_unknown_number"].reason
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "4 results are unexpected" in page
    assert "486 Busy Here (INVITE)" in page


async def test_what_other_processes_run_is_in_the_report(tmp_path: Path) -> None:
    suite(
        tmp_path,
        """
        import pytest

        @pytest.mark.parametrize("number", range(2))
        async def test_busy(call, expect, number):
            async with call.ringing("busy"):
                await expect.status(486)
        """,
    )
    async with small_pbx(tmp_path) as peer:
        code, told = await run_pytest(
            tmp_path,
            *options(tmp_path, peer, "1001"),
            *("--icephone-output", "kept", "-n", "1"),
            plugins=("pytest_asyncio.plugin", "xdist.plugin"),
        )
    assert code == 0, told
    results, _ = read_results(tmp_path / "kept")
    assert sorted(each.scenario for each in results.outcomes) == [
        f"test_own.test_busy[{number}]" for number in range(2)
    ]


async def test_tests_that_are_killed_leave_what_was_over(tmp_path: Path) -> None:
    suite(
        tmp_path,
        """
        import os

        async def test_busy(call, expect):
            async with call.ringing("busy"):
                await expect.status(486)

        async def test_killed(phone):
            os.kill(os.getpid(), 9)
        """,
    )
    async with small_pbx(tmp_path) as peer:
        code, told = await run_pytest(tmp_path, *options(tmp_path, peer, "1001"), "--icephone-output", "kept")
    assert code == -9, told
    results, _ = read_results(tmp_path / "kept")
    assert [(each.scenario, each.verdict.value) for each in results.outcomes] == [
        ("test_own.test_busy", "passed")
    ]
    assert results.interrupted


async def test_a_suite_may_bring_its_own_peer(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        textwrap.dedent(
            """
            import dataclasses, os, pytest
            from ua.interop.peer import PeerAccount
            from ua.interop.peer_file import find_peer

            @pytest.fixture(scope="session")
            def peer():
                user = PeerAccount(user="1001", auth_user="1001", password=os.environ["OWN_PASSWORD"])
                known = find_peer(os.environ["OWN_PEER"], {})
                return dataclasses.replace(
                    known, accounts=(user,), extensions={"busy": "606"}, phone={"listen_host": "127.0.0.1"}
                )
            """
        ),
        encoding="utf-8",
    )
    suite(
        tmp_path,
        """
        async def test_busy(call, expect, peer):
            async with call.ringing("busy"):
                await expect.status(486)
        """,
    )
    async with small_pbx(tmp_path) as peer:
        code, told = await run_pytest(tmp_path, OWN_PEER=peer.uri, OWN_PASSWORD=PASSWORD)
    assert code == 0, told
    assert "1 passed" in told


async def test_without_a_peer_such_tests_are_skipped_and_others_are_not(tmp_path: Path) -> None:
    suite(tmp_path, "async def test_a(call):\n    pass\n\ndef test_b():\n    pass\n")
    code, told = await run_pytest(tmp_path)
    assert code == 0
    assert "1 passed, 1 skipped" in told
    assert "no peer: name one with --icephone-peer sip:pbx.example" in told


async def test_a_peer_that_is_none_is_told(tmp_path: Path) -> None:
    suite(tmp_path, "async def test_a(call):\n    pass\n")
    code, told = await run_pytest(tmp_path, "--icephone-peer", "astersik")
    assert code == 1
    assert "there is no peer 'astersik'" in told
    assert "asterisk" in told


async def test_without_pytest_asyncio_it_says_what_is_missing(tmp_path: Path) -> None:
    suite(tmp_path, "def test_a(phone):\n    pass\n\ndef test_b():\n    pass\n")
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "pytest_asyncio.py").write_text("raise ImportError\n", encoding="utf-8")
    code, told = await run_pytest(tmp_path, "test_own.py", plugins=(), path=tmp_path / "shadow")
    assert code == 1
    assert "1 passed, 1 error" in told
    assert "pip install pytest-asyncio" in told


async def test_it_costs_nothing_where_nobody_asks_for_it() -> None:
    script = (
        "import json, sys, ua.interop.pytest_plugin; print(json.dumps([name for name in sys.modules"
        " if name.partition('.')[0] in ('ice', 'media', 'sdp', 'ua')]))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert set(json.loads(told)) == {"ua", "ua.interop", "ua.interop.pytest_plugin"}


def test_pytest_finds_it_once_icephone_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"icephone": "ua.interop.pytest_plugin"}
    assert not [each for each in project["dependencies"] if each.startswith("pytest")]
