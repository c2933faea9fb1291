"""When keep-alives are sent."""

from __future__ import annotations

from typing import Literal

KeepaliveChoice = Literal["auto", "outbound", "always", "off"]
"""Where the registrar keeps flows (RFC 5626 §4.4), and over UDP elsewhere by REGISTER; only where it keeps
flows; to every server, which answers CRLF CRLF over streams and STUN over UDP; never."""
