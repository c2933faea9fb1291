"""Settings of SIP over WebSocket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketConfig:
    """Settings of SIP over WebSocket (RFC 7118), as client and as server.

    Attributes:
        path: path of the HTTP request that opens the connection; as a server we know no other one.
        origin: Origin that we give as a client, None for none; browsers give one, and some servers want it.
        origins: those that may connect to us; empty for everybody, or, where there is a page, for that
            page alone, which may in any case. Who gives none is no browser and may.
        page: the HTML document (UTF-8) that a browser gets at `path` where it asks for no WebSocket; empty
            for none.
    """

    path: str = "/"
    origin: str | None = None
    origins: tuple[str, ...] = ()
    page: bytes = b""
