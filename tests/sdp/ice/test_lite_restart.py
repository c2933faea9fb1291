"""ICE restarts of lite phones by offer and answer, on real loopback (RFC 8839 §4.4.3.2)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.net.network import HostAddress
from ice.net.sockets import HostNetwork
from ice.types import Role, SessionState, Transport
from sdp.ice.binding import IceBinding
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.calls import CONFIG, LOOPBACK, WISH, Call, role, talk, two, wants_update

LITE = replace(CONFIG, lite=True)
TRUSTING = replace(LITE, udp=False, lite_unproved_tcp=True)


class OneFamily(HostNetwork):
    """This host with IPv4 alone."""

    def host_addresses(self) -> list[HostAddress]:
        return [HostAddress(host="127.0.0.1", interface=LOOPBACK, loopback=True)]


def state(binding: IceBinding) -> SessionState:
    return binding.session.state


async def restart(call: Call, *, back: bool) -> str:
    """One side offers a restart, the other takes it; gives the offer."""
    first, second = (call.bob, call.alice) if back else (call.alice, call.bob)
    await first.restart()
    text = write(first.offer(WISH))
    offer = parse(text)
    await second.prepare(offer, WISH)
    answered = second.answer(offer, WISH)
    assert answered.negotiated is not None, answered.reason
    second.answer_sent()
    first.apply_answer(parse(write(answered.description)))
    return text


async def completed(call: Call) -> None:
    async with asyncio.timeout(10):
        await asyncio.gather(call.alice.session.completed(), call.bob.session.completed())


@pytest.mark.req("SDP-ICE-30", "ICE-9-1")
@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
@pytest.mark.parametrize("back", [True, False], ids=["the full side restarts", "the lite side restarts"])
async def test_a_lite_phone_restarts_and_media_goes_on(udp: bool, back: bool) -> None:
    async with two(udp=udp, config=LITE, answerer=CONFIG, network=OneFamily()) as call:
        call.exchange()
        alice, bob = await call.paths()
        old = alice.rtp.pair
        offer = await restart(call, back=back)
        assert "remote-candidates" not in offer
        await talk(alice, bob)
        await completed(call)
        await talk(alice, bob)
        assert old is not None
        assert alice.rtp.pair is not None
        assert alice.rtp.pair.local.address != old.local.address
        assert alice.rtp.transport is (Transport.UDP if udp else Transport.TCP)
        assert (role(call.alice), role(call.bob)) == (Role.CONTROLLED, Role.CONTROLLING)
        assert ("a=ice-lite" in offer) is not back
        call.exchange(back=back)
        await talk(alice, bob)


@pytest.mark.req("SDP-ICE-30", "ICE-8.2-2")
@pytest.mark.parametrize("config", [LITE, TRUSTING], ids=["udp", "tcp"])
async def test_two_lite_phones_restart(config: IceConfig) -> None:
    async with two(config=config) as call:
        call.exchange()
        call.exchange()
        alice, bob = await call.paths()
        old = alice.rtp.pair
        await restart(call, back=False)
        assert wants_update(call.alice)
        assert state(call.alice) is SessionState.RUNNING
        await talk(alice, bob)
        call.exchange()
        await completed(call)
        await talk(alice, bob)
        assert old is not None
        assert alice.rtp.pair is not None
        assert alice.rtp.pair.local.address != old.local.address
