"""`icephone ice pair`: two processes joined by two lines of text, a pipe between them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ice.net.sockets import HostNetwork
from tests.peers.coturn import PASSWORD, USER, coturn
from tests.peers.namespace import Namespace
from tests.peers.netns import two_networks
from tests.peers.pairs import PairSide, pair_side
from tests.peers.process import Programs, until
from tests.peers.two_nats import two_nats

pytestmark = pytest.mark.timeout(150)
"""Two processes that encrypt 20 MB each take long where others want the processors as well."""

HERE = Namespace(name="", host="127.0.0.1")
LOOPBACK = next(a.interface for a in HostNetwork().host_addresses() if a.host == "127.0.0.1")
ON_LOOPBACK = f'loopback = true\ninterfaces = ["{LOOPBACK}"]'
MEGABYTE = 1_000_000


def random_file(file: Path, size: int) -> Path:
    file.write_bytes(os.urandom(size))
    return file


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Two:
    """Both sides; the lines go over two files."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.programs = programs
        self.offer, self.answer = folder / "offer.txt", folder / "answer.txt"
        self.nothing = folder / "nothing"
        self.nothing.touch()

    async def start(self, *options: str, **place: Any) -> PairSide:
        lines = ("--local", self.offer, "--remote", self.answer)
        return await pair_side(self.programs, *lines, *options, **place)

    async def join(self, *options: str, **place: Any) -> PairSide:
        lines = ("--join", "--local", self.answer, "--remote", self.offer)
        return await pair_side(self.programs, *lines, *options, **place)

    async def carry(
        self,
        there: Path,
        *options: str,
        starts: Namespace = HERE,
        joins: Namespace = HERE,
        ice: str = "",
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Send a file from the side that starts and nothing back; both results. The file arrived whole."""
        starting = await self.start(*options, given=there, prefix=starts.prefix, ice=ice)
        joining = await self.join(*options, given=self.nothing, prefix=joins.prefix, ice=ice)
        ours, theirs = await starting.result(), await joining.result()
        assert sha256(joining.program.output) == sha256(there) == theirs["received"]["sha256"]
        assert ours["sent"] == theirs["received"]
        assert starting.output == b""
        return ours, theirs


@pytest.fixture
def two(programs: Programs, tmp_path: Path) -> Two:
    return Two(programs, tmp_path)


@pytest.mark.req("USE-1")
@pytest.mark.parametrize("path", ["udp", "tcp"])
async def test_twenty_megabytes_arrive_whole(two: Two, tmp_path: Path, path: str) -> None:
    sent = random_file(tmp_path / "sent", 20 * MEGABYTE)
    ours, theirs = await two.carry(sent, "--path", path, ice=ON_LOOPBACK)
    assert ours["result"] == theirs["result"] == "ok"
    assert ours["ice"]["transport"] == theirs["ice"]["transport"] == path
    assert ours["sent"]["bytes"] == 20 * MEGABYTE


async def test_both_directions_at_once(two: Two, tmp_path: Path) -> None:
    here, there = random_file(tmp_path / "here", 3 * MEGABYTE), random_file(tmp_path / "there", MEGABYTE)
    starting = await two.start(given=here, ice=ON_LOOPBACK)
    joining = await two.join(given=there, ice=ON_LOOPBACK)
    await starting.result()
    await joining.result()
    assert sha256(joining.program.output) == sha256(here)
    assert sha256(starting.program.output) == sha256(there)


async def test_files_of_a_run_before_do_no_harm(two: Two, tmp_path: Path) -> None:
    sent = random_file(tmp_path / "sent", 1000)
    await two.carry(sent, ice=ON_LOOPBACK)
    starting = await two.start(given=sent, ice=ON_LOOPBACK)
    before = two.offer.read_bytes()
    await until(lambda: two.offer.read_bytes() != before, "a new offer", 20)
    joining = await two.join(given=two.nothing, ice=ON_LOOPBACK)
    await starting.result()
    await joining.result()


@pytest.mark.peer("netns")
@pytest.mark.root
async def test_it_goes_over_tcp_where_udp_is_dropped(two: Two, tmp_path: Path) -> None:
    async with two_networks() as networks:
        await networks.drop_udp()
        sent = random_file(tmp_path / "sent", 20 * MEGABYTE)
        ours, _ = await two.carry(sent, starts=networks.caller, joins=networks.callee)
        assert await networks.drops() > 0
    assert ours["ice"]["transport"] == "tcp"


@pytest.mark.peer("netns", "coturn")
@pytest.mark.root
async def test_from_behind_one_nat_to_behind_another_by_udp(
    two: Two, tmp_path: Path, programs: Programs
) -> None:
    """Only UDP goes through, as in many a hotel."""
    async with two_nats() as nets, coturn(programs, place=nets.public) as server:
        await nets.drop_tcp()
        sent = random_file(tmp_path / "sent", 20 * MEGABYTE)
        stun = ("--stun", f"stun:{nets.public.host}:{server.port}")
        ours, theirs = await two.carry(sent, *stun, starts=nets.left, joins=nets.right)
    assert ours["ice"]["transport"] == "udp"
    assert ours["ice"]["remote"].startswith("198.51.100.2:")
    assert theirs["ice"]["remote"].startswith("192.0.2.2:")


@pytest.mark.peer("netns", "coturn")
@pytest.mark.root
async def test_it_goes_by_relay_where_that_is_wanted(two: Two, tmp_path: Path, programs: Programs) -> None:
    """One side tells its relay alone; the relay lets in the address that the other one tells."""
    (tmp_path / "turn.txt").write_text(PASSWORD + "\n", encoding="utf-8")
    account = f'turn_user = "{USER}"\nturn_password_file = "turn.txt"'
    async with two_nats() as nets, coturn(programs, place=nets.public) as server:
        sent = random_file(tmp_path / "sent", MEGABYTE)
        turn = ("--path", "relay", "--turn", f"turn:{nets.public.host}:{server.port}?transport=tcp")
        starting = await two.start(*turn, given=sent, prefix=nets.left.prefix, ice=account)
        stun = ("--stun", f"stun:{nets.public.host}:{server.port}")
        joining = await two.join(*stun, given=two.nothing, prefix=nets.right.prefix)
        ours, _ = await starting.result(), await joining.result()
    assert sha256(joining.program.output) == sha256(sent)
    assert ours["ice"]["local_type"] == "relay"
    assert ours["ice"]["local"].startswith(f"{nets.public.host}:")


@pytest.mark.peer("netns", "coturn")
@pytest.mark.root
async def test_a_person_may_take_his_time_with_the_second_line(
    two: Two, tmp_path: Path, programs: Programs
) -> None:
    """Both NATs forget after 3 s; the answer is pasted when every check of the joining side has failed."""
    late = tmp_path / "late.txt"
    async with two_nats() as nets, coturn(programs, place=nets.public) as server:
        await nets.drop_tcp()
        await nets.forget_after(3)
        stun = ("--stun", f"stun:{nets.public.host}:{server.port}")
        lines = ("--local", two.offer, "--remote", late)
        starting = await pair_side(programs, *lines, *stun, given=two.nothing, prefix=nets.left.prefix)
        joining = await two.join(*stun, given=two.nothing, prefix=nets.right.prefix)
        await until(two.answer.exists, "there is an answer", 20)
        await asyncio.sleep(13)
        late.write_bytes(two.answer.read_bytes())
        ours, _ = await starting.result(), await joining.result()
    assert ours["ice"]["remote"].startswith("198.51.100.2:")


@pytest.mark.peer("netns")
@pytest.mark.root
async def test_a_path_that_cannot_be_had_ends_with_7(two: Two, tmp_path: Path) -> None:
    async with two_networks() as networks:
        await networks.drop_udp()
        options = ("--path", "udp", "--timeout", "3s", "--wait", "3s")
        starting = await two.start(*options, given=two.nothing, prefix=networks.caller.prefix)
        joining = await two.join(*options, given=two.nothing, prefix=networks.callee.prefix)
        ours = await starting.result(exit_code=7)
        await joining.result(exit_code=7)
    assert ours["result"] == "no_media_path"
    assert ours["error"].startswith("no path")


@pytest.mark.parametrize("path", ["udp", "tcp"])
async def test_a_side_that_is_killed_is_noticed(two: Two, tmp_path: Path, path: str) -> None:
    sent = random_file(tmp_path / "sent", MEGABYTE)
    starting = await two.start("--path", path, given=sent, ice=ON_LOOPBACK)
    joining = await two.join("--path", path, ice=ON_LOOPBACK)
    await until(lambda: len(joining.output) == MEGABYTE, "all has arrived", 20)
    await joining.program.stop(signal.SIGKILL)
    # Over TCP the path is known to be gone, over UDP the silence tells.
    result = await starting.result(exit_code=5)
    assert result["error"] == "nothing came from the other side for 15 s"
    assert result["seen"] is not None


async def test_ctrl_c_is_told_to_the_other_side(two: Two) -> None:
    starting = await two.start(ice=ON_LOOPBACK)
    joining = await two.join(ice=ON_LOOPBACK)
    for side in (starting, joining):
        await side.program.wrote('"connected"', 20)
    assert await starting.program.stop(signal.SIGINT) == 130
    result = await joining.result(exit_code=4)
    assert result["error"] == "the other side was interrupted"


async def test_a_full_disk_ends_both_sides(two: Two, tmp_path: Path) -> None:
    sent = random_file(tmp_path / "sent", MEGABYTE)
    starting = await two.start(given=sent, ice=ON_LOOPBACK)
    full = ("sh", "-c", 'exec "$@" >/dev/full', "sh")
    joining = await two.join(given=two.nothing, ice=ON_LOOPBACK, prefix=full)
    theirs, ours = await joining.result(exit_code=1), await starting.result(exit_code=4)
    assert theirs["received"]["bytes"] < MEGABYTE
    assert theirs["error"] == "our output cannot be written: No space left on device"
    assert ours["error"] == "the other side cannot write out what arrives there"


async def test_memory_stays_flat_however_much_goes_through(two: Two, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    with sent.open("wb") as file:
        file.truncate(30 * MEGABYTE)

    def peak_kb(side: PairSide) -> int:
        status = Path(f"/proc/{side.program.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0])

    starting = await two.start(given=sent, ice=ON_LOOPBACK)
    joining = await two.join(ice=ON_LOOPBACK)
    await until(lambda: len(joining.output) > MEGABYTE, "it flows", 20)
    before = [peak_kb(side) for side in (starting, joining)]
    await until(lambda: joining.program.output.stat().st_size == 30 * MEGABYTE, "all is there", 90)
    after = [peak_kb(side) for side in (starting, joining)]
    assert all(late - early < 20_000 for early, late in zip(before, after, strict=True)), (before, after)
