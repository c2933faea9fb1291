"""Errors, exit codes and signals of every command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ua.screen import Screen, objects
from ua.cli.runner import guarded
from ua.errors import Interrupted, ResultCode, UsageError


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (UsageError("x"), 2),
        (Interrupted("x"), 130),
        (KeyboardInterrupt(), 130),
        (RuntimeError("x"), 1),
    ],
)
def test_every_error_becomes_an_exit_code(error: BaseException, exit_code: int) -> None:
    def fail() -> ResultCode:
        raise error

    with pytest.raises(SystemExit) as caught:
        guarded(Screen(), fail)
    assert caught.value.code == exit_code


@pytest.mark.parametrize("verbose", [False, True])
def test_a_mistake_of_ours_is_reported_without_a_traceback_unless_asked(
    verbose: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen(verbose=verbose)

    def fail() -> ResultCode:
        raise RuntimeError("the moon is full")

    with pytest.raises(SystemExit):
        guarded(screen, fail)
    shown = screen.err.getvalue()
    assert "internal error: RuntimeError: the moon is full" in shown
    assert "report it" in shown
    assert ("Traceback" in shown) is verbose
    assert objects(capsys)[0]["result"] == "internal"


def test_an_error_says_what_was_seen_and_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()

    def fail() -> ResultCode:
        raise UsageError("no [such] thing\x1b[2J", seen="nothing", hint="something")

    with pytest.raises(SystemExit):
        guarded(screen, fail)
    assert screen.err.getvalue() == "error: no [such] thing\\x1b[2J\n  seen: nothing\n  try:  something\n"
    assert objects(capsys)[0]["hint"] == "something"


SLEEPER = """
import asyncio, sys
from ua.cli.output import Output
from ua.cli.runner import run
from ua.errors import ResultCode

async def main(stop):
    print("ready", flush=True)
    await stop.wait()
    print("goodbye", flush=True)
    if sys.argv[1] == "slow":
        await asyncio.sleep(60)
    return ResultCode.INTERRUPTED

run(Output(), main)
"""


@pytest.mark.parametrize(
    ("number", "manner"), [(signal.SIGINT, "quick"), (signal.SIGTERM, "quick"), (signal.SIGINT, "slow")]
)
def test_one_signal_asks_and_a_second_one_ends(number: signal.Signals, manner: str) -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER, manner],
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "goodbye\n"
        if manner == "slow":
            process.send_signal(number)
        assert process.wait(20) == 130
