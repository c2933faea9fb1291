"""What is tried with a broken peer: scenarios with less patience than those of the catalogue."""

from __future__ import annotations

import asyncio
import statistics

from tests.peers.broken.callee import running
from tests.peers.broken.caller import NeverAcknowledges
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import Tone

SOON_S = 5.0

SPEECH = Tone(hz=HZ)


async def echo(stage: Stage) -> None:
    """What we say comes back."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.audio(call, tone=HZ, limit_s=SOON_S)


async def echoes_on(stage: Stage) -> None:
    """What we say comes back, all the time."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.audio(call, tone=HZ, seconds=2.0, limit_s=SOON_S)


async def hung_up(stage: Stage) -> None:
    """The other side hangs up."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.ended_by(call, "peer", limit_s=3.0)


async def said_goodbye(stage: Stage) -> None:
    """Our BYE is answered."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        call.hang_up()
        await stage.expect.messages("sent BYE", "received 200 BYE", limit_s=3.0)


async def given_up(stage: Stage) -> None:
    """A call that rings is given up."""
    async with stage.ringing("echo", SPEECH) as call:
        await stage.expect.messages("received 180")
        call.hang_up()
        await stage.expect.status(call, 487, limit_s=2.0)


async def with_ice(stage: Stage) -> None:
    """Media goes where ICE says."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.media(call, ice=True, limit_s=1.0)


async def twenty_ms(stage: Stage) -> None:
    """Packets are as long as was said."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.audio(call, tone=HZ, seconds=1.0)

        def lengths() -> list[float]:
            return [entry.data["packet_ms"] for entry in stage.log.entries if entry.name == "media_counters"]

        await stage.expect.that(
            lambda: statistics.median(lengths()) == 20,
            "packets of 20 ms come",
            lambda: f"packets of {statistics.median(lengths()):g} ms come",
            cause="wrong_media",
            limit_s=1.0,
        )


async def registers(stage: Stage) -> None:
    """A phone registers."""
    async with stage.phone(registered=True):
        pass


async def reported(stage: Stage) -> None:
    """RTCP comes."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.rtcp(call, limit_s=9.0)


async def sounds_good(stage: Stage) -> None:
    """Nothing gets lost."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.that(
            lambda: call.statistics is not None and call.statistics.received.packets >= 50,
            "packets come",
            "none came",
            cause="silent",
        )
        await stage.expect.mos(call, ">=4", limit_s=0.5)


async def is_called(stage: Stage) -> None:
    """Somebody calls us, and hears that we have answered."""
    async with running(NeverAcknowledges()) as caller, stage.phone() as phone:
        ringing = asyncio.ensure_future(stage.rings(phone))
        await asyncio.sleep(0)
        await caller.call(next(each for each in phone.addresses if "transport" not in each))
        async with stage.answered(await ringing, SPEECH) as call:
            await stage.expect.messages("received ACK", call=call, limit_s=4.5)


async def reports(stage: Stage) -> None:
    """RTCP tells of the RTP that comes."""
    async with stage.call("echo", SPEECH, answer_s=SOON_S) as call:
        await stage.expect.audio(call, tone=HZ, seconds=1.0)

        def sources(name: str) -> set[int]:
            return {entry.data["ssrc"] for entry in stage.log.entries if entry.name == name}

        await stage.expect.that(
            lambda: bool(sources("report_received") & sources("media_started")),
            "sender reports are about the stream that comes",
            lambda: f"they are about {sources('report_received')}",
            cause="no_rtcp",
            limit_s=2.0,
        )
