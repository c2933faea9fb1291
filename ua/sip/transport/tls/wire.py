"""Another wire inside TLS (core)."""

from __future__ import annotations

from collections.abc import Callable

from ua.sip.errors import SipTlsError
from ua.sip.transport.tls.layer import Judge, TlsLayer, TlsState
from ua.sip.transport.wire import Wire, WireClosed, WireFailed, WireItem, WireOpened

JudgeFor = Callable[[str], Judge | None]
"""From a domain to what its certificate must be."""


class TlsWire:
    """What `inner` carries, over TLS.

    `judge_for` gives the judge for a domain; None on connections that the other side has opened: whoever is
    there has the address and port that requests are for, and has proved no more.
    """

    def __init__(self, layer: TlsLayer, inner: Wire, *, judge_for: JudgeFor | None) -> None:
        self._layer = layer
        self._inner = inner
        self._judge_for = judge_for
        self._told = False

    @property
    def holds_half(self) -> bool:
        """True where a message has begun to arrive."""
        return self._inner.holds_half

    def start(self) -> list[WireItem]:
        """The connection below stands: say hello."""
        self._layer.start()
        return self._outcome([])

    def receive(self, data: bytes) -> list[WireItem]:
        """Take records; give what is complete in what they carry."""
        before = self._layer.state
        plain = self._layer.receive(data)
        items: list[WireItem] = []
        if before is TlsState.HANDSHAKE and self._layer.state in (TlsState.OPEN, TlsState.ENDED):
            items += self._inner.start()
        if plain:
            items += self._inner.receive(plain)
        items = [
            WireOpened(detail=self._layer.description) if isinstance(item, WireOpened) else item
            for item in items
        ]
        return self._outcome(items)

    def end(self) -> list[WireItem]:
        """No more bytes will come."""
        if self._layer.state is TlsState.HANDSHAKE:
            return [WireFailed(error=SipTlsError("the connection was closed before TLS stood"))]
        return self._inner.end()

    def send(self, message: bytes) -> None:
        """Send a message, or CRLF as keep-alive."""
        self._inner.send(message)
        self._layer.write(self._inner.take_output())

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._inner.ping()
        self._layer.write(self._inner.take_output())

    def close(self) -> None:
        """Say goodbye, inside and with close_notify."""
        self._inner.close()
        self._layer.write(self._inner.take_output())
        self._layer.close()

    def take_output(self) -> bytes:
        """Records to send."""
        return self._layer.take_output()

    def speaks_for(self, domain: str) -> bool:
        """True where the certificate of the other side is good for this domain too (RFC 5923 §7)."""
        if self._judge_for is None:
            return True
        judge = self._judge_for(domain)
        return judge is None or judge(self._layer.peer_der) is None

    def _outcome(self, items: list[WireItem]) -> list[WireItem]:
        """What happened, with the end of TLS where that has come."""
        self._layer.write(self._inner.take_output())
        if self._told:
            return items
        if self._layer.failure is not None:
            self._told = True
            items.append(WireFailed(error=self._layer.failure))
        elif self._layer.state is TlsState.ENDED:
            self._told = True
            items.append(WireClosed(reason="closed by the peer"))
        return items
