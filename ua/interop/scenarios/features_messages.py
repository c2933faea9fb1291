"""Short messages, and what is told of those that wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Final

from ua.errors import UaError
from ua.interop.failure import Failure, Unmet
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.interop.waiting import LIMIT_S
from ua.messages import MessageOutcome, TextMessage
from ua.phone import Phone
from ua.plan import Tone
from ua.sip.events.message_summary import MessageSummary

TEXT: Final = "Grüße: 1 < 2 & 3 %41"
"""Umlauts, and what careless hands escape."""


@scenario(
    id="features.message",
    title="A short message reaches the phone of another user, as it was written",
    rfc="RFC 3428",
    needs={"second_account", "registrar", "message"},
)
async def message(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as caller,
        _read(callee) as coming,
    ):
        await _accepted(stage, caller.message(stage.address(1), TEXT))
        await _comes(stage, coming)


@scenario(
    id="features.message_within",
    title="A short message within a call reaches the other side, as it was written",
    rfc="RFC 3428 §4",
    needs={"second_account", "registrar", "message"},
)
async def message_within(stage: Stage) -> None:
    async with (
        stage.phone(1, registered=True) as callee,
        stage.phone(0, registered=True) as caller,
        stage.between(caller, callee, Tone(hz=440), Tone(hz=HZ)) as (call, _),
        _read(callee) as coming,
    ):
        await _accepted(stage, call.message(TEXT))
        await _comes(stage, coming)
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="features.message_to_nobody",
    title="A short message to a number that does not exist is refused",
    rfc="RFC 3428 §6",
    needs={"account", "registrar", "message", "no_such_number"},
)
async def message_to_nobody(stage: Stage) -> None:
    async with stage.phone(0, registered=True) as phone:
        told = await phone.message(stage.uri("no_such_number"), TEXT)
        await stage.expect.that(
            lambda: not told.accepted,
            "the message is refused, with 404 best of all",
            f"it was accepted: {told.status} {told.reason}",
            cause="unexpected_success",
            advice="who sends it believes that it was read",
            limit_s=0,
        )


@scenario(
    id="features.message_waiting",
    title="The peer tells how many messages wait",
    rfc="RFC 3842",
    needs={"account", "registrar", "message_waiting"},
)
async def message_waiting(stage: Stage) -> None:
    expected = "the SUBSCRIBE is taken, and a NOTIFY tells how many messages wait"
    async with stage.phone(registered=True) as phone:
        watch = phone.subscribe("message-summary", expires=300)
        with stage.step("waiting for the NOTIFY of waiting messages"):
            try:
                async with asyncio.timeout(LIMIT_S):
                    state = await anext(watch.states())
            except TimeoutError:
                raise Unmet(
                    Failure(
                        cause="no_notify",
                        expected=expected,
                        seen=f"nothing that can be read came in {LIMIT_S:g} s",
                        where=stage.last_message(),
                        advice="a NOTIFY has to follow the 200 at once (RFC 6665 §4.2.1.2)",
                    )
                ) from None
            except UaError as error:
                raise Unmet(
                    Failure(
                        cause="subscription_refused",
                        expected=expected,
                        seen=error.what,
                        where=stage.last_message(),
                        advice="has the user a mailbox? In Asterisk: mailboxes of the AOR",
                    )
                ) from error
    if not isinstance(state, MessageSummary):
        raise TypeError(f"{state!r} tells of no messages")


# --- what they share --------------------------------------------------------------------------------------


@asynccontextmanager
async def _read(phone: Phone) -> AsyncIterator[asyncio.Future[TextMessage]]:
    """The next message that comes to a phone."""
    coming = asyncio.ensure_future(anext(phone.messages()))
    await asyncio.sleep(0)  # the phone takes messages from now on
    try:
        yield coming
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _accepted(stage: Stage, sending: Awaitable[MessageOutcome]) -> None:
    told = await sending
    await stage.expect.that(
        lambda: told.accepted,
        "the message is taken: 200, or 202 where it is delivered later",
        f"{told.status} {told.reason}",
        cause="message_refused",
        limit_s=0,
    )


async def _comes(stage: Stage, coming: asyncio.Future[TextMessage]) -> None:
    await stage.expect.that(
        coming.done,
        "the message comes to the other phone",
        "none came",
        cause="no_message",
        advice="the sender was told that it was taken: does the peer keep it, or answer in its place?",
    )
    text = coming.result().text
    await stage.expect.that(
        lambda: text == TEXT,
        f"it says {TEXT!r}",
        f"it says {text!r}",
        cause="wrong_text",
        advice="the peer has to leave the body alone, which is UTF-8",
        limit_s=0,
    )
