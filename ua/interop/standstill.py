"""How long this machine kept us from running: what a scenario then sees, no peer need have done.

A process that gets no processor for a tenth of a second sends late, plays holes and misses deadlines. Time
that our own event loop worked does not count: what we are too slow for is a mistake of ours.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Final

from ua import clock
from ua.interop.failure import Failure

PAUSE_S: Final = 0.05
"""What is shorter is the common delay of a machine that has other work, and jitter buffers bear it."""

BUSY_S: Final = 0.1
"""So much of it in all while a scenario runs may be why it fails."""

CAUSE: Final = "busy_machine"
"""Of a failure that may be no fault of the peer."""

_NAP_S: Final = 0.02

_HEARD: Final = frozenset(
    {
        "clock_drift", "echoes", "jitter", "lossy", "not_silent", "packet_loss", "quality", "sends_silence",
        "wrong_audio", "wrong_digits", "wrong_dtmf_clock",
    }
)  # fmt: skip
"""Causes that a hole makes."""

_AWAITED: Final = frozenset(
    {
        "bye_unanswered", "cancel_unanswered", "connection_closed", "dtls_failed", "ice_unanswered",
        "lost_ack", "media_stopped", "missing_message", "never_bye", "no_answer", "no_call",
        "no_early_media", "no_end", "no_media_path", "no_message", "no_notify", "no_restart", "no_rtcp",
        "not_sending", "one_way_audio_in", "one_way_audio_out", "rtcp_not_heard", "silent", "timeout",
        "unexpected", "unreachable", "wrong_path",
    }
)  # fmt: skip
"""Causes of what did not come in time, and of a scenario whose time was over."""

_SHARE: Final = 0.3
"""Who stood still for less of a scenario has waited long enough for what did not come."""


class Standstill:
    """Adds up the time in which the event loop was kept from running.

    Attributes:
        seconds: so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def slept(self, slept_s: float, worked_s: float) -> None:
        """The loop came back after `slept_s` instead of a nap, and worked `worked_s` of them itself."""
        over = slept_s - worked_s - _NAP_S
        if over > PAUSE_S:
            self.seconds += over

    async def watch(self) -> None:
        """Watch the running event loop until this is cancelled."""
        while True:
            now, worked = clock.now(), clock.worked()
            await asyncio.sleep(_NAP_S)
            self.slept(clock.now() - now, clock.worked() - worked)


def excused(failure: Failure, stood_s: float, duration_s: float) -> Failure | None:
    """`failure` as one of this machine, which stood still for `stood_s` of `duration_s`.

    None where it is of the peer: this machine was there, or the peer has said what no machine can change.
    """
    enough = BUSY_S if failure.cause in _HEARD else max(BUSY_S, _SHARE * duration_s)
    if stood_s < enough or failure.cause not in _HEARD | _AWAITED:
        return None
    return dataclasses.replace(
        failure,
        cause=CAUSE,
        seen=f"{failure.seen} [{failure.cause}]; {words(stood_s)}",
        advice="run it again when this machine has less to do, or fewer scenarios at a time (-n 1)",
    )


def words(stood_s: float) -> str:
    """How long, for people; empty where it is of no matter."""
    return f"this machine stood still for {stood_s:.1f} s meanwhile" if stood_s >= BUSY_S else ""
