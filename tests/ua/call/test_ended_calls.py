"""A call that is over is let go of, while what absorbs repeats lives on (RFC 3261 §17, RFC 6026)."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from tests.peers.process import until
from tests.ua.peer import MediaPeer, media_peer
from tests.ua.phones import account, pair
from ua.call.call import Call
from ua.errors import CallRejected
from ua.events import EventLog
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.message import Request, make_response
from ua.sip.transaction.machine import make_cancel

PLAN = MediaPlan(source=Tone(hz=440))


class Ended:
    """Weak references to all of some calls that must not outlive them."""

    def __init__(self, *calls: Call) -> None:
        self._parts: list[weakref.ref[Any]] = []
        for call in calls:
            parts: list[object] = [call]
            media = call._media
            if media is not None:
                binding = media.descriptions.side.binding
                parts += [media, media._audio.source, media._audio.sink, media._session, binding]
                parts.append(getattr(binding, "session", binding))
            self._parts += [weakref.ref(part) for part in parts if part is not None]

    async def gone(self) -> None:
        """Wait until none is alive; the tasks that ran them end first."""
        assert self._parts
        await until(lambda: not self._left(), "the calls are let go of", 15)

    def _left(self) -> list[str]:
        gc.collect()
        return [type(part).__name__ for ref in self._parts if (part := ref()) is not None]


def transactions(phone: Phone) -> int:
    """How many still absorb repeats."""
    assert phone._endpoint is not None
    return phone._endpoint.alive.get("transactions", 0)


async def placed(phone: Phone, peer: MediaPeer) -> tuple[Ended, Request, Dialog]:
    """A call of ours that was answered and hung up."""
    call = await phone.place(str(peer.uri), PLAN)
    invite = await peer.receive_request("INVITE")
    dialog = peer.accept(invite, peer.sdp())
    await call.established()
    ended = Ended(call)
    call.hang_up()
    await peer.finish()
    await call.ended()
    return ended, invite, dialog


async def taken(phone: Phone, peer: MediaPeer) -> tuple[Ended, Request, Request, Dialog]:
    """A call of the peer that was answered, and that the peer has hung up: its INVITE and BYE."""
    ringing = asyncio.ensure_future(anext(phone.incoming()))
    await asyncio.sleep(0)
    invite = peer.call(phone.addresses[0], peer.sdp())
    call = await ringing
    await call.accept(PLAN)
    dialog = Dialog.of_caller(invite, await peer.receive_response(200))
    peer.ack(dialog, invite)
    await call.established()
    ended = Ended(call)
    bye = peer.ask(dialog, "BYE")
    await peer.receive_response(200)
    await call.ended()
    return ended, invite, bye, dialog


async def refused(peer: MediaPeer, dialog: Dialog, method: str) -> None:
    """A late request in the dialog gets 481."""
    peer.ask(dialog, method)
    assert (await peer.receive_response(481)).cseq.method == method


@pytest.mark.req("TXN-3")
async def test_a_placed_call_is_gone_while_its_2xx_still_gets_the_ack() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        ended, invite, dialog = await placed(phone, peer)
        await ended.gone()
        assert transactions(phone)
        peer.accept(invite, peer.sdp())
        ack = await peer.receive_request("ACK", repeats=True)
        assert (ack.cseq.number, ack.to.tag) == (invite.cseq.number, "peer")
        await refused(peer, dialog, "INFO")


async def test_another_phone_that_answers_a_call_that_is_over_gets_ack_and_bye() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        ended, invite, _ = await placed(phone, peer)
        await ended.gone()
        peer.accept(invite, peer.sdp(), tag="other")
        assert (await peer.receive_request("ACK")).to.tag == "other"
        bye = await peer.receive_request("BYE")
        assert bye.to.tag == "other"
        peer.send(make_response(bye, 200))


@pytest.mark.req("TXN-17", "DLG-7")
async def test_a_taken_call_is_gone_while_its_requests_still_get_their_answers() -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        ended, invite, bye, dialog = await taken(phone, peer)
        await ended.gone()
        assert transactions(phone)
        # RFC 6026 §7.1: the INVITE again is absorbed once it has its 2xx.
        peer.send(invite)
        peer.send(bye)
        assert (await peer.receive_response(200)).cseq.method == "BYE"
        await refused(peer, dialog, "INFO")


async def test_a_call_whose_2xx_nobody_acknowledges_is_gone_once_the_caller_hangs_up() -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        ringing = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp())
        call = await ringing
        await call.accept(PLAN)
        answer = await peer.receive_response(200)
        dialog = Dialog.of_caller(invite, answer)
        await call.established()
        ended = Ended(call)
        peer.ask(dialog, "BYE")
        await call.ended()
        del call, ringing
        await ended.gone()
        # The 2xx is repeated all the same, until its ACK comes.
        while (again := await peer.receive("200", 15)).cseq.method != "INVITE":
            pass
        assert again == answer
        peer.ack(dialog, invite)


async def test_a_rejected_call_is_gone_while_its_failure_still_gets_the_ack() -> None:
    async with media_peer() as peer, Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(str(peer.uri), PLAN)
        invite = await peer.receive_request("INVITE")
        ended = Ended(call)
        failure = peer.answer(invite, 603)
        first = await peer.receive_request("ACK")
        with pytest.raises(CallRejected):
            await call.established()
        await call.ended()
        del call
        await ended.gone()
        assert transactions(phone)
        peer.send(failure)
        assert await peer.receive_request("ACK", repeats=True) == first


async def test_a_cancelled_call_is_gone_while_its_487_is_repeated() -> None:
    async with media_peer() as peer, Phone(account("bob"), EventLog()) as phone:
        ringing = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp())
        call = await ringing
        ended = Ended(call)
        peer.send(make_cancel(invite))
        terminated = await peer.receive_response(487)
        await call.ended()
        del call, ringing
        await ended.gone()
        peer.send(invite)
        assert await peer.receive_response(487) == terminated


@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        MediaPlan(source=Tone(hz=440), path="tcp"),
        MediaPlan(source=Tone(hz=440), leaves_offer=True),
        MediaPlan(source=Tone(hz=440), media="tcp"),
    ],
    ids=["udp", "tcp", "delayed offer", "tcp without ice"],
)
async def test_both_sides_of_a_call_are_gone(plan: MediaPlan) -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(plan)
        await ringing.accept(MediaPlan(source=Echo()))
        await asyncio.gather(call.established(), ringing.established())
        ended = Ended(call, ringing)
        call.hang_up()
        await asyncio.gather(call.ended(), ringing.ended())
        del call, ringing
        await ended.gone()
        assert transactions(phones.alice)
        assert transactions(phones.bob)
