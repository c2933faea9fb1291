"""A call that rings has gathered already (RFC 8445 §5.1.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import DatagramReceiver, TcpConnection, TcpListener, UdpSocket
from ice.net.sockets import HostNetwork
from tests.ua.peer import media_peer
from tests.ua.phones import account, pair
from ua.config.calls import CallsSettings
from ua.errors import ResultCode, UsageError
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, PathChoice, Tone
from ua.sip.dialog import Dialog

STAY = MediaPlan(source=Tone(hz=440))


class WatchedNetwork(FirewallNetwork):
    """Counts the UDP sockets that are bound, and the TCP listeners."""

    def __init__(self) -> None:
        super().__init__(HostNetwork(), FirewallPolicy(udp="open"))
        self.bound = 0
        self.listeners = 0

    async def listen_tcp(
        self, host: str, port: int, on_accept: Callable[[TcpConnection], None], *, shared: bool = False
    ) -> TcpListener:
        self.listeners += 1
        return await super().listen_tcp(host, port, on_accept, shared=shared)

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        self.bound += 1
        return await super().bind_udp(host, port, on_datagram)


async def sockets_for_answering(path: PathChoice, *, early: bool = True) -> int:
    """How many UDP sockets are bound because a call that has rung for a while is answered on `path`."""
    network = WatchedNetwork()
    async with pair(bob=account("bob", calls=CallsSettings(early_answer=early)), network=network) as phones:
        ours, theirs = await phones.ring(STAY)
        await asyncio.sleep(0.2)
        rung = network.bound
        await theirs.accept(MediaPlan(source=Echo(), path=path))
        await asyncio.gather(ours.established(), theirs.established())
        answered = network.bound
        ours.hang_up()
        await asyncio.gather(ours.ended(), theirs.ended())
    return answered - rung


ICE_LINES = (
    "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuvwx",
    "a=candidate:1 1 UDP 2130706431 127.0.0.1 {port} typ host",
)


@pytest.mark.parametrize("ice", [False, True])
async def test_a_caller_without_ice_gets_an_address_and_nothing_is_gathered_beside(ice: bool) -> None:
    network = WatchedNetwork()
    async with media_peer() as peer, Phone(account("bob"), EventLog(), network=network) as phone:
        ringing = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        port = peer.media.getsockname()[1]
        lines = [line.format(port=port) for line in ICE_LINES] if ice else []
        invite = peer.call(phone.addresses[0], peer.sdp(*lines, "a=rtcp-mux", formats="8"))
        call = await ringing
        await call.accept(STAY)
        answer = await peer.receive_response(200)
        assert (network.listeners > 0) is ice
        assert ice or network.bound <= 4
        peer.ack(Dialog.of_caller(invite, answer), invite)
        if not ice:
            await call.established()
            await peer.hear(8)
        call.hang_up()
        await peer.finish()
        assert (await call.ended()).result is (ResultCode.INTERRUPTED if ice else ResultCode.OK)


@pytest.mark.req("ICE-5.1.1-1")
async def test_the_callee_gathers_before_it_answers() -> None:
    assert await sockets_for_answering("auto") == 0


async def test_who_answers_on_other_ways_gathers_anew() -> None:
    assert await sockets_for_answering("udp", early=False) > 0


async def test_who_has_told_its_candidates_cannot_take_other_ways_any_more() -> None:
    """Nothing that was asked for is left out in silence."""
    async with pair() as phones:
        ours, theirs = await phones.ring(STAY)
        await theirs.accept(MediaPlan(source=Echo(), path="tcp"))
        with pytest.raises(UsageError, match="too late"):
            await theirs.established()
        assert (await theirs.ended()).result is ResultCode.USAGE
        assert (await ours.ended()).sip_code == 480


@pytest.mark.parametrize("end", ["reject", "hang up"])
async def test_a_call_that_nobody_answers_frees_what_it_gathered(end: str) -> None:
    # What is left open fails every test of this project.
    async with pair() as phones:
        ours, theirs = await phones.ring(STAY)
        if end == "reject":
            theirs.reject(486)
        else:
            theirs.hang_up()
        result, _ = await asyncio.gather(ours.ended(), theirs.ended())
    assert result.sip_code == (486 if end == "reject" else 480)
