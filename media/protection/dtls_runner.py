"""Runs the handshake of one path: the asyncio side of `media.protection.dtls`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import assert_never

from media.errors import HandshakeFailed
from media.protection.certificate import Certificate
from media.protection.dtls import DtlsAssociation, DtlsClosed, DtlsConnected, DtlsFailed
from media.protection.secure_path import SecurePath
from media.protection.srtp import SrtpProfile, SrtpReceiver, SrtpSender


class DtlsRunner:
    """Gets the keys of a path by DTLS, and hands them to it.

    Args:
        path: gets the keys.
        certificate: ours.
        clock: monotonic seconds of the event loop.
        on_end: called with the reason when the association ends, and whether by failure or by the peer's
            close_notify.

    Attributes:
        handshakes: associations that were begun.
        profile: of the association that runs, None before the first is there.
    """

    def __init__(
        self,
        path: SecurePath,
        certificate: Certificate,
        *,
        clock: Callable[[], float],
        on_end: Callable[[str, bool], None] | None = None,
    ) -> None:
        self.handshakes = 0
        self.profile: SrtpProfile | None = None
        self._path = path
        self._certificate = certificate
        self._clock = clock
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._association: DtlsAssociation | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._done: asyncio.Future[None] = self._loop.create_future()

    def begin(self, *, is_client: bool, fingerprints: Iterable[tuple[str, bytes]]) -> None:
        """Begin an association, the first one or one in its place; media keeps its keys until it is there."""
        if self._association is not None:
            if self._done.done() and not self._done.cancelled():
                self._done.exception()
            self._done = self._loop.create_future()
        self.handshakes += 1
        self._association = association = DtlsAssociation(
            certificate=self._certificate, is_client=is_client, fingerprints=fingerprints
        )
        association.start(self._clock())
        self._pump()
        # What came before has waited there.
        self._path.set_dtls(self._receive)

    async def completed(self) -> None:
        """Return once there are keys.

        Raises:
            HandshakeFailed: there will be none.
        """
        await asyncio.shield(self._done)

    def close(self) -> None:
        """End the association."""
        association, self._association = self._association, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if association is not None:
            association.close(self._clock())
            for datagram in association.take_datagrams():
                self._path.send_dtls(datagram)
        if not self._done.done():
            self._done.cancel()
        elif not self._done.cancelled():
            self._done.exception()

    # --- inside -------------------------------------------------------------------------------------------

    def _receive(self, packet: bytes, _arrived: float) -> None:
        if self._association is not None:
            self._association.receive(packet, self._clock())
            self._pump()

    def _pump(self) -> None:
        association = self._association
        if association is None:
            return
        for datagram in association.take_datagrams():
            self._path.send_dtls(datagram)
        for event in association.take_events():
            match event:
                case DtlsConnected(send=send, receive=receive):
                    self.profile = send.profile
                    self._path.use_keys(SrtpSender(send), SrtpReceiver([receive]), self._clock())
                    if not self._done.done():
                        self._done.set_result(None)
                case DtlsFailed(reason=reason):
                    self._end(reason, failed=True)
                case DtlsClosed():
                    self._end("the peer closed the DTLS association", failed=False)
                case _:
                    assert_never(event)
        self._arm(association)

    def _end(self, reason: str, *, failed: bool) -> None:
        """RFC 5763 §5: media with somebody else than signalling names ends at once."""
        self._path.drop_keys()
        if not self._done.done():
            self._done.set_exception(HandshakeFailed(reason))
            self._done.exception()
        if self._on_end is not None:
            self._on_end(reason, failed)

    def _arm(self, association: DtlsAssociation) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = association.next_timer()
        if at is not None and association is self._association:
            self._timer = self._loop.call_at(at, self._wake, association)

    def _wake(self, association: DtlsAssociation) -> None:
        self._timer = None
        if association is self._association:
            # A timer may fire a clock tick early.
            association.handle_timer(max(self._clock(), association.next_timer() or 0.0))
            self._pump()
