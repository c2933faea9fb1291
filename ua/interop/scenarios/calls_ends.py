"""Calls that end before they are answered, and after; who may call, and who is said to."""

from __future__ import annotations

import asyncio
from typing import Final

from ua.call.state import CallState
from ua.call.waiting import first
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import Tone
from ua.sip.syntax.uri import Uri

SOON_S: Final = 10.0
"""Within this time a caller is told that nobody is there."""

BYE_S: Final = 5.0
"""Seconds that BYE and CANCEL may take from one phone to the other."""

RINGS_S: Final = 3.0
"""A number that nobody answers rings as long as this at least."""


@scenario(
    id="calls.no_answer",
    title="A number that nobody answers rings, and goes on ringing",
    rfc="RFC 3261 §13.2.2.1",
    needs={"no_answer"},
)
async def no_answer(stage: Stage) -> None:
    async with stage.ringing("no_answer") as call:
        await stage.expect.messages("sent INVITE", "received 18x INVITE", call=call)
        answered = await first(asyncio.sleep(RINGS_S), call.established(), call.ended())
        where = stage.expect.last_of(call)
        await stage.expect.that(
            lambda: answered,
            f"it rings for {RINGS_S:g} s and more",
            f"the call is {call.state.value}",
            cause="answered" if call.state is CallState.ESTABLISHED else "rejected",
            where=where,
            advice="does the peer divert calls that are not answered, to voice mail for example?",
            limit_s=0,
        )


@scenario(
    id="calls.absent",
    title="A call of a user who has no phone is refused, and soon",
    rfc="RFC 3261 §21.4.18",
    needs={"second_account", "registrar"},
)
async def absent(stage: Stage) -> None:
    async with stage.phone(0, registered=True) as caller:
        async with stage.phone(1, registered=True):
            pass  # it was here, and is removed
        async with stage.ringing(stage.address(1), phone=caller) as call:
            await stage.expect.status(call, 480, 404, 408, 410, 486, 603, 604, limit_s=SOON_S)


@scenario(
    id="calls.given_up_at_a_user",
    title="A caller gives up, and the phone that rings stops",
    rfc="RFC 3261 §9.2",
    needs={"second_account", "registrar"},
)
async def given_up_at_a_user(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as caller,
        stage.arriving(caller, callee) as (call, called),
    ):
        call.hang_up()
        await stage.expect.messages(
            "received INVITE",
            "received CANCEL",
            "sent 487 INVITE",
            call=called,
            limit_s=BYE_S,
            cause="cancel_lost",
            advice="a CANCEL has to go where the INVITE went, at once (RFC 3261 §16.10)",
        )
        await stage.expect.messages("sent CANCEL", "received 200 CANCEL", call=call)
        await stage.expect.messages("sent CANCEL", "received 487 INVITE", "sent ACK", call=call)


@scenario(
    id="calls.ended_by_a_user",
    title="Who was called hangs up, and the caller is told by BYE",
    rfc="RFC 3261 §15",
    needs={"second_account", "registrar"},
)
async def ended_by_a_user(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (call, called),
    ):
        await stage.expect.audio(called, tone=440)
        called.hang_up()
        await stage.expect.ended_by(call, "peer", limit_s=BYE_S)
    await stage.expect.messages("sent BYE", "received 200 BYE", call=called)


@scenario(
    id="calls.caller",
    title="Who is called sees who calls",
    rfc="RFC 3261 §8.1.1.3",
    needs={"second_account", "registrar"},
)
async def caller(stage: Stage) -> None:
    user = stage.user(0)
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as calling,
        stage.arriving(calling, callee) as (_, called),
    ):
        named = [called.remote_uri, *(str(each.uri) for each in called.identity.asserted)]
        await stage.expect.that(
            lambda: user is not None and any(Uri.parse(each).user == user.user for each in named),
            f"the call comes from {stage.address(0)}",
            f"it comes from {' and '.join(named)}",
            cause="wrong_caller",
            where=stage.expect.last_of(called),
            advice="in Asterisk: callerid and trust_id_outbound of the endpoint; calls cannot be returned so",
            limit_s=0,
        )


@scenario(
    id="calls.wrong_password",
    title="A call with a wrong password is refused",
    rfc="RFC 3261 §22.2",
    needs={"account", "wrong_password", "echo"},
)
async def wrong_password(stage: Stage) -> None:
    async with stage.ringing("echo", password="this is none") as call:  # noqa: S106
        await stage.expect.status(call, 401, 403, 407)
