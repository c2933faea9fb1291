"""Media whose source was judged goes straight to its path, and is judged again once anything has happened."""

from __future__ import annotations

from ice.config import IceConfig
from ice.net.flows import Flows
from ice.net.sockets import HostNetwork
from ice.types import FlowId, TransportAddress
from tests.ice.flow_owner import Owner

RTP = b"\x80\x00" + bytes(170)
STUN = b"\x00\x01" + bytes(18)
FLOW = FlowId(1)
PEER = TransportAddress(host="192.0.2.1", port=4000)


async def test_expected_media_is_not_asked_about_until_something_happens() -> None:
    owner = Owner()
    flows = Flows(HostNetwork(), IceConfig(), owner)
    on_datagram = flows.datagram_receiver(FLOW)
    taken: list[bytes] = []
    on_datagram(RTP, PEER)
    assert owner.packets == [RTP]
    flows.expect_media(FLOW, PEER, lambda packet, _now: taken.append(packet))
    on_datagram(RTP, PEER)
    assert (owner.packets, taken) == ([RTP], [RTP])
    # Everything that is no media, or comes from elsewhere, is looked at.
    on_datagram(STUN, PEER)
    on_datagram(b"", PEER)
    on_datagram(RTP, TransportAddress(host="192.0.2.2", port=4000))
    assert (owner.packets, taken) == ([RTP, STUN, b"", RTP], [RTP])
    flows.judge_media()
    on_datagram(RTP, PEER)
    assert (len(owner.packets), taken) == (5, [RTP])
    await flows.close()


async def test_media_of_a_flow_that_is_closed_is_not_expected() -> None:
    owner = Owner()
    flows = Flows(HostNetwork(), IceConfig(), owner)
    on_datagram = flows.datagram_receiver(FLOW)
    flows.expect_media(FLOW, PEER, lambda _packet, _now: None)
    flows.close_flow(FLOW)
    on_datagram(RTP, PEER)
    assert owner.packets == [RTP]
    await flows.close()
