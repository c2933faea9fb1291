"""How the user wants digits to be sent."""

from __future__ import annotations

from typing import Literal

DtmfChoice = Literal["auto", "rfc4733", "info", "inband"]
"""The best that the peer takes; telephone events (RFC 4733); INFO requests; tones in the audio."""
