"""DTLS-SRTP of two media legs without a phone: without ICE, early hellos, forks, and changes in mid-call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ice.net.sockets import HostNetwork
from ice.paths.plain import answer_to, opening
from ice.stun.attributes import XorMappedAddress
from ice.stun.message import MessageClass, parse
from ice.types import TransportAddress
from media.engine import MediaEngine
from tests.ua.phones import account
from ua.call.media_leg import MediaLeg
from ua.call.offer_policy import OfferForm
from ua.events import EventLog
from ua.plan import Echo, MediaPlan, MediaSource, Tone

FROM = TransportAddress(host="192.0.2.7", port=4711)


@asynccontextmanager
async def legs(*, ice: bool = True, mux: bool = True) -> AsyncIterator[tuple[MediaLeg, MediaLeg]]:
    """A caller and a callee that take DTLS alone."""
    engine = MediaEngine()
    opened: list[MediaLeg] = []
    sources: tuple[MediaSource, ...] = (Tone(hz=440), Echo())
    for number, source in enumerate(sources):
        leg = await MediaLeg.open(
            offers=not number,
            plan=MediaPlan(source=source, srtp="dtls"),
            account=account(f"user{number}"),
            network=HostNetwork(),
            engine=engine,
            log=EventLog(),
            party=str(number),
        )
        leg.descriptions.wish = replace(leg.descriptions.wish, rtcp_mux=mux)
        if not ice:
            leg.descriptions.tell(OfferForm.PLAIN)
        opened.append(leg)
    try:
        yield opened[0], opened[1]
    finally:
        for leg in opened:
            await leg.close()
        await engine.close()


async def agree(caller: MediaLeg, callee: MediaLeg) -> None:
    answer = await callee.descriptions.answer(caller.descriptions.offer())
    assert isinstance(answer, bytes), answer
    callee.descriptions.answer_sent()
    caller.descriptions.apply_answer(answer)


async def both_hear(caller: MediaLeg, callee: MediaLeg) -> None:
    async with asyncio.timeout(10):
        for leg in (caller, callee):
            start = leg.statistics.received.packets if leg.statistics else 0
            while leg.statistics is None or leg.statistics.received.packets < start + 5:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)


def handshakes(leg: MediaLeg) -> list[int]:
    return [runner.handshakes for runner in leg.protection._runners]


def test_the_request_that_opens_a_path_and_its_answer() -> None:
    request = opening(b"0123456789ab")
    assert parse(request).attributes == ()
    answer = parse(answer_to(request, FROM) or pytest.fail())
    assert (answer.message_class, answer.transaction_id) == (MessageClass.SUCCESS, b"0123456789ab")
    assert answer.get(XorMappedAddress) == XorMappedAddress(address=FROM)
    assert answer_to(answer_to(request, FROM) or b"", FROM) is None, "an answer is not answered"
    for junk in (b"", request[:-1], bytes(20), b"\x80" * 40):
        assert answer_to(junk, FROM) is None


@pytest.mark.req("DTLS-10")
@pytest.mark.parametrize("answered", [True, False])
async def test_without_ice_the_passive_side_opens_the_path_with_one_request(
    answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def watched(packet: bytes, source: TransportAddress) -> bytes | None:
        seen.append(packet)
        return answer_to(packet, source) if answered else None

    monkeypatch.setattr("ice.paths.reception.answer_to", watched)
    async with legs(ice=False) as (caller, callee):
        await agree(caller, callee)
        await asyncio.gather(caller.start(), callee.start())
        await both_hear(caller, callee)
        assert handshakes(caller) == handshakes(callee) == [1]
        requests = [packet for packet in seen if parse(packet).message_class is MessageClass.REQUEST]
        assert len(requests) == 1, "the offerer is passive"
        assert parse(requests[0]).attributes == ()


@pytest.mark.req("DTLS-8", "DTLS-3")
async def test_without_mux_there_is_an_association_for_each_port() -> None:
    async with legs(mux=False) as (caller, callee):
        await agree(caller, callee)
        await asyncio.gather(caller.start(), callee.start())
        await both_hear(caller, callee)
        assert handshakes(caller) == handshakes(callee) == [1, 1]
        profiles = {runner.profile for leg in (caller, callee) for runner in leg.protection._runners}
        assert len(profiles) == 1


@pytest.mark.req("KEY-14", "DTLS-3")
async def test_a_hello_that_comes_before_we_know_its_sender_is_kept() -> None:
    async with legs() as (caller, callee):
        await agree(caller, callee)
        # The callee is active and begins; the caller has not looked at its path yet.
        starting = asyncio.ensure_future(callee.start())
        await asyncio.sleep(0.5)
        assert not starting.done()
        async with asyncio.timeout(0.45):
            await asyncio.gather(caller.start(), starting)
        await both_hear(caller, callee)


@pytest.mark.req("DTLS-5", "KEY-13", "KEY-6")
async def test_a_re_invite_and_a_restart_make_no_new_handshake() -> None:
    async with legs() as (caller, callee):
        await agree(caller, callee)
        await asyncio.gather(caller.start(), callee.start())
        for offerer, answerer in ((caller, callee), (callee, caller)):
            answer = await answerer.descriptions.answer(offerer.descriptions.offer())
            assert isinstance(answer, bytes)
            answerer.descriptions.answer_sent()
            offerer.descriptions.apply_answer(answer)
        answer = await callee.descriptions.answer(await caller.descriptions.restart_offer())
        assert isinstance(answer, bytes)
        callee.descriptions.answer_sent()
        caller.descriptions.apply_answer(answer)
        await asyncio.gather(caller.descriptions.path_found(), callee.descriptions.path_found())
        await both_hear(caller, callee)
        assert handshakes(caller) == handshakes(callee) == [1]
        for leg in (caller, callee):
            assert leg.statistics is not None
            assert leg.statistics.received.lost == 0
