"""A call of ours over TCP as tshark sees it on the wire."""

from __future__ import annotations

import pytest

from tests.peers.icephone import icephone
from tests.peers.process import Programs
from tests.peers.tshark import capture

pytestmark = [pytest.mark.peer("tshark"), pytest.mark.root]

TALK_S = 3.0
FEW = 70
BINDING_REQUEST, BINDING_SUCCESS = 0x0001, 0x0101


@pytest.mark.req("ICETCP-10-1", "ICETCP-10-17")
async def test_a_call_over_tcp_is_framed_rtp_without_loss(programs: Programs) -> None:
    answering = await icephone(
        programs, "answer", "--echo", "--path", "tcp", "--listen", "127.0.0.1:0", "--calls", "1"
    )
    uri = await answering.noted("listening on")
    async with capture(programs, "tcp") as captured:
        talk = ("--tone", "440", "--for", f"{TALK_S:g}s", "--codec", "PCMU")
        calling = await icephone(programs, "call", uri, "--path", "tcp", *talk)
        ours, theirs = await calling.result(), await answering.result()
    assert ours["result"] == theirs["result"] == "ok"
    assert ours["ice"]["transport"] == "tcp"
    ends = {ours["ice"]["local"], ours["ice"]["remote"]}
    ports = [int(end.rpartition(":")[2]) for end in ends]
    streams = await captured.rtp_streams(ports)
    assert len(streams) == 2
    for stream in streams:
        assert {stream.source, stream.destination} == ends
        assert stream.lost == 0
        assert "711" in stream.payload
        assert stream.packets > 50 * TALK_S * 0.4
    seen = {stream.source: stream.packets for stream in streams}
    # The BYE takes another way than the last packets: a side may be gone when they come, some dozens of them
    # where it stood still.
    for ends_at, sent, arrived in (
        (ours["ice"]["local"], ours, theirs),
        (ours["ice"]["remote"], theirs, ours),
    ):
        packets = sent["sent"]["packets"]
        assert 0 <= packets - seen[ends_at] <= FEW
        assert 0 <= packets - arrived["received"]["packets"] <= FEW
    stun = await captured.stun_over_tcp(ports)
    assert BINDING_REQUEST in stun
    assert BINDING_SUCCESS in stun
