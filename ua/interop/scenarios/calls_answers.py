"""Calls and their ways to an answer: elsewhere, after early media, with the offer of the other side."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ua.call.outgoing import OutgoingCall
from ua.call.state import CallState
from ua.interop.failure import Unmet
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import MediaPlan, Tone

EARLY_S: Final = 4.0
"""Seconds within which something is heard before the answer."""


@scenario(
    id="calls.redirect",
    title="A call is redirected, and reaches whom the redirection names",
    rfc="RFC 3261 §8.1.3.4",
    needs={"redirect"},
)
async def redirect(stage: Stage) -> None:
    async with stage.ringing("redirect", Tone(hz=HZ)) as call:
        await stage.expect.messages(
            "sent INVITE",
            "received 3xx INVITE",
            "sent ACK",
            "sent INVITE",
            limit_s=5.0,
            cause="not_redirected",
            advice="a 302 has to name the other number in Contact, as a URI that we can call",
        )
        await stage.expect.answer(call)
        await stage.expect.audio(call, tone=HZ)


@scenario(
    id="calls.early_media",
    title="What the peer plays before it answers is heard",
    rfc="RFC 3960 §3.2",
    needs={"early_media"},
)
async def early_media(stage: Stage) -> None:
    async with stage.ringing("early_media") as call:
        await _heard_early(stage, call)


@scenario(
    id="calls.early_media_reliable",
    title="Early media is announced reliably (100rel): 183 with a description, PRACK, and it is heard",
    rfc="RFC 3262 §5",
    needs={"early_media", "reliable"},
)
async def early_media_reliable(stage: Stage) -> None:
    async with stage.ringing("early_media", reliable="require") as call:
        await _acknowledged(stage, call)
        await _heard_early(stage, call)


@scenario(
    id="calls.reliable",
    title="The peer rings reliably where a caller requires it (100rel): RSeq, PRACK, 200",
    rfc="RFC 3262 §3",
    needs={"no_answer", "reliable"},
)
async def reliable(stage: Stage) -> None:
    async with stage.ringing("no_answer", reliable="require") as call:
        await _acknowledged(stage, call)
        call.hang_up()
        await stage.expect.messages("sent CANCEL", "received 487 INVITE", "sent ACK", call=call)


@scenario(
    id="calls.delayed_offer",
    title="An INVITE without a description is answered with an offer, and both sides hear",
    rfc="RFC 3261 §13.2.1",
    needs={"echo", "delayed_offer"},
)
async def delayed_offer(stage: Stage) -> None:
    plan = MediaPlan(source=Tone(hz=HZ), leaves_offer=True)
    async with stage.ringing("echo", plan) as call:
        try:
            await stage.expect.answer(call)
        except Unmet as unmet:
            advice = "calls without an offer come from other PBXs and from third-party call control"
            failure = replace(unmet.failure, cause="no_delayed_offer", advice=advice)
            raise Unmet(failure) from unmet
        await stage.expect.audio(call, tone=HZ)
    await stage.expect.messages("sent INVITE", "received 200 INVITE", "sent ACK", "sent BYE", call=call)


# --- what they share --------------------------------------------------------------------------------------


async def _acknowledged(stage: Stage, call: OutgoingCall) -> None:
    """A reliable 1xx comes, and our PRACK is answered."""
    ring, _, _ = await stage.expect.messages(
        "received 18x INVITE",
        "sent PRACK",
        "received 200 PRACK",
        call=call,
        limit_s=5.0,
        cause="not_reliable",
        advice="a caller that requires 100rel gets 420, or reliable responses; in Asterisk: 100rel=yes",
    )
    required = ring.headers.tokens("require")
    await stage.expect.that(
        lambda: "100rel" in required and "rseq" in ring.headers,
        "the 18x requires 100rel, and has an RSeq",
        f"it requires {', '.join(required) or 'nothing'}",
        cause="not_reliable",
        where=ring.place(stage.started),
        advice="in Asterisk: 100rel=yes of the endpoint",
        limit_s=0,
    )


async def _heard_early(stage: Stage, call: OutgoingCall) -> None:
    """Something is heard before the answer, and after it too."""
    ring = (await stage.expect.messages("sent INVITE", "received 18x INVITE", call=call))[-1]
    with stage.step("listening to what the peer plays before it answers"):
        await stage.expect.audio(call, limit_s=EARLY_S)
    answers = [each for each in stage.expect.messages_of(call) if each.is_a("200 INVITE")]
    await stage.expect.that(
        lambda: not answers and call.state is not CallState.ESTABLISHED,
        "it is heard before the call is answered",
        "the call was answered first",
        cause="no_early_media",
        where=(answers[0] if answers else ring).place(stage.started),
        advice="the peer has to play before it answers: Progress() in Asterisk, pre_answer in FreeSWITCH",
        limit_s=0,
    )
    await stage.expect.answer(call)
    await stage.expect.audio(call)
