"""Calls that stand for a while: what goes wrong with their signalling shows after seconds, not at once."""

from __future__ import annotations

import asyncio
from typing import Final

from ua.call.waiting import first
from ua.interop.failure import Failure, Unmet
from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.interop.tones import HZ
from ua.plan import Tone

STANDS_S: Final = 5.0
"""Who has not heard our ACK repeats its answer after 0.5, 1.5 and 3.5 s (RFC 3261 §13.3.1.4)."""

REPEATS: Final = 2
"""One packet of ours may get lost on its way."""


@scenario(
    id="calls.acknowledged",
    title="A call stands: the ACK arrives, the answer is not said again and again, and media goes on",
    rfc="RFC 3261 §13.3.1.4",
    needs={"echo"},
)
async def acknowledged(stage: Stage) -> None:
    async with stage.call("echo", Tone(hz=HZ)) as call:
        if await first(asyncio.sleep(STANDS_S), call.ended()):
            await stage.expect.audio(call, tone=HZ)
            call.hang_up()
        await stage.expect.ended_by(call, "us")
    said = [
        entry
        for entry in stage.log.entries
        if (entry.source, entry.name) == ("sip", "message")
        and entry.data.get("direction") == "in"
        and _is_answer(str(entry.data.get("text", "")))
    ]
    if len(said) > 1 + REPEATS:
        raise Unmet(
            Failure(
                cause="repeated_answer",
                expected="the answer comes once",
                seen=f"it came {len(said)} times",
                where=stage.expect.last_of(call),
            )
        )


def _is_answer(text: str) -> bool:
    rows = text.lower().split("\r\n")
    return rows[0].startswith("sip/2.0 2") and any(
        row.startswith("cseq:") and row.endswith(" invite") for row in rows
    )
