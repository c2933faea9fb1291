"""What three of our phones can do through a real proxy, over each transport: messages and transfers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.certificates import Authority
from tests.peers.kamailio import Kamailio, kamailio
from tests.peers.process import Programs
from tests.peers.proxied import WAYS, transport_of, transports, user
from tests.ua.call.three_phones import TALK
from tests.ua.peer import media_peer
from ua.call.call import Call
from ua.call.incoming import IncomingCall
from ua.errors import ResultCode
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.events.message_summary import MessageSummary

pytestmark = pytest.mark.peer("kamailio-tls")

EVERY_WAY = pytest.mark.parametrize("way", WAYS)


class Three:
    """Alice, Bob and Carol at a proxy, with one log."""

    def __init__(self, proxy: Kamailio, alice: Phone, bob: Phone, carol: Phone, log: EventLog) -> None:
        self.proxy = proxy
        self.alice = alice
        self.bob = bob
        self.carol = carol
        self.log = log

    async def connect(self, caller: Phone, callee: Phone, name: str) -> tuple[Call, IncomingCall]:
        """A call to `name` that has media."""
        ringing = await next_call(callee)
        call = await caller.place(self.proxy.uri(name), TALK)
        answered = await ringing
        await answered.accept(TALK)
        await asyncio.gather(call.established(), answered.established())
        return call, answered


async def next_call(phone: Phone) -> asyncio.Future[IncomingCall]:
    """The next call that rings there."""
    ringing = asyncio.ensure_future(anext(phone.incoming()))
    await asyncio.sleep(0)
    return ringing


@asynccontextmanager
async def three(programs: Programs, authority: Authority, way: str) -> AsyncIterator[Three]:
    """Three phones that are registered; they do what they are asked to."""
    log = EventLog()
    async with kamailio(programs, certificate=authority.issue(dns=["localhost"])) as proxy:

        def phone(name: str) -> Phone:
            return Phone(user(name, proxy, way, authority, accept_transfers="always"), log)

        async with phone("alice") as alice, phone("bob") as bob, phone("carol") as carol:
            await asyncio.gather(*(each.register(expires=300) for each in (alice, bob, carol)))
            yield Three(proxy, alice, bob, carol, log)
        assert transports(log) <= {transport_of(way), "tcp" if way == "udp" else None}


@pytest.mark.req("MSG-1")
@EVERY_WAY
async def test_messages(programs: Programs, authority: Authority, way: str) -> None:
    async with three(programs, authority, way) as phones:
        came = asyncio.ensure_future(anext(phones.bob.messages()))
        await asyncio.sleep(0)
        sent = await phones.alice.message(phones.proxy.uri("bob"), "on my way, Zoë")
        assert (sent.accepted, sent.status) == (True, 200)
        message = await came
        assert (message.text, message.sender) == ("on my way, Zoë", f"sip:alice@{phones.proxy.host}")
        nobody = await phones.alice.message(phones.proxy.uri("nobody"), "hello")
        assert (nobody.accepted, nobody.status) == (False, 404)


@pytest.mark.req("EXT-4", "REF-1", "REF-2")
@EVERY_WAY
async def test_an_attended_transfer(programs: Programs, authority: Authority, way: str) -> None:
    async with three(programs, authority, way) as phones:
        first, at_bob = await phones.connect(phones.alice, phones.bob, "bob")
        second, at_carol = await phones.connect(phones.alice, phones.carol, "carol")
        replacing = await next_call(phones.carol)
        result = await asyncio.wait_for(first.transfer_to(second), 10)
        assert (result.done, result.status) == (True, 200), result
        for ended in (first, second, at_bob, at_carol):
            assert (await asyncio.wait_for(ended.ended(), 15)).result is ResultCode.OK
        replacing.cancel()
        assert at_bob.successor is not None
        await at_bob.successor.established()
        at_bob.successor.hang_up()
        assert (await at_bob.successor.ended()).result is ResultCode.OK


@pytest.mark.req("EXT-4", "REF-1")
@EVERY_WAY
async def test_a_blind_transfer(programs: Programs, authority: Authority, way: str) -> None:
    async with three(programs, authority, way) as phones:
        call, at_bob = await phones.connect(phones.alice, phones.bob, "bob")
        ringing = await next_call(phones.carol)
        transfer = asyncio.ensure_future(call.transfer(phones.proxy.uri("carol")))
        at_carol = await asyncio.wait_for(ringing, 10)
        await at_carol.accept(TALK)
        result = await asyncio.wait_for(transfer, 10)
        assert (result.done, result.status) == (True, 200)
        await asyncio.wait_for(at_bob.ended(), 15)
        await at_carol.established()
        at_carol.hang_up()
        assert (await at_carol.ended()).result is ResultCode.OK


@pytest.mark.req("SUB-1")
@pytest.mark.peer("kamailio-presence")
@EVERY_WAY
async def test_waiting_messages(programs: Programs, authority: Authority, way: str) -> None:
    """A mailbox publishes how many there are, first before and then while the phone watches."""
    issued = authority.issue(dns=["localhost"])
    async with (
        kamailio(programs, certificate=issued, presence=True) as proxy,
        Phone(user("alice", proxy, way, authority), EventLog()) as alice,
        media_peer() as mailbox,
    ):
        await alice.register(expires=300)

        async def publish(voice: str) -> None:
            rows = (
                ("Event", "message-summary"),
                ("Expires", "300"),
                ("Content-Type", "application/simple-message-summary"),
            )
            body = f"Messages-Waiting: yes\r\nVoice-Message: {voice}\r\n".encode()
            mailbox.request_outside(proxy.uri("alice"), "PUBLISH", *rows, body=body)
            await mailbox.receive_response(200)

        await publish("3/4 (1/0)")
        states = alice.subscribe("message-summary").states()
        for voice, text in (("", "voice-message: 3 new, 4 old"), ("5/4", "voice-message: 5 new, 4 old")):
            if voice:
                await publish(voice)
            state = await asyncio.wait_for(anext(states), 10)
            assert isinstance(state, MessageSummary)
            assert str(state).startswith(text)
