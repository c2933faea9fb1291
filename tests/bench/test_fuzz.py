"""Damaged messages and streams, as many as fit a test run; the command does more."""

from __future__ import annotations

import json

import pytest

from ice.net.framing import Deframer
from ice.stun.message import StunMessage, parse
from tests.bench.fuzz import fuzz_messages, fuzz_streams, main

COUNT = 20_000


@pytest.mark.req("STUN-14")
def test_damaged_messages_raise_nothing_but_stun_errors() -> None:
    outcome = fuzz_messages(COUNT, seed=2)
    assert outcome.finds == []
    assert outcome.counts.total() == COUNT
    assert min(outcome.counts["parsed"], outcome.counts["refused"]) > COUNT / 10, "both ways are tried"


@pytest.mark.req("ICETCP-10-2", "ICETCP-10-3")
def test_damaged_streams_raise_nothing_and_lose_nothing() -> None:
    outcome = fuzz_streams(COUNT, seed=2)
    assert outcome.finds == []
    assert outcome.counts["streams"] == COUNT


def test_a_parser_that_raises_something_else_is_found() -> None:
    def careless(data: bytes) -> StunMessage:
        if len(data) < 4:
            raise IndexError("no header")
        return parse(data)

    finds = fuzz_messages(5000, seed=3, parse=careless).finds
    assert finds
    assert finds[0].startswith("IndexError: no header: ")


class PerRead(Deframer):
    """Takes every read for whole frames."""

    def feed(self, data: bytes) -> list[bytes]:
        """Forget what was incomplete."""
        packets = super().feed(data)
        self._buffer.clear()
        return packets


def test_a_deframer_that_depends_on_the_cut_is_found() -> None:
    finds = fuzz_streams(200, seed=3, make=PerRead).finds
    assert any(find.startswith("the cut changed the packets: ") for find in finds)


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--messages", "500", "--streams", "50", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["messages"]["parsed"] + said["messages"]["refused"] == 500
    assert said["streams"]["streams"] == 50
    assert said["finds"] == []
    assert main(["--messages", "10", "--streams", "10"]) == 0
    assert "nothing but the documented errors" in capsys.readouterr().out
