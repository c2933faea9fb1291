"""What people and scripts do with the lines of `icephone ice pair`."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ice.net.sockets import HostNetwork
from tests.peers.icephone import ROOT, command
from tests.peers.pairs import PairSide, pair_side
from tests.peers.process import Programs, until

LOOPBACK = next(a.interface for a in HostNetwork().host_addresses() if a.host == "127.0.0.1")
ON_LOOPBACK = f'loopback = true\ninterfaces = ["{LOOPBACK}"]'


async def line_of(side: PairSide) -> str:
    """The line that it printed."""
    await until(lambda: any("line" in each for each in side.objects), "it prints its line", 20)
    return next(str(each["line"]) for each in side.objects if "line" in each)


async def side(programs: Programs, *options: str) -> PairSide:
    return await pair_side(programs, *options, ice=ON_LOOPBACK)


def wrapped(line: str) -> str:
    return "\r\n".join(line[at : at + 76] for at in range(0, len(line), 76)) + "\r\n"


async def test_lines_and_data_share_standard_input(programs: Programs) -> None:
    """A line that a mail program wrapped, CRLF at every end, and data right behind it."""
    starting = await side(programs)
    joining = await side(programs, "--join")
    joining.program.write(wrapped(await line_of(starting)).encode() + b"from the one\r\n\x00\xff")
    starting.program.write(("\n" + await line_of(joining) + "\r\n").encode())
    starting.program.write(b"\r\nfrom the other \xe2\x82")
    for each in (starting, joining):
        each.program.end_input()
    await starting.result()
    await joining.result()
    assert starting.output == b"from the one\r\n\x00\xff"
    assert joining.output == b"\r\nfrom the other \xe2\x82"


@pytest.mark.parametrize(
    ("join", "pasted", "message"),
    [
        (False, "hello\n", "this is no line of 'icephone ice pair'"),
        (True, "GET / HTTP/1.1\r\n", "this is no line of 'icephone ice pair'"),
        (True, "", "the other side's line did not come"),
        (False, "{own}\n", "this is the line of this side, pasted back"),
        (False, "{offer}\n", "both sides have started"),
        (True, "{offer:.300}", "the line breaks off before its end"),
        (True, "{damaged}\n", "the line is damaged"),
    ],
)
async def test_each_wrong_line_has_its_message(
    programs: Programs, join: bool, pasted: str, message: str
) -> None:
    offer = own = ""
    if "{o" in pasted or "{d" in pasted:
        offer = await line_of(await side(programs))
    wrong = await side(programs, *(["--join"] if join else []))
    if not join:
        own = await line_of(wrong)
    damaged = offer[:100] + ("A" if offer[100:101] != "A" else "B") + offer[101:]
    wrong.program.write(pasted.format(own=own, offer=offer, damaged=damaged).encode())
    wrong.program.end_input()
    result = await wrong.result(exit_code=2)
    assert result["result"] == "usage"
    assert message in result["error"]
    assert result["hint"]


async def test_an_answer_where_an_offer_is_wanted(programs: Programs) -> None:
    starting, joining = await side(programs), await side(programs, "--join")
    joining.program.write((await line_of(starting) + "\n").encode())
    answer = await line_of(joining)
    third = await side(programs, "--join")
    third.program.write((answer + "\n").encode())
    assert "both sides have joined" in (await third.result(exit_code=2))["error"]
    fourth = await side(programs)
    await line_of(fourth)
    fourth.program.write((answer + "\n").encode())
    assert (await fourth.result(exit_code=2))["error"] == "the line answers another offer"


async def test_a_line_that_never_comes_ends_with_5(programs: Programs, tmp_path: Path) -> None:
    waiting = await side(programs, "--join", "--remote", str(tmp_path / "never"), "--wait", "500ms")
    result = await waiting.result(exit_code=5)
    assert result["error"] == "the line of the other side did not come within 0.5 s"


class Terminal:
    """A person's terminal in which the command runs."""

    def __init__(self, process: asyncio.subprocess.Process, descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self.shown = ""
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        self.shown += os.read(self._descriptor, 65536).decode(errors="replace").replace("\r\n", "\n")

    async def shows(self, text: str) -> None:
        await until(lambda: text in self.shown, f"the terminal shows {text!r}: {self.shown[-500:]}", 20)

    async def line(self) -> str:
        """The line that it shows for the other side."""
        shown = re.compile(r"line there:\s+(icepair\S+)\s")
        await until(lambda: shown.search(self.shown) is not None, "the terminal shows its line", 20)
        found = shown.search(self.shown)
        assert found is not None
        return found[1]

    def type(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._descriptor, data) :]

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)


@asynccontextmanager
async def terminal(folder: Path, *options: str, given: str = "") -> AsyncIterator[Terminal]:
    """Run the command; `given` is a file that is its standard input instead of the terminal."""
    config = folder / "terminal.toml"
    config.write_text(f"[ice]\n{ON_LOOPBACK}\n", encoding="utf-8")
    ours, theirs = pty.openpty()
    environment = {"ICEPHONE_CONFIG": str(config), "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "80"}
    process = await asyncio.create_subprocess_exec(
        *(("sh", "-c", 'exec "$@" <"$0"', given) if given else ()),
        *(*command(), "ice", "pair", *options),
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **environment},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    shown = Terminal(process, ours)
    try:
        yield shown
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        shown.close()
        # Open until now: a terminal without a process gives errors and no text.
        os.close(theirs)


async def test_two_people_at_two_terminals(tmp_path: Path) -> None:
    async with terminal(tmp_path) as here, terminal(tmp_path, "--join") as there:
        offer = await here.line()
        # A slip first: they are told, and asked again.
        await there.shows("now paste the line of the other side (offer)")
        there.type("the line that you sent me\n")
        await there.shows("this is no line of 'icephone ice pair'")
        # Longer than the 4096 characters that a terminal takes for one line.
        there.type(offer[:50] + " " * 5000 + offer[50:] + "\n")
        answer = await there.line()
        here.type(offer + "\n")
        await here.shows("pasted back")
        here.type(answer + "\n")
        for each in (here, there):
            await each.shows("connected over")
        here.type("hello over there\n")
        await there.shows("\nhello over there\n")
        there.type("and hello to you\n\x04")
        await here.shows("\nand hello to you\n")
        here.type("\x04")
        for each in (here, there):
            await each.shows("done: ")
            assert await each.process.wait() == 0


async def test_the_line_is_asked_at_the_terminal_where_data_is_piped_in(tmp_path: Path) -> None:
    """`tar c . | icephone ice pair`: standard input is data from its first byte."""
    (tmp_path / "data").write_bytes(b"icepair1: looks like a line\n")
    async with terminal(tmp_path, given="data") as here, terminal(tmp_path, "--join") as there:
        there.type(await here.line() + "\n")
        here.type(await there.line() + "\n")
        await there.shows("icepair1: looks like a line\n")
        there.type("\x04")
        for each in (here, there):
            await each.shows("done: ")
            assert await each.process.wait() == 0
