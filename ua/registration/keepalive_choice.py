"""When keep-alives are sent."""

from __future__ import annotations

from typing import Literal

KeepaliveChoice = Literal["outbound", "always", "off"]
"""Where the registrar keeps flows (RFC 5626 §4.4); to every server, which answers CRLF CRLF over streams and
STUN over UDP; never."""
