"""Several calls at a time, and calls that come to phones over connections that these have opened."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from typing import Final

from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import Tone
from ua.sip.transport.hop import SipTransport

BOTH_S: Final = 6.0
"""Seconds within which both phones ring."""

TONES: Final = (440.0, 700.0, 1004.0, 1500.0)
"""Of several calls, Hz: none is a multiple of another."""


@scenario(
    id="calls.several",
    title="Four calls of one phone stand at the same time, and each hears its own tone",
    rfc="RFC 3261 §12",
    needs={"echo"},
)
async def several(stage: Stage) -> None:
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(stage.phone())
        ringing = [
            await stack.enter_async_context(stage.ringing("echo", Tone(hz=hz), phone=phone)) for hz in TONES
        ]
        for call in ringing:
            await stage.expect.answer(call)
        for call, hz in zip(ringing, TONES, strict=True):
            await stage.expect.audio(call, tone=hz)


@scenario(
    id="calls.second",
    title="A second call reaches a phone that is talking, and the first one goes on",
    rfc="RFC 3261 §12",
    needs={"second_account", "registrar"},
)
async def second(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (first, first_called),
    ):
        await stage.expect.audio(first, tone=HZ)
        async with stage.between(caller, callee, Tone(hz=700), Tone(hz=1500)) as (other, other_called):
            await stage.expect.audio(other, tone=1500)
            await stage.expect.audio(other_called, tone=700)
        await stage.expect.audio(first, tone=HZ)
        await stage.expect.audio(first_called, tone=440)


@scenario(
    id="calls.fork",
    title="A call rings at both phones of a user; where one answers, the other one stops",
    rfc="RFC 3261 §16.7",
    needs={"second_account", "registrar", "several_contacts", "forks"},
)
async def fork(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True, instance=uuid.uuid4().urn, party="desk") as desk,
        stage.phone(1, registered=True, instance=uuid.uuid4().urn, party="mobile") as mobile,
        stage.phone(0, registered=True, party="caller") as caller,
    ):
        coming = [asyncio.ensure_future(stage.rings(each, limit_s=BOTH_S)) for each in (desk, mobile)]
        await asyncio.sleep(0)  # both take calls from now on
        try:
            async with stage.ringing(stage.address(1), Tone(hz=440), phone=caller) as call:
                called, other = await asyncio.gather(*coming)
                async with stage.answered(called, Tone(hz=HZ)):
                    await stage.expect.answer(call)
                    await stage.expect.audio(call, tone=HZ)
                    await stage.expect.messages(
                        "received INVITE",
                        "received CANCEL",
                        "sent 487 INVITE",
                        call=other,
                        cause="cancel_lost",
                        advice="once one phone has answered, the others get a CANCEL (RFC 3261 §16.7)",
                    )
        finally:
            for each in coming:
                each.cancel()
            await asyncio.gather(*coming, return_exceptions=True)


@scenario(
    id="calls.to_tcp",
    title="A phone that registered over TCP is called by the connection that it has opened",
    rfc="RFC 5626 §5.3",
    needs={"second_account", "registrar", "tcp"},
)
async def to_tcp(stage: Stage) -> None:
    await _called_over(stage, "tcp")


@scenario(
    id="calls.to_tls",
    title="A phone that registered over TLS is called by the connection that it has opened",
    rfc="RFC 5626 §5.3",
    needs={"second_account", "registrar", "tls"},
)
async def to_tls(stage: Stage) -> None:
    await _called_over(stage, "tls")


@scenario(
    id="calls.to_ws",
    title="A phone that registered over WebSocket is called by the connection that it has opened",
    rfc="RFC 7118 §5",
    needs={"second_account", "registrar", "ws"},
)
async def to_ws(stage: Stage) -> None:
    await _called_over(stage, "ws")


async def _called_over(stage: Stage, transport: SipTransport) -> None:
    """Call a phone that is registered over this transport; the call comes by its connection."""
    async with (
        stage.phone(1, registered=True, transport=transport, party="called") as callee,
        stage.phone(0, registered=True, party="caller") as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (call, called),
    ):
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.audio(called, tone=440)
    seen = [each for each in stage.expect.messages_of(None) if each.party == "called"]
    mine = next(each for each in seen if each.sent and each.is_a("REGISTER"))
    invite = next(each for each in seen if not each.sent and each.is_a("INVITE"))
    await stage.expect.that(
        lambda: (invite.transport, invite.local, invite.remote) == (transport, mine.local, mine.remote),
        f"the INVITE comes by the {transport.upper()} connection from {mine.local} to {mine.remote}",
        f"it came over {invite.transport.upper()} from {invite.remote} to {invite.local}",
        cause="new_connection",
        where=invite.place(stage.started),
        advice="behind a NAT or a firewall no other connection gets to the phone: calls have to take "
        "the one of its registration",
        limit_s=0,
    )
