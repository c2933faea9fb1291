"""How the user wants media to be protected."""

from __future__ import annotations

from typing import Literal

SrtpChoice = Literal["off", "sdes", "dtls", "webrtc", "auto"]
"""Never; by keys in the description (RFC 4568); by DTLS (RFC 5763); by DTLS, in offers as browsers make them
(UDP/TLS/RTP/SAVPF in a group, RFC 8829); whatever the peer offers."""
