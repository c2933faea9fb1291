"""Calls: placed, answered, refused, given up, ended by either side."""

from __future__ import annotations

from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import Tone


@scenario(
    id="calls.options",
    title="The peer answers OPTIONS",
    rfc="RFC 3261 §11",
    needs={"options"},
    basic=True,
)
async def options(stage: Stage) -> None:
    async with stage.phone() as phone:
        told = await phone.options(stage.peer.uri)
    await stage.expect.that(
        lambda: told.status < 500,
        "OPTIONS get an answer that is no error of the server",
        f"{told.status} {told.reason}",
        cause="server_error",
    )


@scenario(
    id="calls.echo",
    title="A call is answered and gives back what it hears",
    rfc="RFC 3261 §13",
    needs={"echo"},
    basic=True,
)
async def echo(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ)) as call:
        await stage.expect.audio(call, tone=HZ)
    await stage.expect.messages(
        "sent INVITE", "received 200 INVITE", "sent ACK", "sent BYE", "received 200 BYE", call=call
    )


@scenario(
    id="calls.ourselves",
    title="A call of our own number comes back to our phone, and both ends hear each other",
    rfc="RFC 3261 §16",
    needs={"account", "registrar", "calls_ourselves"},
    basic=True,
)
async def ourselves(stage: Stage) -> None:
    async with (
        stage.phone(registered=True, party="called") as callee,
        stage.phone(party="caller") as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ), to=0) as (call, called),
    ):
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.audio(called, tone=440)


@scenario(
    id="calls.to_a_user",
    title="A call of another user comes to that phone, and both ends hear each other",
    rfc="RFC 3261 §16",
    needs={"second_account", "registrar"},
    basic=True,
)
async def to_a_user(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (call, called),
    ):
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.audio(called, tone=440)


@scenario(
    id="calls.refused_by_a_user",
    title="Who is called refuses, and the caller hears it",
    rfc="RFC 3261 §21.4.24",
    needs={"second_account", "registrar"},
)
async def refused_by_a_user(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as caller,
        stage.arriving(caller, callee) as (call, called),
    ):
        called.reject(486)
        await stage.expect.status(call, 486)


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
    await stage.expect.messages("sent INVITE", "received [46]xx INVITE", "sent ACK", call=call)


@scenario(
    id="calls.no_such_number",
    title="A call of a number that does not exist is refused",
    rfc="RFC 3261 §21.4.5",
    needs={"account", "no_such_number"},
    basic=True,
)
async def no_such_number(stage: Stage) -> None:
    async with stage.ringing("no_such_number") as call:
        await stage.expect.status(call, 404, 403, 410, 480, 484, 603, 604)


@scenario(
    id="calls.given_up",
    title="A call that rings is given up: the CANCEL is answered, the INVITE ends with 487",
    rfc="RFC 3261 §9",
    needs={"no_answer"},
    basic=True,
)
async def given_up(stage: Stage) -> None:
    async with stage.ringing("no_answer") as call:
        await stage.expect.messages("sent INVITE", "received 18x INVITE", call=call)
        call.hang_up()
        await stage.expect.messages("sent CANCEL", "received 200 CANCEL", call=call)
        await stage.expect.messages("sent CANCEL", "received 487 INVITE", "sent ACK", call=call)


@scenario(
    id="calls.ended_by_peer",
    title="The other side hangs up, and its BYE comes",
    rfc="RFC 3261 §15",
    needs={"hangs_up"},
    basic=True,
)
async def ended_by_peer(stage: Stage) -> None:
    async with stage.call("hangs_up") as call:
        await stage.expect.audio(call)
        await stage.expect.ended_by(call, "peer")


@scenario(
    id="calls.tone",
    title="A tone is heard from the start of a call, with a good opinion score",
    rfc="RFC 3550 §5.1",
    needs={"tone"},
    basic=True,
)
async def tone(stage: Stage) -> None:
    async with stage.call("tone") as call:
        await stage.expect.audio(call, tone=1000, seconds=1.0)
        await stage.expect.mos(call, ">=3", limit_s=20)
