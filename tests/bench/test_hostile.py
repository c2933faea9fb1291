"""What a hostile description may cost: packets, connections, milliseconds."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.messages import SendDatagram
from ice.stun.transaction import RC
from ice.types import Role, TransportAddress
from tests.bench.hostile import attack, hostile_description, main, within_limits
from tests.ice.single import Single

MOST_MS = 1000
"""Ten to thirty times what it takes on an idle machine."""


@pytest.mark.req("SEC-2", "ICETCP-12-2", "ICETCP-12-3", "ICETCP-12-9")
@pytest.mark.parametrize("role", list(Role))
def test_a_thousand_candidates_cost_no_more_packets_than_the_limit_lets_through(role: Role) -> None:
    few, many = attack(32, role), attack(1000, role)
    assert many.gave_up
    assert (many.packets, many.sent_bytes, many.dials) == (few.packets, few.sent_bytes, few.dials)
    assert many.packets <= 32 * RC
    assert many.most_dialling == 5
    assert max(many.parse_ms, many.ice_ms) < MOST_MS
    assert many.refused, "as SDP it would not even be read"
    assert within_limits(many, IceConfig())


def test_without_the_limits_it_would_cost_more() -> None:
    careless = IceConfig(max_remote_candidates=1000, max_pairs=1000, max_dials_per_address=1000)
    assert not within_limits(attack(200, config=careless), IceConfig())


@pytest.mark.req("SEC-2", "ICETCP-12-4")
def test_nothing_is_sent_to_groups_nor_to_nobody() -> None:
    hosts = ("224.0.0.1", "255.255.255.255", "0.0.0.0", "239.1.2.3", "ff02::1", "::", "127.0.0.1")
    one = Single(Role.CONTROLLED, hosts=("192.0.2.1", "2001:db8::1"))
    description = hostile_description(1000)
    candidates = tuple(
        replace(candidate, address=TransportAddress(host=hosts[number % len(hosts)], port=number + 1))
        for number, candidate in enumerate(description.candidates)
    )
    one.agent.set_remote(replace(description, candidates=candidates), one.now)
    one.wait(200.0)
    assert not [command for command in one.commands if isinstance(command, SendDatagram)]
    assert one.dials() == []


def test_the_command_prints_milliseconds_and_packets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--candidates", "600"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "600 candidates: refused in " in lines[2]
    assert " ms of processor time; 112 packets" in lines[2]
    assert main(["--json"]) == 0
    assert [cost["candidates"] for cost in json.loads(capsys.readouterr().out)["costs"]] == [1, 32, 1000]
