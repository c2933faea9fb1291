"""The clock of keys: how their durations are counted."""

from __future__ import annotations

import statistics
from typing import Final

from ua.interop.scenario import scenario
from ua.interop.stage import Stage
from ua.plan import MediaPlan

KEYS: Final = "15937"
PRESS_MS: Final = 200
FASTEST, SLOWEST = 1.7, 1 / 1.7
"""A machine that stands still makes keys a little longer or shorter; another clock twice as long, or more."""


@scenario(
    id="dtmf.clock",
    title="The durations of keys are counted in the clock that the description names",
    rfc="RFC 4733 §2.1",
    needs={"dtmf_read_back", "rfc4733"},
)
async def clock(stage: Stage) -> None:
    async with stage.call("dtmf_read_back", MediaPlan(dtmf="rfc4733")) as call:
        await call.send_dtmf(KEYS, duration_ms=PRESS_MS, pause_ms=PRESS_MS)
        await stage.expect.that(
            lambda: len(call.digits) >= len(KEYS),
            "the keys come back",
            lambda: f"the keys {call.digits} came" if call.digits else "no key came",
            cause="wrong_digits",
            limit_s=20.0,
        )

        def pace() -> float:
            """How fast the durations run; 1 where none can be told, of keys that come in one piece."""
            known = [
                float(entry.data["pace"])
                for entry in stage.log.entries
                if (entry.source, entry.name) == ("media", "key_heard") and entry.data.get("pace")
            ]
            return statistics.median(known) if known else 1.0

        await stage.expect.that(
            lambda: SLOWEST <= pace() <= FASTEST,
            "a key that lasts a second counts a second",
            lambda: f"it counts {pace():.2f} s",
            cause="wrong_dtmf_clock",
            limit_s=0,
        )
