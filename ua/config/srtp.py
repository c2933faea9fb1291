"""How the user wants media to be protected."""

from __future__ import annotations

from typing import Literal

SrtpChoice = Literal["off", "sdes", "dtls", "auto"]
"""Never; by keys in the description (RFC 4568); by DTLS (RFC 5763); whatever the peer offers."""
