"""Calls with a peer without ICE while this host goes to another network (RFC 3264 §8.3.1, RFC 3665 §3.7)."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork
from ice.types import TransportAddress
from media.rtp import packet as rtp
from tests.ua.call.test_phone_offers import STAY
from tests.ua.call.test_phone_plain import packet
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account
from ua.call import offers
from ua.call.call import Call
from ua.call.hold import HoldRefused
from ua.call.state import CallState
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.dialog import Dialog
from ua.sip.syntax.body import session_of
from ua.sip.syntax.message import Request
from ua.sip.transport import layer
from ua.sip.transport.udp_channel import local_towards

BEFORE, AFTER = "127.0.0.2", "127.0.0.3"


class MovingNetwork(HostNetwork):
    """This host, with the addresses that a test gives it."""

    def __init__(self, *hosts: str) -> None:
        super().__init__()
        self.hosts: Sequence[str] = hosts

    def host_addresses(self) -> tuple[HostAddress, ...]:
        return tuple(HostAddress(host=host, interface="lo", loopback=True) for host in self.hosts)


def told(body: bytes | None) -> tuple[str, int]:
    """Where a description wants RTP."""
    text = (body or b"").decode()
    host, port = (
        re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE),
        re.search(r"^m=audio (\d+)", text, re.MULTILINE),
    )
    assert host is not None
    assert port is not None
    return host[1], int(port[1])


async def talking(peer: MediaPeer, phone: Phone) -> tuple[Call, Dialog, Request]:
    call = await phone.place(str(peer.uri), STAY)
    invite = await peer.receive_request("INVITE")
    assert told(session_of(invite))[0] == BEFORE
    dialog = peer.accept(invite, peer.sdp())
    await peer.receive_request("ACK")
    await call.established()
    await peer.hear(0)
    return call, dialog, invite


async def heard_from(peer: MediaPeer, source: tuple[str, int]) -> None:
    """RTP of the phone comes from here."""
    async with asyncio.timeout(10):
        while True:
            data, sender = await asyncio.get_running_loop().sock_recvfrom(peer.media, 2048)
            if sender == source and not rtp.is_rtcp(data):
                return


async def hears(call: Call, peer: MediaPeer, place: tuple[str, int]) -> None:
    """The phone takes RTP that the peer sends to this place."""
    assert call.statistics is not None
    before = call.statistics.received.packets
    for number in range(10):
        peer.media.sendto(packet(number, 9), place)
        await asyncio.sleep(0.02)
    assert call.statistics.received.packets == before + 10


@pytest.mark.req("TRN-14", "sdp.md:OA-23")
@pytest.mark.parametrize("gap", [False, True])
async def test_a_call_goes_on_from_the_new_address(*, gap: bool) -> None:
    network, log = MovingNetwork(BEFORE), EventLog()
    async with media_peer() as peer, Phone(account("alice"), log, network=network) as phone:
        call, _, first = await talking(peer, phone)
        if gap:
            network.hosts = ()
            await asyncio.sleep(1.5)
        network.hosts = (AFTER,)
        again = await peer.receive_request("INVITE")
        place = told(session_of(again))
        assert place[0] == AFTER
        assert b"a=candidate" not in (session_of(again) or b"")
        assert again.cseq.number > first.cseq.number
        assert again.contacts
        peer.accept(again, peer.sdp())
        await peer.receive_request("ACK")
        await heard_from(peer, place)
        await hears(call, peer, place)
        assert await peer.silent(0.8, "INVITE"), "once is enough"
        call.hang_up()
        await peer.finish()
        result = await call.ended()
    assert result.result is ResultCode.OK
    assert result.ice is not None
    assert (result.ice.local or "").startswith(AFTER)
    assert [change.reason for change in result.path_changes] == [f"this host has lost the address {BEFORE}"]
    assert result.path_changes[0].local == result.ice.local


class Routes:
    """Whether this host has a route; its addresses may come first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.there = True

        def towards(remote: TransportAddress) -> str:
            if self.there:
                return local_towards(remote)
            self.asked += 1
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

        monkeypatch.setattr(layer, "local_towards", towards)

    async def wanted(self, times: int) -> None:
        """It was looked for so often in vain."""
        async with asyncio.timeout(15):
            while self.asked < times:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.req("TRN-14")
async def test_an_address_whose_route_is_still_to_come_does_not_end_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, routes = MovingNetwork(BEFORE), Routes(monkeypatch)
    alice = account("alice", listen_host="0.0.0.0")
    async with media_peer() as peer, Phone(alice, EventLog(), network=network) as phone:
        call, _, _ = await talking(peer, phone)
        routes.there = False
        network.hosts = (AFTER,)
        await routes.wanted(3)
        routes.there = True
        again = await peer.receive_request("INVITE")
        place = told(session_of(again))
        assert place[0] == AFTER
        peer.accept(again, peer.sdp())
        await peer.receive_request("ACK")
        await heard_from(peer, place)
        await hears(call, peer, place)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


async def test_without_a_route_a_hold_is_refused_and_the_call_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offers, "ADDRESS_S", 0.5)
    monkeypatch.setattr(offers, "OFFER_TRIES", 1)
    routes = Routes(monkeypatch)
    alice = account("alice", listen_host="0.0.0.0")
    network = MovingNetwork(BEFORE)
    async with media_peer() as peer, Phone(alice, EventLog(), network=network) as phone:
        call, _, _ = await talking(peer, phone)
        routes.there = False
        with pytest.raises(HoldRefused, match="no way to"):
            await call.hold()
        assert call.state is CallState.ESTABLISHED
        assert routes.asked > 1
        routes.there = True
        holding = asyncio.ensure_future(call.hold())
        again = await peer.receive_request("INVITE")
        peer.accept(again, peer.sdp("a=recvonly"))
        await peer.receive_request("ACK")
        await holding
        call.hang_up()
        await peer.finish()
        await call.ended()


@pytest.mark.req("TRN-14")
async def test_it_may_move_more_than_once_and_be_the_called_one() -> None:
    network, log = MovingNetwork(BEFORE), EventLog()
    async with media_peer() as peer, Phone(account("bob"), log, network=network) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp())
        call = await waiting
        await call.accept(STAY)
        answer = await peer.receive_response(200)
        peer.ack(Dialog.of_caller(invite, answer), invite)
        await call.established()
        for host in (AFTER, BEFORE):
            network.hosts = (host,)
            again = await peer.receive_request("INVITE")
            place = told(session_of(again))
            assert place[0] == host
            peer.accept(again, peer.sdp(), tag=again.to.tag or "")
            await peer.receive_request("ACK")
            await heard_from(peer, place)
            await hears(call, peer, place)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


@pytest.mark.req("TRN-14", "sdp.md:OA-10")
async def test_a_peer_that_does_not_follow_ends_the_call_with_the_reason() -> None:
    network, log = MovingNetwork(BEFORE), EventLog()
    async with media_peer() as peer, Phone(account("alice"), log, network=network) as phone:
        call, _, _ = await talking(peer, phone)
        network.hosts = (AFTER,)
        peer.answer(await peer.receive_request("INVITE"), 488)
        await peer.receive_request("ACK")
        await peer.finish()
        result = await call.ended()
    assert result.result is ResultCode.NO_MEDIA_PATH
    assert f"this host has lost the address {BEFORE}" in (result.error or "")


@pytest.mark.req("TRN-14")
async def test_the_other_side_learns_the_new_contact_where_media_stays() -> None:
    network, log = MovingNetwork(BEFORE), EventLog()
    async with media_peer() as peer, Phone(account("alice"), log, network=network) as phone:
        call, _, invite = await talking(peer, phone)
        await hears(call, peer, told(session_of(invite)))
        assert call._offers is not None
        call._offers.host_gone("192.0.2.7")
        assert await peer.silent(0.8, "INVITE"), "that is no address of this call"
        call._offers.host_gone(invite.contacts[0].uri.host)
        again = await peer.receive_request("INVITE")
        assert told(session_of(again)) == told(session_of(invite))
        assert again.contacts
        peer.accept(again, peer.sdp())
        await peer.receive_request("ACK")
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is ResultCode.OK


async def test_who_does_not_want_it_stays() -> None:
    network = MovingNetwork(BEFORE)
    base = account("alice")
    ours = replace(base, ice=replace(base.ice, watch_addresses=False))
    async with media_peer() as peer, Phone(ours, EventLog(), network=network) as phone:
        call, _, _ = await talking(peer, phone)
        network.hosts = (AFTER,)
        assert await peer.silent(1.6, "INVITE")
        call.hang_up()
        await peer.finish()
        await call.ended()


@pytest.mark.req("TRN-14")
async def test_media_over_tcp_without_ice_gets_a_new_connection() -> None:
    network, log = MovingNetwork(BEFORE), EventLog()
    plan = replace(STAY, media="tcp")
    async with (
        Phone(account("bob"), EventLog()) as bob,
        Phone(account("alice"), log, network=network) as alice,
    ):
        ringing = asyncio.ensure_future(anext(bob.incoming()))
        await asyncio.sleep(0)
        call = await alice.place(bob.addresses[0], plan)
        await (await ringing).accept(STAY)
        await call.established()
        network.hosts = (AFTER,)
        async with asyncio.timeout(10):
            while sum(entry.name == "tcp_connected" for entry in log.entries) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert call.statistics is not None
        before = call.statistics.received.packets
        await asyncio.sleep(0.5)
        assert call.statistics.received.packets > before + 10
        call.hang_up()
        result = await call.ended()
    assert result.result is ResultCode.OK
    assert [change.local.split(":")[0] for change in result.path_changes if change.local] == [AFTER]
