"""The keys that one session hears, and how they sound."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from media.audio.pcm import BYTES_PER_SAMPLE
from media.dtmf.detector import ToneDetector
from media.dtmf.event_receiver import EventReceiver
from media.dtmf.keys import DIGITS, KEYS, HeardKey, KeyWay
from media.dtmf.report import parse
from media.dtmf.tones import Tone
from media.events import KeyHeard

_MOST_STREAMS = 16
_MOST_TURNS = 64


class IncomingKeys:
    """Finds the keys in events of all streams of a session, and in its audio where it is asked to.

    While a key of an event is down its tones are heard in place of the audio: from its first report on until
    its end is known (RFC 4733 §2.5.2.2, the second algorithm), later by the delay of the audio.

    Args:
        rate: sample rate of the session's audio, Hz.
        on_event: told each key once it is up.
    """

    def __init__(self, rate: int, on_event: Callable[[KeyHeard], None]) -> None:
        self._rate = rate
        self._on_event = on_event
        self._streams: dict[int, EventReceiver] = {}
        self._detector: ToneDetector | None = None
        self.sounding: str | None = None
        """The key that is down."""
        self.active = False
        """Whether `frame` is to be called."""
        self._turns: deque[tuple[float, str | None]] = deque(maxlen=_MOST_TURNS)
        self._tone: Tone | None = None
        self.payload_types: dict[int, int] = {}
        """Clock rates by payload type of the telephone events that are taken."""

    @property
    def detecting(self) -> bool:
        """Whether keys are looked for in the audio."""
        return self._detector is not None

    @detecting.setter
    def detecting(self, detecting: bool) -> None:
        if detecting != self.detecting:
            self._detector = ToneDetector(self._rate) if detecting else None
            self._settle()

    def receive(
        self,
        ssrc: int,
        payload_type: int,
        timestamp: int,
        payload: bytes,
        now: float,
        *,
        marker: bool,
        delay: float,
    ) -> str | None:
        """Take a packet of events; gives the reason where it is refused.

        Args:
            ssrc: of the stream.
            payload_type: one of `payload_types`.
            timestamp: of the packet.
            payload: of the packet; an empty one keeps the path open.
            now: arrival, monotonic seconds.
            marker: of the packet.
            delay: of the audio that is played, seconds.
        """
        if not payload:
            return None
        reports = parse(payload)
        if not reports:
            return "malformed telephone event"
        stream = self._streams.get(ssrc)
        if stream is None:
            if len(self._streams) >= _MOST_STREAMS:
                del self._streams[next(iter(self._streams))]
            stream = self._streams[ssrc] = EventReceiver(self.payload_types[payload_type])
        self._tell(stream.receive(reports, timestamp, now, marker=marker), "rfc4733", now)
        self._turn(now + delay)
        strange = any(report.event >= len(KEYS) for report in reports)
        return "telephone event that is no key" if strange else None

    def audio(self, ssrc: int, timestamp: int, now: float, *, delay: float) -> None:
        """Audio of a stream has come; needed only while a key is down."""
        stream = self._streams.get(ssrc)
        if stream is not None:
            self._tell(stream.audio(timestamp), "rfc4733", now)
            self._turn(now + delay)

    def frame(self, heard: bytes, now: float) -> bytes:
        """A frame is played: gives what is heard in its place."""
        if self.sounding is not None:
            for stream in self._streams.values():
                self._tell(stream.elapse(now), "rfc4733", now)
            self._turn(now)
        if self._detector is not None:
            self._tell(self._detector.hear(heard), "inband", now)
        while self._turns and self._turns[0][0] <= now:
            _, key = self._turns.popleft()
            self._tone = None if key is None or key not in DIGITS else Tone(key, self._rate)
        self._settle()
        if self._tone is None:
            return heard
        return self._tone.read(len(heard) // BYTES_PER_SAMPLE)

    def finish(self, now: float) -> None:
        """Nothing more comes: what is down is up."""
        for stream in self._streams.values():
            self._tell(stream.finish(), "rfc4733", now)
        if self._detector is not None:
            self._tell(self._detector.finish(), "inband", now)
        self.sounding = self._tone = None
        self._turns.clear()
        self._settle()

    def _settle(self) -> None:
        self.active = (
            self._detector is not None or self.sounding is not None or bool(self._turns) or bool(self._tone)
        )

    def _turn(self, at: float) -> None:
        sounding = next((key for stream in self._streams.values() if (key := stream.sounding)), None)
        if sounding != self.sounding:
            self.sounding = sounding
            self._turns.append((at, sounding))
            self._settle()

    def _tell(self, keys: Iterable[HeardKey], way: KeyWay, now: float) -> None:
        for key in keys:
            pace = None if key.pace is None else round(key.pace, 3)
            self._on_event(KeyHeard(at=now, key=key.key, duration_ms=key.duration_ms, way=way, pace=pace))
