"""icephone calls icephone, two processes on one host: a file goes out, its echo is recorded."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.peers.icephone import icephone
from tests.peers.netns import two_networks
from tests.peers.process import Programs, until
from tests.peers.tones import STANDSTILL_S, lasts, seconds, tone_share, write_tone

TALK_S = 3.0


@pytest.mark.parametrize(("path", "transport"), [("auto", "udp"), ("udp", "udp"), ("tcp", "tcp")])
async def test_a_file_comes_back_as_an_echo(
    programs: Programs, tmp_path: Path, path: str, transport: str
) -> None:
    sent, record = write_tone(tmp_path / "in.wav", 440, rate=16000), tmp_path / "out.wav"
    answering = await icephone(programs, "answer", "--echo", "--listen", "127.0.0.1:0", "--calls", "1")
    uri = await answering.noted("listening on")
    talk = ("--wav", sent, "--record", record, "--for", f"{TALK_S:g}s")
    calling = await icephone(programs, "call", uri, "--path", path, *talk)
    ours, theirs = await calling.result(), await answering.result()
    assert ours["result"] == theirs["result"] == "ok"
    assert ours["ice"]["transport"] == theirs["ice"]["transport"] == transport
    assert ours["call_id"] == theirs["call_id"]
    assert ours["received"]["lost"] == theirs["received"]["lost"] == 0, "nothing is lost on one host"
    assert tone_share(record, 440) > 0.9
    assert lasts(record, TALK_S)
    assert seconds(record) < TALK_S + 1 + STANDSTILL_S


@pytest.mark.peer("netns")
@pytest.mark.root
async def test_the_echo_comes_back_where_udp_is_dropped(programs: Programs, tmp_path: Path) -> None:
    sent, record = write_tone(tmp_path / "in.wav", 440), tmp_path / "out.wav"
    async with two_networks() as networks:
        await networks.drop_udp()
        listen = ("--listen", f"{networks.callee.host}:0", "--calls", "1")
        answering = await icephone(programs, "answer", "--echo", *listen, prefix=networks.callee.prefix)
        uri = (await answering.noted("listening on")).partition(";")[0] + ";transport=tcp"
        talk = ("--wav", sent, "--record", record, "--for", f"{TALK_S:g}s")
        calling = await icephone(programs, "call", uri, *talk, prefix=networks.caller.prefix)
        ours, theirs = await calling.result(), await answering.result()
        assert await networks.drops() > 0
    assert ours["result"] == theirs["result"] == "ok"
    assert ours["ice"]["transport"] == theirs["ice"]["transport"] == "tcp"
    assert tone_share(record, 440) > 0.9


async def test_ctrl_c_ends_the_call_on_both_sides(programs: Programs) -> None:
    answering = await icephone(programs, "answer", "--tone", "440", "--listen", "127.0.0.1:0", "--calls", "1")
    uri = await answering.noted("listening on")
    calling = await icephone(programs, "call", uri, "--tone", "1000")
    for phone in (calling, answering):
        await phone.program.wrote("established")
    assert await calling.interrupt() == 130
    assert calling.results[-1]["result"] == "interrupted"
    assert (await answering.result())["result"] == "ok"


async def test_the_recording_of_a_killed_phone_can_be_played(programs: Programs, tmp_path: Path) -> None:
    record = tmp_path / "out.wav"
    answering = await icephone(programs, "answer", "--tone", "440", "--listen", "127.0.0.1:0", "--calls", "1")
    uri = await answering.noted("listening on")
    calling = await icephone(programs, "call", uri, "--record", record)
    await until(lambda: record.exists() and seconds(record) > 2, "two seconds are recorded")
    assert await calling.program.stop(signal.SIGKILL) == -signal.SIGKILL
    assert seconds(record) > 1.5
    assert tone_share(record, 440) > 0.9
