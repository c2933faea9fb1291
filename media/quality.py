"""Speech quality by the E-model in its short form (ITU-T G.107, constants of G.113)."""

from __future__ import annotations

from dataclasses import dataclass

BEST_R = 93.2
"""R of an undisturbed narrow-band call with default parameters (ITU-T G.107)."""

_KNEE_MS = 177.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """How a codec suffers (ITU-T G.113): `ie` by itself, `bpl` how well it bears loss (more is better)."""

    ie: float
    bpl: float


G711 = Impairment(ie=0.0, bpl=4.3)
G711_WITH_CONCEALMENT = Impairment(ie=0.0, bpl=25.1)
"""ITU-T G.113, for loss that is concealed by repeating pitch periods."""

G722_WITH_CONCEALMENT = Impairment(ie=0.0, bpl=25.1)
WIDEBAND_UNCOMPRESSED = Impairment(ie=0.0, bpl=25.1)
"""G.722 and L16 on the narrow-band scale of this model: nothing is worse than G.711, and loss is concealed
by the same means; an estimate."""

OPUS = Impairment(ie=2.5, bpl=20.0)
"""Not standardised: the middle of what is measured for speech at 16 to 40 kbit/s; an estimate."""


def r_factor(
    *,
    delay_ms: float,
    loss_percent: float,
    impairment: Impairment = G711_WITH_CONCEALMENT,
    burst_ratio: float = 1.0,
) -> float:
    """The rating R: 93.2 at best; below 50 nearly all users complain.

    Args:
        delay_ms: one way, mouth to ear, buffers included.
        loss_percent: packets lost or discarded, 0 to 100.
        impairment: of the codec.
        burst_ratio: 1 where losses are independent, more where they come together.
    """
    delay = 0.024 * delay_ms + (0.11 * (delay_ms - _KNEE_MS) if delay_ms > _KNEE_MS else 0.0)
    loss = loss_percent / (loss_percent / burst_ratio + impairment.bpl)
    return BEST_R - delay - (impairment.ie + (95 - impairment.ie) * loss)


def mos(r: float) -> float:
    """Mean opinion score 1 to 4.5 that belongs to a rating R (ITU-T G.107 annex B)."""
    if r < 0:
        return 1.0
    if r > 100:
        return 4.5
    # between 0 and 6.5 the polynomial falls below 1, which no score may
    return max(1.0, 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r))
