"""Calls: placed, refused, given up, ended by either side."""

from __future__ import annotations

from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.plan import Tone


@scenario(
    id="calls.echo",
    title="A call is answered and gives back what it hears",
    rfc="RFC 3261 §13",
    needs={"echo"},
    basic=True,
)
async def echo(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=1000)) as call:
        await stage.expect.audio(call, tone=1000)
    await stage.expect.messages(
        "sent INVITE", "received 200 INVITE", "sent ACK", "sent BYE", "received 200 BYE"
    )


@scenario(
    id="calls.busy",
    title="A call of somebody who is busy is refused",
    rfc="RFC 3261 §21.4.24",
    needs={"busy"},
    basic=True,
)
async def busy(stage: Stage) -> None:
    async with stage.ringing("busy") as call:
        await stage.expect.status(call, 486, 600)
    await stage.expect.messages("sent INVITE", "received 4xx INVITE", "sent ACK", call=call)
