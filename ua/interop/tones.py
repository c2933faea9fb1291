"""The tones that scenarios play."""

from __future__ import annotations

from typing import Final

HZ: Final = 1004.0
"""The test tone of telephony: 1000 Hz sound the same in the wrong law of G.711."""
