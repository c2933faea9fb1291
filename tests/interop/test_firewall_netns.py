"""Two hosts between which a real firewall drops UDP: the call gets its audio over TCP."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.icephone import account_config, icephone
from tests.peers.kamailio import kamailio
from tests.peers.netns import two_networks
from tests.peers.process import Programs
from tests.peers.tones import both_heard_each_other

pytestmark = [pytest.mark.peer("netns", "kamailio"), pytest.mark.root]

TALK_S = 3.0


@pytest.mark.parametrize(
    ("blocked", "transport", "sip"), [(True, "tcp", "tcp"), (True, "tcp", "udp"), (False, "udp", "udp")]
)
async def test_a_call_finds_its_way(
    programs: Programs, tmp_path: Path, blocked: bool, transport: str, sip: str
) -> None:
    ours, theirs = tmp_path / "ours.wav", tmp_path / "theirs.wav"
    async with two_networks() as networks:
        router, caller, callee = networks.router, networks.caller, networks.callee
        if blocked:
            await networks.drop_udp()
        async with kamailio(programs, place=router) as proxy:
            bob = account_config(tmp_path, "bob", proxy, transport=sip, listen=f"{callee.host}:0")
            answering = await icephone(
                programs,
                *("answer", "--register", "--tone", "1000", "--record", theirs, "--calls", "1"),
                config=bob,
                prefix=callee.prefix,
            )
            await answering.noted("registered")
            alice = account_config(tmp_path, "alice", proxy, transport=sip, listen=f"{caller.host}:0")
            calling = await icephone(
                programs,
                *("call", proxy.uri("bob"), "--tone", "440", "--record", ours, "--for", f"{TALK_S:g}s"),
                config=alice,
                prefix=caller.prefix,
            )
            call, answer = await calling.result(), await answering.result()
            drops = await networks.drops() if blocked else None
    assert call["result"] == answer["result"] == "ok"
    assert call["ice"]["transport"] == answer["ice"]["transport"] == transport
    assert call["ice"]["local"] == answer["ice"]["remote"]
    assert {call["ice"]["role"], answer["ice"]["role"]} == {"controlling", "controlled"}
    if blocked:
        assert drops
        assert any(
            pair["transport"] == "udp" and pair["checks_sent"] and not pair["checks_answered"]
            for pair in call["ice"]["pairs"]
        )
    assert call["received"]["lost"] == answer["received"]["lost"] == 0
    both_heard_each_other(ours, theirs, TALK_S)
