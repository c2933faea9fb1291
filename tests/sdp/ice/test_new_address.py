"""A stream that moves to another address in the call (RFC 3264 §8.3.1), on real loopback."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ice.types import Transport
from sdp.ice.binding import IceBinding
from sdp.syntax.parser import parse
from sdp.syntax.writer import write
from tests.sdp.calls import WISH, WITHOUT_ICE, Call, carry, packet, talk, two, until
from tests.sdp.tcp_calls import port_of


def udp_ports(binding: IceBinding) -> set[int]:
    """UDP ports of loopback that our next description tells."""
    return {
        candidate.address.port
        for candidate in binding.session.local_description.candidates
        if candidate.transport is Transport.UDP and candidate.address.host == "127.0.0.1"
    }


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def moved(call: Call) -> None:
    """Alice has offered new addresses, Bob answers with his."""
    offer = call.alice.offer(WISH)
    await call.bob.prepare(parse(write(offer)), WISH)
    answer = call.bob.answer(parse(write(offer)), WISH)
    assert answer.negotiated is not None
    call.bob.answer_sent()
    call.alice.apply_answer(parse(write(answer.description)))


@pytest.mark.req("OA-23")
async def test_media_is_taken_on_the_old_sockets_until_it_comes_on_the_new_ones() -> None:
    async with two() as call:
        call.exchange()
        paths = await call.paths()
        old = udp_ports(call.alice)
        await call.alice.restart()
        new = udp_ports(call.alice)
        assert not old & new
        await talk(*paths)
        assert not any(is_free(port) for port in new)
        await moved(call)
        # The exchange is over, and the checks on the new addresses are not: media goes on.
        await talk(*paths)
        async with asyncio.timeout(10):
            await asyncio.gather(call.alice.session.completed(), call.bob.session.completed())
        await talk(*paths)
        pair = paths[0].rtp.pair
        assert pair is not None
        assert pair.local.address.port not in old
        await until(lambda: all(is_free(port) for port in old))
        await talk(*paths)


@pytest.mark.req("OA-23", "OA-10")
async def test_an_offer_that_is_refused_frees_the_new_sockets_and_leaves_the_old_ones() -> None:
    async with two() as call:
        call.exchange()
        paths = await call.paths()
        old = udp_ports(call.alice)
        await call.alice.restart()
        new = udp_ports(call.alice)
        call.alice.offer(WISH)
        call.alice.offer_failed()
        await until(lambda: all(is_free(port) for port in new))
        assert udp_ports(call.alice) == old
        await talk(*paths)


@pytest.mark.req("OA-23")
async def test_the_answerer_sends_to_a_new_address_at_once() -> None:
    """A peer without ICE moves; what it sends from the old port is still heard."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.setblocking(False)
        port = elsewhere.getsockname()[1]
        async with two() as call:
            call.exchange(WITHOUT_ICE, WITHOUT_ICE)
            alice, bob = await call.paths()
            await carry(alice.rtp, bob.rtp, 0)
            offer = write(call.alice.offer(WITHOUT_ICE))
            offer = offer.replace(f"m=audio {port_of(offer)} ", f"m=audio {port} ")
            assert call.bob.answer(parse(offer), WITHOUT_ICE).negotiated is not None
            call.bob.answer_sent()
            assert bob.rtp.send(packet(7))
            async with asyncio.timeout(10):
                assert await asyncio.get_running_loop().sock_recv(elsewhere, 2048) == packet(7)
            await carry(alice.rtp, bob.rtp, 0)
