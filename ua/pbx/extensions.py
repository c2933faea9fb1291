"""The numbers that the PBX answers itself, for tests of phones (core)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ua.conference import Conference
from ua.plan import Echo, MediaPlan, MediaSource, Silence, Tone

TONE_HZ: Final = 1000.0
SHORT_S: Final = 5.0

EARLY_HZ: Final = 440.0
EARLY_S: Final = 3.0
"""Number 605 is heard so long before it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The call is answered.

    Attributes:
        plan: its media.
        reads_back: the keys that are pressed are sent back.
    """

    plan: MediaPlan
    reads_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """The call is heard first, and answered later.

    Attributes:
        early: what is sent before the answer.
        early_s: for so long.
        plan: its media from then on.
    """

    early: MediaSource
    early_s: float
    plan: MediaPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """302 to another number.

    Attributes:
        number: that one.
    """

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """486."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """It rings, and that is all."""


Service = Answered | Announced | Moved | Busy | Unanswered

NUMBERS: Final[Mapping[str, str]] = {
    "600": "echo",
    "601": "a tone of 1000 Hz",
    "602": "a conference",
    "603": "sends back the keys that are pressed",
    "604": "redirects to 600",
    "605": "a tone of 440 Hz before the answer, one of 1000 Hz after it",
    "606": "busy",
    "607": "rings, and nobody answers",
    "608": "hangs up after 5 s",
    "609": "records what it hears",
}
"""What is behind each number."""


def service(number: str, conference: Conference, recording: Path | None = None) -> Service | None:
    """What a call of this number gets, None where that is none of these.

    `conference` is behind 602, `recording` the file of 609.
    """
    match number:
        case "600":
            return Answered(plan=MediaPlan(source=Echo()))
        case "601":
            return Answered(plan=MediaPlan(source=Tone(hz=TONE_HZ)))
        case "602":
            return Answered(plan=MediaPlan(source=conference.source))
        case "603":
            # Tones count in any case, and what came as such goes back as such.
            return Answered(plan=MediaPlan(dtmf="inband"), reads_back=True)
        case "604":
            return Moved(number="600")
        case "605":
            after = MediaPlan(source=Tone(hz=TONE_HZ))
            return Announced(early=Tone(hz=EARLY_HZ), early_s=EARLY_S, plan=after)
        case "606":
            return Busy()
        case "607":
            return Unanswered()
        case "608":
            return Answered(plan=MediaPlan(source=Tone(hz=TONE_HZ), duration_s=SHORT_S))
        case "609" if recording is not None:
            return Answered(plan=MediaPlan(source=Silence(), record=recording))
        case _:
            return None
