"""A path on which nothing goes unprotected: RTP and RTCP become SRTP and SRTCP (RFC 3711) below it.

To a media session it is a `PacketPath` like any. Before there are keys nothing is sent nor delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from media.path import PacketPath, PacketReceiver
from media.protection.srtp import SrtpReceiver, SrtpSender
from media.rtp.packet import is_rtcp

OVERLAP_S: Final = 120.0
"""Old keys of the peer are tried so long beside new ones (RFC 5764 §5.2: about one MSL)."""

MOST_EARLY: Final = 50
"""So many packets of DTLS wait for somebody who takes them."""

_FIRST_DTLS, _LAST_DTLS = 20, 63
_FIRST_RTP, _LAST_RTP = 128, 191


class SecurePath:
    """Protects what goes over `path`, and opens what comes.

    Args:
        path: carries the packets.
        on_dtls: takes packets of DTLS (RFC 7983 §7); None keeps the first of them for `set_dtls`.

    Attributes:
        refused: packets that were dropped, by reason.
    """

    def __init__(self, path: PacketPath, on_dtls: PacketReceiver | None = None) -> None:
        self._on_dtls = on_dtls
        self._early: list[tuple[bytes, float]] = []
        self.refused: dict[str, int] = {}
        self._path = path
        self._send = path.send
        self._receiver: PacketReceiver | None = None
        self._sender: SrtpSender | None = None
        self._opening: SrtpReceiver | None = None
        self._former: SrtpReceiver | None = None
        self._former_until = 0.0
        self._on_refused: Callable[[str, float], None] | None = None
        path.set_receiver(self._receive)

    def close(self) -> None:
        """Let go of the path."""
        self._receiver = self._on_dtls = self._on_refused = None
        self._sender = self._opening = self._former = None
        self._path.set_receiver(None)

    @property
    def is_keyed(self) -> bool:
        """True once there are keys for both directions."""
        return self._sender is not None and self._opening is not None

    def use_keys(self, sender: SrtpSender, receiver: SrtpReceiver, now: float) -> None:
        """Send with `sender` at once, and open with `receiver`, or what it was so far, for a while.

        Contexts whose key is that of before stay: their rollover counters and replay lists go on
        (RFC 3711 §3.3.1, RFC 4568 §7.1.4).
        """
        if self._sender is None or self._sender.key != sender.key:
            self._sender = sender
        if self._opening is None:
            self._opening = receiver
        elif self._opening.keys != receiver.keys:
            self._former, self._former_until = self._opening, now + OVERLAP_S
            self._opening = receiver

    def drop_keys(self) -> None:
        """The keys are not to be trusted: neither send nor deliver any more."""
        self._sender = self._opening = self._former = None

    # --- the path of a media session ----------------------------------------------------------------------

    @property
    def reliable(self) -> bool:
        """As the path below."""
        return self._path.reliable

    def send(self, packet: bytes) -> bool:
        """Protect and send one packet; False where it was dropped, as all are before there is a key."""
        sender = self._sender
        if sender is None:
            self._refuse("packet before there is a key")
            return False
        protected = sender.protect_rtcp(packet) if is_rtcp(packet) else sender.protect(packet)
        if protected is None:
            self._refuse("packet that cannot be protected")
            return False
        return self._send(protected)

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        """Deliver opened packets to `receiver` from now on; None discards them."""
        self._receiver = receiver

    def on_refused(self, refused: Callable[[str, float], None] | None) -> None:
        """Tell `refused` the reason and the time of each arriving packet that is dropped."""
        self._on_refused = refused

    # --- DTLS ---------------------------------------------------------------------------------------------

    def set_dtls(self, receiver: PacketReceiver) -> None:
        """Deliver packets of DTLS to `receiver` from now on, those that came before first (RFC 8842 §5.2)."""
        self._on_dtls = receiver
        early, self._early = self._early, []
        for packet, at in early:
            receiver(packet, at)

    def send_dtls(self, packet: bytes) -> bool:
        """Send a packet of the handshake as it is."""
        return self._send(packet)

    # --- inside -------------------------------------------------------------------------------------------

    def _receive(self, packet: bytes, now: float) -> None:
        if not packet:
            return
        first = packet[0]
        if _FIRST_RTP <= first <= _LAST_RTP:
            opening = self._opening
            if opening is None:
                self._drop("packet before there is a key", now)
                return
            muxed = is_rtcp(packet)
            opened = opening.unprotect_rtcp(packet) if muxed else opening.unprotect(packet)
            if isinstance(opened, str):
                opened = self._with_former_key(packet, opened, now, muxed=muxed)
            if isinstance(opened, str):
                self._drop(opened, now)
            elif self._receiver is not None:
                self._receiver(opened, now)
        elif _FIRST_DTLS <= first <= _LAST_DTLS:
            if self._on_dtls is not None:
                self._on_dtls(packet, now)
            elif len(self._early) < MOST_EARLY:
                self._early.append((packet, now))
        else:
            self._drop("packet of no known protocol", now)

    def _with_former_key(self, packet: bytes, reason: str, now: float, *, muxed: bool) -> bytes | str:
        former = self._former
        if former is None:
            return reason
        if now >= self._former_until:
            self._former = None
            return reason
        opened = former.unprotect_rtcp(packet) if muxed else former.unprotect(packet)
        return reason if isinstance(opened, str) else opened

    def _drop(self, reason: str, now: float) -> None:
        self._refuse(reason)
        if self._on_refused is not None:
            self._on_refused(reason, now)

    def _refuse(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1
