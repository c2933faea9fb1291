"""An application layer gateway, as routers have them: it puts itself into descriptions and passes media on.

It knows nothing of ICE: the candidates stay, and are not where the description says that media goes to. That
is the ICE mismatch of RFC 8839 §4.2.5.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ua.config.sip_uri import split_sip_uri
from ua.interop.peer import Peer
from ua.interop.rewriting import Rewriter, route_to

Address = tuple[str, int]


class _Port(asyncio.DatagramProtocol):
    """One port of the gateway: what comes in leaves by the other one."""

    def __init__(self) -> None:
        self.other: _Port | None = None
        self.to: Address | None = None
        self.passed = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, host: str) -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(host, 0)
        )
        self._transport = transport

    @property
    def number(self) -> int:
        return 0 if self._transport is None else int(self._transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: Address) -> None:
        del addr
        if self.other is not None:
            self.other.send(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there yet, or any more."""

    def send(self, data: bytes) -> None:
        if self._transport is not None and self.to is not None:
            self.passed += 1
            self._transport.sendto(data, self.to)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class MediaGateway:
    """Media of one call goes through it.

    Attributes:
        rewriter: its signalling.
    """

    def __init__(self) -> None:
        self.rewriter = Rewriter(self._offered, self._answered)
        self._host = ""
        # what the peer sends leaves towards our phone, and the other way round
        self._to_us, self._to_them = _Port(), _Port()
        self._to_us.other, self._to_them.other = self._to_them, self._to_us

    @property
    def passed(self) -> tuple[int, int]:
        """Packets that were passed on to the peer, and to us."""
        return self._to_them.passed, self._to_us.passed

    @asynccontextmanager
    async def running(self, peer: Peer) -> AsyncIterator[None]:
        """Stand between us and `peer`; raises OSError."""
        place = split_sip_uri(peer.server("tcp"))
        self._host = await route_to(place.host, place.port or 5060)
        try:
            for port in (self._to_us, self._to_them):
                await port.open(self._host)
            async with self.rewriter.running(peer):
                yield
        finally:
            for port in (self._to_us, self._to_them):
                with contextlib.suppress(OSError):
                    port.close()

    async def _offered(self, text: str) -> str:
        """Where our media goes to: the port that the peer sends to is the one that faces it."""
        text, self._to_us.to = self._moved(text, self._to_them.number)
        return text

    async def _answered(self, text: str) -> str:
        text, self._to_them.to = self._moved(text, self._to_us.number)
        return text

    def _moved(self, text: str, port: int) -> tuple[str, Address | None]:
        """The description with us as the place of its media, and where that was before."""
        rows = [row for row in text.split("\r\n") if not row.startswith("a=rtcp:")]
        found = [re.fullmatch(r"m=audio (\d+) (.*)", row) for row in rows]
        media = next((each for each in found if each is not None), None)
        hosts = [row.rpartition(" ")[2] for row in rows if row.startswith("c=")]
        if media is None or not hosts or media[1] == "0":
            return text, None
        family = "IP6" if ":" in self._host else "IP4"
        changed = [
            f"c=IN {family} {self._host}"
            if row.startswith("c=")
            else f"m=audio {port} {media[2]}"
            if row == media[0]
            else row
            for row in rows
        ]
        return "\r\n".join(changed), (hosts[-1], int(media[1]))
