"""What happens at the same time: answers, CANCEL, BYE, hang-up and re-INVITE in every unlucky order."""

from __future__ import annotations

import asyncio

import pytest

from ice.net.firewall import FirewallNetwork, FirewallPolicy
from ice.net.network import DatagramReceiver, UdpSocket
from ice.net.sockets import HostNetwork
from tests.ua.peer import media_peer
from tests.ua.phones import account, pair
from ua.errors import Interrupted, ResultCode
from ua.events import EventLog, LogEntry
from ua.phone import Phone
from ua.plan import Echo, MediaPlan, Tone
from ua.sip.dialog import Dialog
from ua.sip.syntax.message import make_response
from ua.sip.transaction.machine import make_cancel

TALK = MediaPlan(source=Tone(hz=440), duration_s=0.4)
STAY = MediaPlan(source=Tone(hz=440))
LISTEN = MediaPlan(source=Echo())


class SlowNetwork(HostNetwork):
    """A host whose sockets are not to be had before `go_on` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def bind_udp(self, host: str, port: int, on_datagram: DatagramReceiver) -> UdpSocket:
        await self.go_on.wait()
        return await super().bind_udp(host, port, on_datagram)


def first_lines(log: EventLog, direction: str) -> list[str]:
    return [
        str(entry.data["text"]).split("\r\n", 1)[0]
        for entry in log.entries
        if entry.name == "message" and entry.data["direction"] == direction
    ]


async def test_hanging_up_while_gathering_rings_nobody() -> None:
    async with pair() as phones:
        call = await phones.alice.place(phones.bob_uri(), STAY)
        call.hang_up()
        result = await call.ended()
        with pytest.raises(Interrupted):
            await call.established()
    assert result.result is ResultCode.INTERRUPTED
    assert phones.messages("alice", "out") == []


async def test_a_callee_who_hangs_up_while_gathering_refuses_the_call() -> None:
    async with pair() as phones:
        call, ringing = await phones.ring(STAY)
        await ringing.accept(LISTEN)
        ringing.hang_up()
        caller, callee = await asyncio.gather(call.ended(), ringing.ended())
    assert caller.sip_code == 480
    assert callee.result is ResultCode.INTERRUPTED
    heard = [str(entry.data["text"]) for entry in phones.log.entries if entry.name == "message"]
    assert not any(text.startswith("SIP/2.0 200") and " INVITE\r\n" in text for text in heard)


async def test_a_200_that_crosses_our_cancel_is_acknowledged_and_ended() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 180)
        while call.state != "ringing":  # noqa: ASYNC110 - the state has no event
            await asyncio.sleep(0)
        call.hang_up()
        await peer.receive_request("CANCEL")
        peer.accept(invite, peer.sdp())
        await peer.receive_request("ACK")
        await peer.finish()
        result = await call.ended()
    assert result.result is ResultCode.INTERRUPTED


async def test_hanging_up_in_the_instant_of_the_200_says_bye() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), STAY)

        def hang_up(entry: LogEntry) -> None:
            if entry.name == "message" and str(entry.data["text"]).startswith("SIP/2.0 200"):
                call.hang_up()

        log.subscribe(hang_up)
        invite = await peer.receive_request("INVITE")
        peer.accept(invite, peer.sdp())
        await peer.receive_request("ACK")
        await peer.finish()
        await call.ended()
    assert not any(line.startswith("CANCEL") for line in first_lines(log, "out"))


async def test_a_cancel_while_the_callee_gathers_is_487_and_no_200() -> None:
    log = EventLog()
    network = SlowNetwork()
    async with media_peer() as peer, Phone(account("bob"), log, network=network) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp())
        call = await waiting
        await call.accept(LISTEN)
        peer.send(make_cancel(invite))
        assert (await peer.receive_response(487)).cseq.method == "INVITE"
        network.go_on.set()
        result = await call.ended()
        assert await peer.silent(0.1)
    assert result.sip_code == 487


async def test_a_cancel_behind_our_200_changes_nothing() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("bob"), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp())
        call = await waiting
        await call.accept(STAY)
        answer = await peer.receive_response(200)
        peer.send(make_cancel(invite))
        assert (await peer.receive_response(200)).cseq.method == "CANCEL"
        dialog = Dialog.of_caller(invite, answer)
        peer.ack(dialog, invite)
        await call.established()
        peer.ask(dialog, "BYE")
        await peer.receive_response(200)
        result = await call.ended()
    assert result.result is ResultCode.OK


async def test_bye_while_ringing_ends_the_invite_as_well() -> None:
    """RFC 3261 §15: a caller may end an early dialog by BYE; the INVITE still gets its answer."""
    log = EventLog()
    async with media_peer() as peer, Phone(account("bob"), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], peer.sdp())
        call = await waiting
        dialog = Dialog.of_caller(invite, await peer.receive_response(180))
        bye = peer.ask(dialog, "BYE")
        answers = [await peer.receive(), await peer.receive()]
        assert {(each.status, each.cseq.method) for each in answers} == {(200, "BYE"), (487, "INVITE")}  # type: ignore[union-attr]
        async with asyncio.timeout(2):
            result = await call.ended()
    assert bye.method == "BYE"
    assert result.sip_code == 487


async def test_a_bye_before_ice_has_a_path_ends_the_call_at_once() -> None:
    closed = FirewallPolicy(udp="blocked", tcp_inbound="blocked")
    async with pair(network=FirewallNetwork(HostNetwork(), closed)) as phones:

        def hang_up(entry: LogEntry) -> None:
            if (entry.party, entry.name, entry.data.get("state")) == ("bob", "state", "connecting"):
                ringing.hang_up()

        call, ringing = await phones.ring(STAY)
        phones.log.subscribe(hang_up)
        await ringing.accept(LISTEN)
        async with asyncio.timeout(5):
            caller, callee = await asyncio.gather(call.ended(), ringing.ended())
    assert callee.result is ResultCode.INTERRUPTED
    assert caller.result in (ResultCode.NO_MEDIA_PATH, ResultCode.OK)
    assert phones.messages("alice", "in")[-1].startswith("BYE")


async def test_a_phone_that_is_switched_off_does_not_wait_for_a_silent_peer() -> None:
    log = EventLog()
    loop = asyncio.get_running_loop()
    async with media_peer() as peer:
        async with Phone(account("alice"), log) as phone:
            call = await phone.place(str(peer.uri), STAY)
            invite = await peer.receive_request("INVITE")
            peer.accept(invite, peer.sdp())
            await call.established()
            begin = loop.time()
        took = loop.time() - begin
        async with asyncio.timeout(5):
            result = await call.ended()
    assert took < 5
    assert result.result is ResultCode.OK


async def test_a_200_with_another_to_tag_than_the_180_is_the_call() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), TALK)
        invite = await peer.receive_request("INVITE")
        peer.answer(invite, 180, tag="one")
        peer.accept(invite, peer.sdp(), tag="two")
        assert (await peer.receive_request("ACK")).to.tag == "two"
        await call.established()
        bye = await peer.receive_request("BYE")
        peer.send(make_response(bye, 200))
        result = await call.ended()
        packets = peer.packets()
    assert bye.to.tag == "two"
    assert len(packets) >= 10
    assert result.result is ResultCode.OK


async def test_a_second_200_of_a_fork_is_acknowledged_and_ended_while_the_first_talks() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        peer.accept(invite, peer.sdp(), tag="one")
        await call.established()
        peer.accept(invite, peer.sdp(formats="8"), tag="two")
        bye = await peer.receive_request("BYE")
        peer.send(make_response(bye, 200))
        assert bye.to.tag == "two"
        assert call.state == "established"
        call.hang_up()
        bye = await peer.receive_request("BYE")
        peer.send(make_response(bye, 200))
        result = await call.ended()
    assert bye.to.tag == "one"
    assert result.codec == "PCMU"


async def test_two_phones_that_call_each_other_at_once_have_two_calls() -> None:
    async with pair() as phones:
        at_alice = asyncio.ensure_future(anext(phones.alice.incoming()))
        at_bob = asyncio.ensure_future(anext(phones.bob.incoming()))
        await asyncio.sleep(0)
        out = await phones.alice.place(phones.bob_uri(), TALK)
        back = await phones.bob.place(phones.alice.addresses[0], TALK)
        for ringing in await asyncio.gather(at_alice, at_bob):
            await ringing.accept(LISTEN)
        results = await asyncio.gather(out.ended(), back.ended())
    assert [each.result for each in results] == [ResultCode.OK, ResultCode.OK]
    assert results[0].call_id != results[1].call_id


async def test_a_phone_may_call_itself() -> None:
    log = EventLog()
    async with Phone(account("alice"), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        call = await phone.place(phone.addresses[0], TALK)
        ringing = await waiting
        await ringing.accept(LISTEN)
        results = await asyncio.gather(call.ended(), ringing.ended())
    assert [each.result for each in results] == [ResultCode.OK, ResultCode.OK]


async def test_a_bye_on_the_heels_of_the_200_ends_the_call() -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("alice"), log) as phone:
        call = await phone.place(str(peer.uri), STAY)
        invite = await peer.receive_request("INVITE")
        peer.ask(peer.accept(invite, peer.sdp()), "BYE")
        assert (await peer.receive_response(200)).cseq.method == "BYE"
        async with asyncio.timeout(2):
            result = await call.ended()
        assert not phone._engine._sessions
    assert result.result in (ResultCode.NO_MEDIA_PATH, ResultCode.OK)


@pytest.mark.parametrize("late", [True, False])
async def test_a_bye_on_the_heels_of_the_ack_ends_the_call(late: bool) -> None:
    log = EventLog()
    async with media_peer() as peer, Phone(account("bob"), log) as phone:
        waiting = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        invite = peer.call(phone.addresses[0], b"" if late else peer.sdp())
        call = await waiting
        await call.accept(STAY)
        dialog = Dialog.of_caller(invite, await peer.receive_response(200))
        peer.ack(dialog, invite, peer.sdp() if late else b"")
        peer.ask(dialog, "BYE")
        assert (await peer.receive_response(200)).cseq.method == "BYE"
        async with asyncio.timeout(2):
            result = await call.ended()
        assert not phone._engine._sessions
    assert result.result in (ResultCode.NO_MEDIA_PATH, ResultCode.OK)
