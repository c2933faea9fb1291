"""What a scenario may expect of media: what is heard, which way it takes, how it was agreed."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from media.audio.correlation import correlate
from media.audio.wav import read_audio
from ua import clock
from ua.interop.hints import CODEC, PATHS
from ua.interop.law import RATE, true_law
from ua.interop.recordings import QUIET_DBFS, SOUNDING, TONE_SHARE, Heard, heard, size_of
from ua.interop.waiting import LIMIT_S, Waiting

if TYPE_CHECKING:
    from ua.call.call import Call
    from ua.events import LogEntry

LAW_S: Final = 5.0
"""So much of a recording tells by which law it was made, though the last of it may be a hole."""

SAME: Final = 0.9
"""Correlation from which on what was heard is what was said."""

_AGAIN_S: Final = 0.5
"""A recording is compared again once it is so much longer: it costs more than a look."""

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}


class MediaExpectations(Waiting):
    """Expectations of the media of a call."""

    async def audio(
        self,
        call: Call,
        *,
        tone: float | None = None,
        speech: Path | None = None,
        silence: bool = False,
        seconds: float = 0.5,
        limit_s: float = LIMIT_S,
    ) -> None:
        """Hear this for so many seconds on end, from now on.

        Args:
            call: which has a recording, as the calls of a stage have.
            tone: Hz.
            speech: a WAV file: what it holds is heard, whole, since the call began.
            silence: nothing.
            seconds: how long; of no matter for speech.
            limit_s: until when.
        """
        if speech is not None:
            await self._speech(call, speech, limit_s)
            return
        path = self._recording(call)
        since = size_of(path)

        def last() -> Heard:
            return heard(path, since=max(since, size_of(path) - int(2 * 48000 * (seconds + 0.1)))).last(
                seconds
            )

        def long_enough(audio: Heard) -> bool:
            return audio.seconds >= seconds - 0.01

        if tone is not None:
            await self.that(
                lambda: (
                    long_enough(now := last())
                    and now.sounding >= SOUNDING
                    and now.share_of(tone) >= TONE_SHARE
                ),
                f"a tone of {tone:g} Hz is heard for {seconds:g} s",
                lambda: self._audio_seen(call, last(), tone),
                cause="wrong_audio",
                where=lambda: self._received(call),
                limit_s=limit_s,
            )
        elif silence:
            await self.that(
                lambda: long_enough(now := last()) and now.level_dbfs <= QUIET_DBFS,
                f"silence is heard for {seconds:g} s",
                lambda: self._audio_seen(call, last(), None),
                cause="not_silent",
                where=lambda: self._received(call),
                limit_s=limit_s,
            )
        else:
            await self.that(
                lambda: long_enough(now := last()) and now.level_dbfs > QUIET_DBFS,
                f"something is heard for {seconds:g} s",
                lambda: self._audio_seen(call, last(), None),
                cause="silent",
                where=lambda: self._received(call),
                limit_s=limit_s,
            )

    async def _speech(self, call: Call, said: Path, limit_s: float) -> None:
        path = self._recording(call)
        best, compared_s = 0.0, 0.0

        def like() -> bool:
            nonlocal best, compared_s
            now = heard(path)
            sent = read_audio(said, now.rate)
            if len(now.pcm) >= len(sent) and now.seconds >= compared_s + _AGAIN_S:
                best, compared_s = correlate(sent, now.pcm, now.rate).value, now.seconds
            return best >= SAME

        await self.that(
            like,
            f"what {said.name} holds is heard",
            lambda: f"what was heard is like it by {best:.2f}, not {SAME:g}",
            cause="wrong_audio",
            where=lambda: self._received(call),
            limit_s=limit_s,
        )

    async def path(
        self, call: Call, transport: Literal["udp", "tcp", "relay"], *, limit_s: float = LIMIT_S
    ) -> None:
        """Media takes this way: UDP, TCP, or whichever by a relay."""
        await self.that(
            lambda: transport in self._path(call),
            f"media goes over {transport.upper() if transport != 'relay' else 'a relay'}",
            lambda: f"it goes over {' by '.join(self._path(call)) or 'nothing yet'}",
            cause="wrong_path",
            advice=PATHS[transport],
            limit_s=limit_s,
        )

    async def media(self, call: Call, *, limit_s: float = LIMIT_S, **wanted: Any) -> None:
        """Media was agreed so: codec="PCMA", ptime_ms=40, srtp="AES_CM_128_HMAC_SHA1_80", ice=True, ...

        `srtp=True` takes any profile, None wants none.
        """
        said = ", ".join(f"{name} {value}" for name, value in wanted.items())

        def fits() -> bool:
            agreed = self._agreed(call)
            return bool(agreed) and all(
                bool(agreed.get(name)) is value
                if isinstance(value, bool)
                else str(agreed.get(name)).lower() == str(value).lower()
                for name, value in wanted.items()
            )

        await self.that(
            fits,
            f"media is agreed with {said}",
            lambda: (
                "agreed was "
                + (
                    ", ".join(f"{name} {self._agreed(call).get(name)}" for name in wanted)
                    if self._agreed(call)
                    else "nothing"
                )
            ),
            cause="wrong_media",
            advice=CODEC if "codec" in wanted else "",
            limit_s=limit_s,
        )

    async def mos(self, call: Call, wanted: str, *, limit_s: float = LIMIT_S) -> None:
        """The opinion score of what was heard in the last 5 s (ITU-T G.107) is ">=4", say."""
        match = re.fullmatch(r"(>=|>|<=|<)\s*([0-9.]+)", wanted.strip())
        if match is None:
            raise ValueError(f"{wanted!r} is no comparison such as '>=4'")
        compare, limit = _COMPARISONS[match[1]], float(match[2])

        def value() -> float | None:
            return None if call.statistics is None else call.statistics.recent_mos

        await self.that(
            lambda: (mos := value()) is not None and compare(mos, limit),
            f"the opinion score is {wanted}",
            lambda: f"it is {mos:.2f}" if (mos := value()) is not None else "nothing was heard",
            cause="quality",
            where=lambda: self._received(call),
            limit_s=limit_s,
        )

    async def rtcp(self, call: Call, *, limit_s: float = 20.0) -> None:
        """The peer tells by RTCP how it hears us."""
        await self.that(
            lambda: call.statistics is not None and call.statistics.sent.lost is not None,
            "the peer reports by RTCP what it hears of us",
            "no report came",
            cause="no_rtcp",
            where=lambda: self._received(call),
            advice="does a firewall drop the port after that of RTP?",
            limit_s=limit_s,
        )

    # --- inside -------------------------------------------------------------------------------------------

    def _recording(self, call: Call) -> Path:
        path = None if call.plan is None else call.plan.record
        if path is None:
            raise ValueError("the call has no recording: place it with the stage, or with record in its plan")
        return path

    def _entries(self, call: Call, *names: str) -> list[LogEntry]:
        """What the log says of the phone of this call, since the call began."""
        party, since = self._course.side_of(call)
        return [
            each
            for each in self._course.log.entries
            if each.name in names and each.at >= since and party in ("", each.party)
        ]

    def _path(self, call: Call) -> tuple[str, ...]:
        """Transport of the path that was taken last, and "relay" where it goes by one."""
        for entry in reversed(self._entries(call, "path_selected", "path_lost", "tcp_connected", "media")):
            data = entry.data
            if (entry.source, entry.name) == ("tcp", "tcp_connected") and data.get("component") == 1:
                return ("tcp",)
            if (entry.source, entry.name) == ("call", "media") and not data.get("ice"):
                return (str(data.get("transport")),)
            if entry.source == "ice" and data.get("component") == 1:
                pair = data.get("pair") or {}
                kinds = [pair.get(end, {}) for end in ("local", "remote")]
                relayed = any(each.get("type") == "relay" for each in kinds)
                way = str(kinds[0].get("transport", ""))
                return () if entry.name == "path_lost" else (way, "relay") if relayed else (way,)
        return ()

    def _agreed(self, call: Call) -> Mapping[str, Any]:
        """What was said last of the media of the call."""
        said = [each.data for each in self._entries(call, "media") if each.source == "call"]
        return said[-1] if said else {}

    def _audio_seen(self, call: Call, audio: Heard, tone: float | None) -> str:
        packets = 0 if call.statistics is None else call.statistics.received.packets
        if not packets:
            return "no RTP packet came"
        if not audio.pcm:
            return f"{packets} RTP packets came, and nothing was played since"
        self._note(call, audio, tone)
        said = f"{packets} RTP packets came; the last {audio.seconds:.1f} s have {audio.level_dbfs:.0f} dBFS"
        if audio.sounding < SOUNDING:
            said += f" and are silent for {1 - audio.sounding:.0%} of it"
        return said if tone is None else f"{said}, {audio.share_of(tone) * 100:.0f} % of it at {tone:g} Hz"

    def _note(self, call: Call, audio: Heard, tone: float | None) -> None:
        """Write down what was heard in place of what was expected: a diagnosis has nothing but the log."""
        party, _ = self._course.side_of(call)
        codec = str(self._agreed(call).get("codec"))
        longer = heard(self._recording(call)).last(LAW_S)
        self._course.log.record(
            clock.now(),
            party,
            "call",
            "audio_heard",
            seconds=round(audio.seconds, 3),
            level_dbfs=round(audio.level_dbfs, 1),
            tone_hz=tone,
            tone_share=None if tone is None else round(audio.share_of(tone), 3),
            law=true_law(longer.pcm, codec, tone) if longer.rate == RATE else "",
        )

    def _received(self, call: Call) -> str:
        """The RTP that came, as a place."""
        figures = call.statistics
        if figures is None:
            return self.last_of(call)
        refused = ", ".join(f"{count} {reason}" for reason, count in figures.refused.items())
        return f"RTP of the call {call.id}: {figures.received.packets} packets received, " + (
            f"refused: {refused}" if refused else f"{figures.sent.packets} sent"
        )
