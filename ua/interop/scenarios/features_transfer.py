"""Transfers: calls that are handed over to somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

from ua.call.call import Call
from ua.call.state import CallState
from ua.call.transfer import TransferResult
from ua.interop.failure import Failure, Unmet
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import Tone

TOLD_S: Final = 10.0
"""Seconds within which the one who transfers is told what became of it."""


@scenario(
    id="features.transfer",
    title="A call is transferred blindly: the other side hears the tone it was sent to, our call ends",
    rfc="RFC 5589 §6.1",
    needs={"second_account", "registrar", "transfer", "tone"},
)
async def transfer(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True, accept_transfers="always") as callee,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=700)) as (call, called),
    ):
        await stage.expect.audio(called, tone=440)
        result = await _told(stage, call.transfer(stage.uri("tone")))
        await _is_done(stage, call, result)
        await stage.expect.audio(_now(called), tone=1000)
        await _ended(stage, call)
        await _let_go(stage, called)


@scenario(
    id="features.transfer_fails",
    title="A transfer to a number that does not exist fails, and the call goes on",
    rfc="RFC 5589 §6.2",
    needs={"second_account", "registrar", "transfer", "no_such_number"},
)
async def transfer_fails(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True, accept_transfers="always") as callee,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (call, called),
    ):
        await stage.expect.audio(called, tone=440)
        result = await _told(stage, call.transfer(stage.uri("no_such_number")))
        await stage.expect.that(
            lambda: not result.done,
            "the transfer fails, by the answer to the REFER or by a NOTIFY",
            f"we were told {result.reason}",
            cause="transfer_lies",
            where=stage.expect.last_of(call),
            advice="the final NOTIFY has to tell what the new call has ended with (RFC 3515 §2.4.5)",
            limit_s=0,
        )
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.audio(called, tone=440)


@scenario(
    id="features.attended_transfer",
    title="Two calls are joined (Replaces): those whom we have called hear each other, and our calls end",
    rfc="RFC 5589 §7",
    needs={"third_account", "registrar", "attended_transfer"},
)
async def attended_transfer(stage: Stage) -> None:
    async with (
        stage.phone(2, registered=True, accept_transfers="always") as third,
        stage.phone(1, registered=True, accept_transfers="always") as second,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, second, Tone(hz=700), Tone(hz=440)) as (one, one_called),
        stage.between(caller, third, Tone(hz=700), Tone(hz=HZ), to=2) as (other, other_called),
    ):
        await stage.expect.audio(one, tone=440)
        await stage.expect.audio(other, tone=HZ)
        result = await _told(stage, one.transfer_to(other))
        await _is_done(stage, one, result)
        await stage.expect.audio(_now(one_called), tone=HZ)
        await stage.expect.audio(_now(other_called), tone=440)
        await _ended(stage, one)
        await _let_go(stage, one_called)
        await _let_go(stage, other_called)


# --- what they share --------------------------------------------------------------------------------------


def _now(call: Call) -> Call:
    """The call that has taken the place of this one; itself where the peer itself has connected it anew."""
    return call.successor or call


async def _told(stage: Stage, asking: Awaitable[TransferResult]) -> TransferResult:
    """What became of a transfer; raises Unmet where nobody tells."""
    with stage.step("waiting to be told what became of the transfer"):
        try:
            async with asyncio.timeout(TOLD_S):
                return await asking
        except TimeoutError:
            raise Unmet(
                Failure(
                    cause="no_notify",
                    expected="a NOTIFY tells what became of the transfer",
                    seen=f"none has told it within {TOLD_S:g} s",
                    where=stage.last_message(),
                    advice="the peer has to tell the end of the new call (RFC 3515 §2.4.4), or to pass it on",
                )
            ) from None


async def _is_done(stage: Stage, call: Call, result: TransferResult) -> None:
    await stage.expect.that(
        lambda: result.done,
        "the REFER is taken, and a NOTIFY tells that the new call stands",
        f"we were told: {result.reason}",
        cause="transfer_failed",
        where=stage.expect.last_of(call),
        advice="does the peer let this user transfer calls? In Asterisk: allow_transfer=yes",
        limit_s=0,
    )


async def _ended(stage: Stage, call: Call) -> None:
    """It is over."""
    await stage.expect.that(
        lambda: call.state is CallState.ENDED,
        "the call ends",
        lambda: f"it is {call.state.value}",
        cause="no_end",
        where=stage.expect.last_of(call),
    )


async def _let_go(stage: Stage, call: Call) -> None:
    """Hang up what came of a call."""
    now = _now(call)
    now.hang_up()
    await _ended(stage, now)
