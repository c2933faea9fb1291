"""The SIP fuzzer: it finds nothing here, and what it is made to find."""

from __future__ import annotations

import json
import random

import pytest

from tests.bench.fuzz_sip import MessageMaker, fuzz_messages, main
from ua.sip.syntax.wire_format import parse


@pytest.mark.req("TOR-1", "LIM-6")
def test_ten_thousand_damaged_messages_raise_nothing() -> None:
    outcome = fuzz_messages(10_000, seed=7)
    assert outcome.finds == []
    assert outcome.counts["refused"] > 2000
    assert outcome.counts["read"] > 2000


def test_an_undocumented_error_is_a_find() -> None:
    def careless(data: bytes) -> str:
        parse(data)
        return "read"

    outcome = fuzz_messages(200, seed=1, make_reader=lambda: careless)
    assert len(outcome.finds) == 20
    assert "MalformedRequest" in outcome.finds[0]


def test_the_same_seed_gives_the_same_messages() -> None:
    one, other = MessageMaker(random.Random(3)), MessageMaker(random.Random(3))
    assert [one() for _ in range(50)] == [other() for _ in range(50)]


def test_the_command_tells_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--messages", "50", "--seed", "3", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["schema"], result["seed"], result["finds"]) == (1, 3, [])
    assert result["read"] + result["refused"] == 50
    assert main(["--messages", "20"]) == 0
    assert "nothing but the documented errors" in capsys.readouterr().out
