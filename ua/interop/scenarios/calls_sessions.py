"""What is asked within calls: session timers, changes of both sides, OPTIONS; and INVITEs that are long."""

from __future__ import annotations

import asyncio
from typing import Final

from ua.interop.changes import changed
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.interop.wire import WireMessage
from ua.plan import Tone
from ua.sip.transport.hop import SipTransport

SESSION_S: Final = 120
"""Seconds of the session that is asked for; the shortest one of RFC 4028 is 90."""

LONG: Final = 1600
"""So much longer makes an INVITE that is too long for UDP (RFC 3261 §18.1.1: 1300 bytes)."""

LONGER: Final = 4000
"""So much makes one of several TCP segments."""


@scenario(
    id="calls.session_timer",
    title="A session timer is agreed, and a re-INVITE keeps it",
    rfc="RFC 4028 §9",
    needs={"echo", "session_timer"},
)
async def session_timer(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ), session_expires_s=SESSION_S) as call:
        answer = (await stage.expect.messages("sent INVITE", "received 200 INVITE", call=call))[-1]
        await _has_timer(stage, answer)
        await changed(stage, call.hold())
        await changed(stage, call.resume())
        again = [each for each in stage.expect.messages_of(call) if each.is_a("200 INVITE")][-1]
        await _has_timer(stage, again)
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="calls.options_within",
    title="OPTIONS within a call get 200, and the call goes on",
    rfc="RFC 3261 §11",
    needs={"echo"},
)
async def options_within(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ)) as call:
        told = await call.options()
        await stage.expect.that(
            lambda: told.status == 200,
            "OPTIONS within a call get 200",
            f"{told.status} {told.reason}",
            cause="wrong_status",
            where=stage.expect.last_of(call),
            advice="phones ask so whether a call still stands; 481 means that it does not, and they hang up",
            limit_s=0,
        )
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="calls.both_change",
    title="Both sides change the call at the same moment, and in the end both hear each other",
    rfc="RFC 3261 §14.1",
    needs={"second_account", "registrar"},
)
async def both_change(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (call, called),
    ):
        await stage.expect.audio(called, tone=440)
        await asyncio.gather(changed(stage, call.hold()), changed(stage, called.hold()))
        await stage.expect.audio(call, silence=True)
        await asyncio.gather(changed(stage, call.resume()), changed(stage, called.resume()))
        await stage.expect.audio(call, tone=HZ)
        await stage.expect.audio(called, tone=440)


@scenario(
    id="calls.long_invite",
    title="An INVITE that is too long for UDP goes over TCP, and is answered",
    rfc="RFC 3261 §18.1.1",
    needs={"echo", "udp", "tcp"},
)
async def long_invite(stage: Stage) -> None:
    await _long(stage, LONG, transport="udp")


@scenario(
    id="calls.long_invite_over_tcp",
    title="An INVITE of several TCP segments is put together, and answered",
    rfc="RFC 3261 §18.3",
    needs={"echo", "tcp"},
)
async def long_invite_over_tcp(stage: Stage) -> None:
    await _long(stage, LONGER, transport="tcp")


# --- what they share --------------------------------------------------------------------------------------


async def _has_timer(stage: Stage, answer: WireMessage) -> None:
    text = answer.headers.first("session-expires") or ""
    seconds = text.partition(";")[0].strip()
    await stage.expect.that(
        lambda: seconds.isdecimal() and int(seconds) >= 90 and "refresher=" in text.lower(),
        "the 200 has a Session-Expires of 90 s or more that says who refreshes",
        f"it has {text!r}" if text else "it has none",
        cause="no_session_timer",
        where=answer.place(stage.started),
        advice="without one a call whose other end has died stands for ever; in Asterisk: timers=yes",
        limit_s=0,
    )


async def _long(stage: Stage, size: int, *, transport: SipTransport) -> None:
    """A call whose INVITE is so much longer."""
    async with stage.call(
        "echo", Tone(hz=HZ), transport=transport, user_agent="icephone " + "x" * size
    ) as call:
        (invite,) = await stage.expect.messages("sent INVITE", call=call)
        await stage.expect.that(
            lambda: invite.transport == "tcp",
            "a long INVITE goes over TCP",
            f"it went over {invite.transport.upper()}, for no TCP connection could be had",
            cause="no_tcp",
            where=invite.place(stage.started),
            advice="the peer has to listen on TCP too: RFC 3261 §18.2 says so, and long messages need it",
            limit_s=0,
        )
        await stage.expect.audio(call, tone=HZ)
