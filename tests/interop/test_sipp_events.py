"""Scenarios of our own for SIPp: messages, waiting messages, transfers in both roles."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.peers.icephone import icephone
from tests.peers.process import Programs
from tests.peers.sipp import Transport, sipp
from tests.ua.call.three_phones import TALK
from tests.ua.peer import media_peer
from tests.ua.phones import account
from ua.events import EventLog
from ua.phone import Phone
from ua.sip.events.message_summary import MessageSummary

pytestmark = pytest.mark.peer("sipp")

SCENARIOS = Path(__file__).parent / "sipp"


@pytest.mark.req("MSG-1")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(("answer", "exit_code"), [("202 Accepted", 0), ("404 Not Found", 4)])
async def test_a_message_to_sipp(
    programs: Programs, transport: Transport, answer: str, exit_code: int
) -> None:
    text = (SCENARIOS / "message.xml").read_text(encoding="utf-8")
    file = programs.folder / "message.xml"
    file.write_text(text.replace("@ANSWER@", answer), encoding="utf-8")
    server = await sipp(programs, "uas", transport=transport, file=file)
    uri = f"sip:service@127.0.0.1:{server.port};transport={transport}"
    phone = await icephone(programs, "message", uri, "hello from a phone")
    result = await phone.result(exit_code=exit_code)
    assert result["sip_code"] == int(answer[:3])
    assert (await server.finished()).exit_code == 0


@pytest.mark.req("SUB-1")
async def test_sipp_tells_of_waiting_messages(programs: Programs) -> None:
    server = await sipp(programs, "uas", file=SCENARIOS / "subscribe.xml")
    async with Phone(account("alice"), EventLog()) as phone:
        watch = phone.subscribe("message-summary", f"sip:alice@127.0.0.1:{server.port}")
        state = await asyncio.wait_for(anext(watch.states()), 10)
        assert isinstance(state, MessageSummary)
        assert str(state) == "voice-message: 3 new, 4 old"
    assert (await server.finished()).exit_code == 0


@pytest.mark.req("EXT-4", "REF-2", "REF-5")
async def test_sipp_is_transferred(programs: Programs) -> None:
    server = await sipp(programs, "uas", file=SCENARIOS / "transferee.xml")
    async with Phone(account("alice"), EventLog()) as phone:
        call = await phone.place(f"sip:service@127.0.0.1:{server.port}", TALK)
        await call.established()
        result = await asyncio.wait_for(call.transfer("sip:carol@192.0.2.3"), 10)
        assert (result.done, result.status) == (True, 200)
        await call.ended()
    assert (await server.finished()).exit_code == 0


@pytest.mark.req("EXT-4", "REF-1", "REF-4")
async def test_sipp_transfers_us(programs: Programs) -> None:
    async with (
        media_peer() as target,
        Phone(account("bob", accept_transfers="always"), EventLog()) as phone,
    ):
        ringing = asyncio.ensure_future(anext(phone.incoming()))
        await asyncio.sleep(0)
        ours = next(each for each in phone.addresses if "transport" not in each)
        extra = ["-key", "target", f"carol@{target.host}:{target.port}"]
        caller = await sipp(
            programs, "uac", target=ours.partition("@")[2], file=SCENARIOS / "transferor.xml", extra=extra
        )
        call = await ringing
        await call.accept(TALK)
        invite = await target.receive_request("INVITE")
        replaces = invite.headers.first("replaces") or ""
        assert replaces.startswith("abc@127.0.0.1;to-tag=t1;from-tag=f1")
        target.answer(invite, 486)
        await call.ended()
    assert (await caller.finished()).exit_code == 0
