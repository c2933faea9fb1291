"""Permissions, indications, channels: data to and from peers (RFC 8656 §9 to §12)."""

from __future__ import annotations

import pytest

from ice.stun.attributes import Attribute, UnknownAttribute
from ice.stun.message import MessageClass, StunMessage, parse, serialise
from ice.turn.attributes import ChannelNumber, Data, Icmp, XorPeerAddress
from ice.turn.channels import MAX_CHANNELS, PACKETS_BEFORE
from ice.turn.events import AllocationLost, ChannelRefused, PeerUnreachable, PermissionRefused
from ice.turn.permissions import MAX_HELD, MAX_HOSTS
from ice.turn.requests import TurnMethod
from ice.types import TransportAddress
from tests.ice.turn.turn_world import CHECK, PEER, RTP, TurnWorld

OTHER_PORT = TransportAddress(host=PEER.host, port=6000)
STRANGER = TransportAddress(host="198.51.100.66", port=5000)


def media(world: TurnWorld, count: int = PACKETS_BEFORE + 1, peer: TransportAddress = PEER) -> None:
    for _ in range(count):
        assert world.send(RTP, peer)


def hosts(world: TurnWorld) -> list[str]:
    """Hosts of the CreatePermissions that the server saw, in order."""
    found = [seen.message.get(XorPeerAddress) for seen in world.server.requests(TurnMethod.CREATE_PERMISSION)]
    return [item.address.host for item in found if item is not None]


# --- permissions ---


@pytest.mark.req("TURN-3", "TURN-9", "TURN-25", "ICE-7.2-2")
def test_a_check_waits_for_the_permission_and_then_goes_as_an_indication() -> None:
    world = TurnWorld().start()
    world.to_client = False
    world.send(CHECK)
    assert world.at_peers == []
    assert world.server.counters["send-refused"] == 0
    world.to_client = True
    world.run(0.5)
    assert [payload for *_, payload in world.at_peers] == [CHECK]
    indication = parse(world.sent[-1][1])
    assert (indication.method, indication.message_class) == (TurnMethod.SEND, MessageClass.INDICATION)
    assert indication.attributes == (XorPeerAddress(address=PEER), Data(payload=CHECK))
    # RFC 8656 §3.5: 36 bytes more than the payload.
    assert len(world.sent[-1][1]) == len(CHECK) + 36


@pytest.mark.req("TURN-3")
def test_one_permission_serves_all_ports_of_a_host() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    world.send(CHECK, OTHER_PORT)
    assert hosts(world) == [PEER.host]
    assert [peer for _, peer, _ in world.at_peers] == [PEER, OTHER_PORT]


@pytest.mark.req("TURN-3", "TURN-24")
def test_a_permission_in_use_is_refreshed_every_240_s_and_others_lapse() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    world.send(CHECK, STRANGER)
    begun = world.now
    for _ in range(120):
        world.run(5)
        world.send(CHECK)
    at = [
        seen.at - begun
        for seen in world.server.requests(TurnMethod.CREATE_PERMISSION)
        if (asked := seen.message.get(XorPeerAddress)) is not None and asked.address.host == PEER.host
    ]
    assert at == [0, 240, 480]
    assert hosts(world).count(STRANGER.host) == 1
    assert len(world.at_peers) == 122


@pytest.mark.req("TURN-24")
def test_data_of_the_peer_keeps_its_permission_too() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    for _ in range(200):
        world.run(5)
        world.peer_sends(RTP)
    assert len(world.data) == 200


@pytest.mark.req("TURN-24", "TURN-5")
@pytest.mark.parametrize("code", [403, 443, 508])
def test_a_refused_permission_concerns_its_host_alone(code: int) -> None:
    world = TurnWorld().start()
    world.server.fail_with[TurnMethod.CREATE_PERMISSION] = code
    assert world.send(CHECK)
    (refused,) = world.told(PermissionRefused)
    assert refused.host == PEER.host
    assert str(code) in refused.reason
    assert not world.send(CHECK)
    assert len(hosts(world)) == 1
    del world.server.fail_with[TurnMethod.CREATE_PERMISSION]
    assert world.send(CHECK, STRANGER)
    assert [peer for _, peer, _ in world.at_peers] == [STRANGER]
    assert not world.told(AllocationLost)
    world.run(61)
    assert world.send(CHECK)
    assert [peer for _, peer, _ in world.at_peers] == [STRANGER, PEER]


@pytest.mark.req("TURN-3", "TURN-35")
def test_a_peer_of_the_other_family_or_of_no_address_is_never_sent_to() -> None:
    world = TurnWorld().start()
    sent = len(world.sent)
    for host, port in (("2001:db8::5", 5000), ("peer.example.org", 5000), (PEER.host, 0), (PEER.host, 65536)):
        assert not world.send(CHECK, TransportAddress(host=host, port=port))
    assert not world.send(bytes(65001))
    assert len(world.sent) == sent
    assert world.allocation.counters["not-sent"] == 5


def test_what_waits_for_a_permission_is_bounded() -> None:
    world = TurnWorld().start()
    world.to_server = False
    for number in range(MAX_HELD + 3):
        assert world.send(bytes((number,)))
    assert world.allocation.counters["held-too-long"] == 3
    world.to_server = True
    world.run(1)
    assert [payload for *_, payload in world.at_peers] == [bytes((n,)) for n in range(3, MAX_HELD + 3)]


@pytest.mark.req("STUN-16")
def test_many_peers_wait_for_their_turn_and_too_many_are_refused() -> None:
    world = TurnWorld().start()
    before = len(world.sent)
    world.to_server = False
    peers = [TransportAddress(host=f"198.51.100.{n}", port=9) for n in range(1, MAX_HOSTS + 3)]
    assert [world.send(CHECK, peer) for peer in peers] == [True] * MAX_HOSTS + [False] * 2
    assert len(world.sent) - before == 10
    world.to_server = True
    world.run(1)
    assert len(world.at_peers) == MAX_HOSTS


@pytest.mark.req("TURN-24")
def test_a_permission_that_nobody_refreshes_lapses_and_is_asked_for_again() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    world.run(310)
    world.send(CHECK)
    assert hosts(world) == [PEER.host] * 2
    assert len(world.at_peers) == 2


def test_a_refresh_of_a_permission_that_gets_lost_is_repeated_before_the_end() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    world.run(230)
    world.send(CHECK)
    world.run(9)
    world.to_server = False
    world.run(42)
    world.to_server = True
    world.run(15)
    world.send(CHECK)
    assert not world.told(PermissionRefused)
    assert len(world.at_peers) == 3
    assert len({m.message.transaction_id for m in world.server.requests(TurnMethod.CREATE_PERMISSION)}) == 2


# --- data of peers ---


@pytest.mark.req("TURN-25")
def test_data_arrives_with_the_address_of_the_peer() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    world.peer_sends(b"")
    world.peer_sends(RTP, OTHER_PORT)
    assert world.data == [(PEER, b""), (OTHER_PORT, RTP)]


def indication(*attributes: Attribute, method: int = TurnMethod.DATA) -> bytes:
    message = StunMessage(
        method=method,
        message_class=MessageClass.INDICATION,
        transaction_id=bytes(12),
        attributes=attributes,
    )
    return serialise(message, integrity_key=None, fingerprint=False)


@pytest.mark.req("TURN-9", "TURN-25", "STUN-6")
def test_indications_that_are_not_in_order_are_dropped() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    for message in (
        indication(XorPeerAddress(address=STRANGER), Data(payload=RTP)),
        indication(Data(payload=RTP)),
        indication(XorPeerAddress(address=PEER)),
        indication(XorPeerAddress(address=PEER), Data(payload=RTP), method=TurnMethod.SEND),
        indication(XorPeerAddress(address=STRANGER), Icmp(icmp_type=3, icmp_code=3)),
        indication(
            XorPeerAddress(address=PEER), Data(payload=RTP), UnknownAttribute(number=0x7F00, value=b"")
        ),
    ):
        world.allocation.receive(message, world.now)
    world.settle()
    assert world.data == []
    assert world.told(PeerUnreachable) == []
    counters = world.allocation.counters
    assert counters == {
        "no-permission-in": 2,
        "unknown-indication": 2,
        "empty-indication": 1,
        "unknown-attribute": 1,
    }


@pytest.mark.req("TURN-26")
def test_an_icmp_error_is_told_and_changes_nothing() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    (relay,) = world.server.relays.values()
    anywhere = TransportAddress(host=PEER.host, port=0)
    world.server.report_icmp(relay.relayed, anywhere, Icmp(icmp_type=3, icmp_code=3))
    world.settle()
    (told,) = world.told(PeerUnreachable)
    assert (told.peer, told.icmp_type, told.icmp_code) == (anywhere, 3, 3)
    assert world.send(CHECK)


# --- channels ---


@pytest.mark.req("TURN-31", "TURN-4", "TURN-29", "ICE-7.2-2")
def test_checks_bind_no_channel_and_media_does() -> None:
    world = TurnWorld().start()
    for _ in range(50):
        world.send(CHECK)
    assert world.server.requests(TurnMethod.CHANNEL_BIND) == []
    media(world, 10)
    (bind,) = world.server.requests(TurnMethod.CHANNEL_BIND)
    assert bind.message.get(ChannelNumber) == ChannelNumber(number=0x4000)
    assert bind.message.get(XorPeerAddress) == XorPeerAddress(address=PEER)
    assert world.server.counters["channel-data"] == 10 - PACKETS_BEFORE
    assert len(world.at_peers) == 60
    assert world.sent[-1][1] == b"\x40\x00\x00\x16" + RTP
    # Checks use it from then on as well.
    world.send(CHECK)
    assert world.sent[-1][1][:2] == b"\x40\x00"


@pytest.mark.req("TURN-29", "TURN-28")
def test_channel_data_is_taken_before_its_channel_bind_is_answered() -> None:
    world = TurnWorld().start()
    world.send(CHECK)
    world.forge = lambda message: [message] if message[0] >= 0x40 else []
    media(world)
    world.peer_sends(RTP)
    assert world.data == [(PEER, RTP)]
    # Ours goes on as indications until then.
    assert world.server.counters["channel-data"] == 0
    assert len(world.at_peers) == PACKETS_BEFORE + 2


@pytest.mark.req("TURN-28")
def test_channel_data_that_is_not_in_order_is_dropped() -> None:
    world = TurnWorld().start()
    media(world)
    for message in (b"\x40\x01\x00\x01a", b"\x4f\xff\x00\x00", b"\x40\x00\x00\x05abcd", b"\x40\x00"):
        world.allocation.receive(message, world.now)
    world.allocation.receive(b"\x40\x00\x00\x02abXX", world.now)
    world.allocation.receive(b"\x40\x00\x00\x00", world.now)
    world.settle()
    assert world.data == [(PEER, b"ab"), (PEER, b"")]
    counters = world.allocation.counters
    assert (counters["unbound-channel"], counters["short-channel-data"], counters["malformed"]) == (2, 1, 1)


@pytest.mark.req("TURN-27", "TURN-24", "TURN-4")
def test_a_long_call_over_a_channel_has_no_gap() -> None:
    world = TurnWorld(nonce_s=1000.0).start()
    sent = 0
    begun = world.now
    for _ in range(1400):
        world.run(1)
        assert world.send(RTP)
        world.peer_sends(RTP)
        sent += 1
    assert len(world.at_peers) == sent
    assert len(world.data) == sent
    assert world.server.counters["send-refused"] == world.server.counters["channel-refused"] == 0
    binds = [seen for seen in world.server.requests(TurnMethod.CHANNEL_BIND) if seen.code == 0]
    assert [seen.at - begun for seen in binds] == [4, 244, 484, 724, 964, 1204]
    assert {seen.message.get(ChannelNumber) for seen in binds} == {ChannelNumber(number=0x4000)}


@pytest.mark.req("TURN-4")
def test_every_peer_has_a_number_of_its_own_for_good() -> None:
    world = TurnWorld().start()
    peers = [TransportAddress(host=PEER.host, port=port) for port in range(5000, 5000 + MAX_CHANNELS + 2)]
    for peer in peers:
        media(world, peer=peer)
    world.run(1000)
    for peer in reversed(peers):
        media(world, peer=peer)
    codes = {seen.code for seen in world.server.requests(TurnMethod.CHANNEL_BIND)}
    assert codes == {0}
    assert len(world.at_peers) == 2 * (PACKETS_BEFORE + 1) * len(peers)


@pytest.mark.req("TURN-30", "TURN-5")
@pytest.mark.parametrize("code", [400, 403, 508])
def test_without_a_channel_media_goes_on_in_indications(code: int) -> None:
    world = TurnWorld().start()
    world.server.fail_with[TurnMethod.CHANNEL_BIND] = code
    media(world, 30)
    (refused,) = world.told(ChannelRefused)
    assert refused.peer == PEER
    assert str(code) in refused.reason
    assert len(world.at_peers) == 30
    del world.server.fail_with[TurnMethod.CHANNEL_BIND]
    world.run(61)
    media(world, 3)
    # The first of them asked for it.
    assert world.server.counters["channel-data"] == 2


@pytest.mark.req("TURN-27")
def test_a_channel_that_cannot_be_refreshed_costs_no_packet() -> None:
    world = TurnWorld().start()
    media(world)
    world.server.fail_with[TurnMethod.CHANNEL_BIND] = 400
    count = PACKETS_BEFORE + 1
    for _ in range(100):
        world.run(10)
        assert world.send(RTP)
        count += 1
    assert len(world.at_peers) == count
    assert hosts(world).count(PEER.host) >= 3


@pytest.mark.req("TURN-30", "TURN-16")
def test_a_400_makes_us_ask_whether_the_allocation_still_stands() -> None:
    world = TurnWorld().start()
    media(world)
    world.server.fail_with[TurnMethod.CREATE_PERMISSION] = 400
    world.send(CHECK, STRANGER)
    world.run(0.1)
    assert len(world.server.requests(TurnMethod.REFRESH)) == 1
    assert not world.told(AllocationLost)
    assert world.send(RTP)
    world.server.relays.clear()
    world.server.fail_with[TurnMethod.CREATE_PERMISSION] = 400
    world.send(CHECK, TransportAddress(host="198.51.100.67", port=1))
    world.run(0.1)
    assert len(world.told(AllocationLost)) == 1


def test_the_reason_of_a_server_is_cleaned() -> None:
    world = TurnWorld().start()
    world.server.fail_with[TurnMethod.CREATE_PERMISSION] = 403
    world.server.reason = "no\x00\n way\x00"
    world.send(CHECK)
    assert world.told(PermissionRefused)[0].reason == "403 no way"


@pytest.mark.req("STUN-16")
def test_requests_that_never_had_their_turn_end_unsent() -> None:
    world = TurnWorld().start()
    world.run(5)
    world.to_server = False
    world.sent.clear()
    peers = [TransportAddress(host=f"198.51.100.{n}", port=9) for n in range(1, 13)]
    for peer in peers:
        world.send(CHECK, peer)
    world.run(40)
    requests = {message for _, message in world.sent if parse(message).method == TurnMethod.CREATE_PERMISSION}
    assert len(requests) == 10
    assert sorted(event.host for event in world.told(PermissionRefused)) == sorted(
        peer.host for peer in peers
    )


@pytest.mark.req("TURN-27", "TURN-4")
def test_a_channel_that_nobody_uses_lapses_and_is_bound_again() -> None:
    world = TurnWorld().start()
    media(world)
    media(world, peer=OTHER_PORT)
    count = 2 * (PACKETS_BEFORE + 1)
    for _ in range(70):
        world.run(10)
        assert world.send(RTP)
        count += 1
    bound = [seen.message.get(XorPeerAddress) for seen in world.server.requests(TurnMethod.CHANNEL_BIND)]
    assert bound.count(XorPeerAddress(address=OTHER_PORT)) == 1
    assert bound.count(XorPeerAddress(address=PEER)) == 3
    media(world, peer=OTHER_PORT)
    assert len(world.at_peers) == count + PACKETS_BEFORE + 1
    assert world.server.counters["channel-refused"] == 0


@pytest.mark.req("TURN-27")
def test_a_refresh_of_a_channel_that_gets_lost_costs_nothing_but_time() -> None:
    world = TurnWorld().start()
    media(world)
    for second in range(1, 700):
        world.to_server = not 238 < second < 281
        world.run(1)
        assert world.send(RTP)
    assert not world.told(ChannelRefused)
    assert not world.told(PermissionRefused)
    assert len(world.at_peers) == PACKETS_BEFORE + 1 + 699 - 42
    # All but the first few went by the channel.
    assert world.server.counters["indications"] == PACKETS_BEFORE


@pytest.mark.req("TURN-9")
def test_data_that_overtakes_the_first_permission_is_taken() -> None:
    world = TurnWorld().start()
    world.forge = lambda message: [] if parse(message).method == TurnMethod.CREATE_PERMISSION else [message]
    world.send(CHECK)
    world.peer_sends(RTP)
    world.peer_sends(RTP, STRANGER)
    assert world.data == [(PEER, RTP)]
