"""What a scenario may expect of descriptions, RTP and RTCP."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from ua import clock
from ua.interop.diagnosis.session import Session
from ua.interop.expect_media import MediaExpectations
from ua.interop.failure import Failure, Unmet
from ua.interop.waiting import LIMIT_S, POLL_S

if TYPE_CHECKING:
    from media.statistics import MediaStatistics
    from ua.call.call import Call

PACE: Final = 0.05
"""A clock that is further off than this part is wrong: timers of busy machines are off by less."""

SAID_S: Final = 2.0
"""Seconds that descriptions get: they are there before a call stands."""

MOST_LOST: Final = 0.02
"""Part of the packets that may be lost in a call that is good."""


class StreamExpectations(MediaExpectations):
    """Expectations of what is below the audio."""

    def theirs(self, call: Call) -> Session | None:
        """The last description of the peer in this call, None before there is one."""
        return self._described(call, sent=False)

    def offered(self, call: Call) -> Session | None:
        """Our own first one: what came before anybody knew the other side."""
        return self._described(call, sent=True, number=0)

    async def described(
        self, call: Call, *patterns: str, advice: str = "", limit_s: float = SAID_S
    ) -> Session:
        """The last description of the peer has a row for each of these regular expressions; gives it."""

        def missing() -> str:
            rows = _rows(self.theirs(call))
            return next((each for each in patterns if not any(re.fullmatch(each, row) for row in rows)), "")

        await self.that(
            lambda: self.theirs(call) is not None and not missing(),
            f"the description of the peer has {' and '.join(patterns)}",
            lambda: (
                "no description of it was seen"
                if self.theirs(call) is None
                else f"it has no row {missing()}: {_shown(self.theirs(call))}"
            ),
            cause="wrong_description",
            where=lambda: self.last_of(call),
            advice=advice,
            limit_s=limit_s,
        )
        described = self.theirs(call)
        assert described is not None  # noqa: S101  that is what was waited for
        return described

    async def undescribed(self, call: Call, pattern: str, advice: str = "") -> None:
        """The last description of the peer has no such row."""
        rows = [row for row in _rows(self.theirs(call)) if re.fullmatch(pattern, row)]
        await self.that(
            lambda: not rows,
            f"the description of the peer has no row {pattern}",
            lambda: f"it has {rows[0]}",
            cause="wrong_description",
            where=lambda: self.last_of(call),
            advice=advice,
            limit_s=0,
        )

    async def flows(self, call: Call, *, packets: int = 25, limit_s: float = LIMIT_S) -> None:
        """So many further RTP packets come."""
        before = self._figures(call).received.packets
        await self.that(
            lambda: self._figures(call).received.packets >= before + packets,
            f"{packets} further RTP packets come",
            lambda: f"{self._figures(call).received.packets - before} came",
            cause="one_way_audio_in",
            where=lambda: self._received(call),
            limit_s=limit_s,
        )

    async def packet_time(self, call: Call, ms: int, *, limit_s: float = 5.0) -> None:
        """The packets of the peer are so long."""

        def lengths() -> list[float]:
            counters = self._entries(call, "media_counters")
            return [length for each in counters if (length := float(each.data.get("packet_ms") or 0.0))][-3:]

        await self.that(
            lambda: len(lengths()) == 3 and all(abs(each - ms) < 1 for each in lengths()),
            f"the peer sends packets of {ms} ms, as our description asks for (a=ptime:{ms})",
            lambda: f"its packets are {lengths()[-1]:g} ms long" if lengths() else "no packet came",
            cause="wrong_ptime",
            where=lambda: self._received(call),
            advice="let the peer use the ptime that it is asked for (Asterisk: allow=ulaw without a length, "
            "use_ptime=yes; FreeSWITCH: rtp-autofix-timing, no ptime in the profile)",
            limit_s=limit_s,
        )

    async def rtcp_both_ways(self, call: Call, *, limit_s: float = 20.0) -> None:
        """Reports come, and ours arrive: those of the peer say when it has heard the last one of ours.

        For calls without ICE, which would tell the round trip as well.
        """
        await self.rtcp(call, limit_s=limit_s)
        await self.that(
            lambda: self._figures(call).round_trip_ms is not None,
            "the reports of the peer answer ours (LSR and DLSR, RFC 3550 §6.4.1)",
            "none of its reports says that it has heard one of ours",
            cause="rtcp_not_heard",
            where=lambda: self._received(call),
            advice="does a firewall drop what we send to its RTCP port?",
            limit_s=limit_s,
        )

    async def steady(self, call: Call, seconds: float, *, limit_s: float = 30.0) -> None:
        """For so many seconds RTP comes at the pace of its clock, and hardly a packet is lost.

        Where this process itself has stood still meanwhile, it is looked at anew.
        """
        deadline = clock.now() + limit_s
        with self._course.step(f"listening for {seconds:g} s"):
            while True:
                begun, before = clock.now(), self._figures(call)
                until = begun + seconds
                while clock.now() < until:  # noqa: ASYNC110  figures have no event
                    await asyncio.sleep(POLL_S)
                elapsed, after = clock.now() - begun, self._figures(call)
                if after.skipped_frames == before.skipped_frames or clock.now() >= deadline:
                    break
        self._judge_pace(call, before, after, elapsed)

    # --- inside -------------------------------------------------------------------------------------------

    def _judge_pace(
        self, call: Call, before: MediaStatistics, after: MediaStatistics, elapsed: float
    ) -> None:
        counters = self._entries(call, "media_counters")
        packet_s = float(counters[-1].data.get("packet_ms") or 0.0) / 1000 if counters else 0.0
        came = after.received.packets - before.received.packets
        lost = (after.received.lost or 0) - (before.received.lost or 0)
        pace = (came + max(0, lost)) * packet_s / elapsed
        if came and abs(pace - 1) <= PACE and lost <= MOST_LOST * (came + lost):
            return
        late = not came or abs(pace - 1) > PACE
        raise Unmet(
            Failure(
                cause="clock_drift" if late else "packet_loss",
                expected=f"{elapsed:.1f} s of audio come in {elapsed:.1f} s, without loss",
                seen=f"{came} packets of {packet_s * 1000:g} ms came: {came * packet_s:.1f} s of audio; "
                f"{max(0, lost)} were lost",
                where=self._received(call),
                advice="is the peer, or its timing source, overloaded? Asterisk: 'timing test'; in a virtual "
                "machine look at its clock",
            )
        )

    def _described(self, call: Call, *, sent: bool, number: int = -1) -> Session | None:
        way = "out" if sent else "in"
        found = [
            each
            for each in self._entries(call, "offer", "answer")
            if each.source == "sdp" and each.data.get("direction") == way
        ]
        return Session.read(found[number]) if found else None

    @staticmethod
    def _figures(call: Call) -> MediaStatistics:
        figures = call.statistics
        if figures is None:
            raise ValueError("the call has no media yet")
        return figures


def _rows(session: Session | None) -> list[str]:
    if session is None:
        return []
    return [
        row.strip() for row in (*session.rows, *(each for m in session.streams for each in (m.line, *m.rows)))
    ]


def _shown(session: Session | None) -> str:
    """The streams of a description, for people."""
    return " | ".join(stream.line.strip() for stream in (() if session is None else session.streams))
