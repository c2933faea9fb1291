"""An encrypted, ordered stream of bytes over a path of ICE, whatever it is at the moment: QUIC (RFC 9000).

QUIC packets are packets like any others: a UDP pair carries them as datagrams, a TCP pair in RFC 4571 frames.
What is lost, or was on its way when the path changed, QUIC sends again. RFC 9443 tells its packets from STUN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, QuicEvent, StreamDataReceived
from aioquic.quic.packet import QuicProtocolVersion

from ice.paths.path import SelectedPath
from ua import clock
from ua.pair.identity import SERVER_NAME, SIGNATURE_SIZE, Identity, certificate_pem

SILENCE_S = 15.0
"""Seconds without a packet of the other side until it counts as gone."""

PING_S = 4.0
"""Seconds between the pings of an idle link: three may be lost."""

_PROTOCOL = "icephone-pair/1"
_PEER = ("peer", 0)
"""ICE knows the address; QUIC sees one that never changes."""

_VERSION = QuicProtocolVersion.VERSION_1.to_bytes(4, "big")
_LEAST_INITIAL = 1200
"""Bytes of the datagram that opens a connection (RFC 9000 §14.1)."""

_STREAM = 0
_FLOW_BYTES = 8 * 1024 * 1024
"""More than `ua.pair.transfer` ever has on its way, so that QUIC's own window never counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnd:
    """How a link ended.

    Attributes:
        code: what the other side ended it with; None where it did not end it.
        reason: for people.
    """

    code: int | None
    reason: str


class Link:
    """One end of the stream. Made inside a running event loop.

    The side that offered dials (`start`), the other one answers; it sends and delivers nothing before the
    one that dials has shown its key.

    Args:
        path: carries the packets; its receiver is this link from now on.
        identity: our key.
        proof: what the other side's line told of it.
        dials: True on the side that offered.
        on_open: called once when both know each other.
        on_data: takes bytes of the stream, in order.
        on_closed: called once, but not for our own `close`.
    """

    def __init__(
        self,
        path: SelectedPath,
        *,
        identity: Identity,
        proof: bytes,
        dials: bool,
        on_open: Callable[[], None],
        on_data: Callable[[bytes], None],
        on_closed: Callable[[LinkEnd], None],
    ) -> None:
        self._path = path
        self._identity = identity
        self._proof = proof
        self._dials = dials
        self._on_open = on_open
        self._on_data = on_data
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._quic: QuicConnection | None = None
        self._greeting = bytearray()
        self._open = False
        self._ended = False
        self._waking: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ping: asyncio.TimerHandle | None = None
        # A certificate that is none is found here and not by a callback later.
        self._authority = certificate_pem(proof) if dials else None
        path.set_receiver(self._receive)

    def start(self) -> None:
        """Dial; on the side that answers nothing is to be done."""
        if self._dials and self._quic is None:
            configuration = self._configuration()
            configuration.server_name = SERVER_NAME
            configuration.cadata = self._authority
            self._quic = QuicConnection(configuration=configuration)
            self._quic.connect(_PEER, now=clock.now())
            self._wake()

    def send(self, data: bytes) -> None:
        """Send bytes of the stream; nothing once it has ended. RuntimeError before it is open."""
        if not self._open or self._quic is None:
            raise RuntimeError("the link is not open yet")
        if not self._ended and data:
            self._quic.send_stream_data(_STREAM, data)
            self._wake()

    def close(self, code: int = 0, reason: str = "") -> None:
        """End the link and tell the other side why; nothing is delivered any more. May be called again."""
        if self._ended:
            return
        if self._quic is not None:
            self._quic.close(error_code=code, reason_phrase=reason)
            self._transmit(self._quic)
        self._stop()

    # --- the pump -------------------------------------------------------------------------------------------

    def _configuration(self) -> QuicConfiguration:
        return QuicConfiguration(
            is_client=self._dials,
            alpn_protocols=[_PROTOCOL],
            idle_timeout=SILENCE_S,
            max_data=_FLOW_BYTES,
            max_stream_data=_FLOW_BYTES,
            supported_versions=[QuicProtocolVersion.VERSION_1],
        )

    def _receive(self, packet: bytes, now: float) -> None:
        if self._ended:
            return
        if self._quic is None and not self._dials:
            self._quic = self._answer(packet)
        if self._quic is not None:
            self._quic.receive_datagram(packet, _PEER, now=now)
            self._wake()

    def _answer(self, packet: bytes) -> QuicConnection | None:
        """Our side of the connection that this packet opens; None where it opens none."""
        # RFC 9000 §17.2.2: long header, version 1, type Initial; then the length of an id, and the id.
        if len(packet) < _LEAST_INITIAL or packet[0] & 0xF0 != 0xC0 or packet[1:5] != _VERSION:
            return None
        destination = packet[6 : 6 + packet[5]]
        configuration = self._configuration()
        configuration.certificate = self._identity.certificate
        configuration.private_key = self._identity.private_key
        return QuicConnection(configuration=configuration, original_destination_connection_id=destination)

    def _wake(self) -> None:
        """Pump once in this turn of the loop, however many packets came."""
        if self._waking is None and not self._ended:
            self._waking = self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._waking = None
        quic = self._quic
        if quic is None:
            return
        while not self._ended and (event := quic.next_event()) is not None:
            self._handle(event)
        if self._ended:
            return
        self._transmit(quic)
        if self._timer is not None:
            self._timer.cancel()
        at = quic.get_timer()
        self._timer = None if at is None else self._loop.call_at(at, self._ring, quic, at)

    def _ring(self, quic: QuicConnection, at: float) -> None:
        self._timer = None
        quic.handle_timer(now=max(at, clock.now()))
        self._pump()

    def _transmit(self, quic: QuicConnection) -> None:
        for packet, _address in quic.datagrams_to_send(now=clock.now()):
            # Without a path it is lost, and sent again later.
            self._path.send(packet)

    def _handle(self, event: QuicEvent) -> None:
        match event:
            case HandshakeCompleted():
                if self._dials:
                    self._opened()
                    self.send(self._identity.sign_for(self._proof))
                    self._on_open()
            case StreamDataReceived(stream_id=0):
                if self._open:
                    self._on_data(event.data)
                else:
                    self._greet(event.data)
            case ConnectionTerminated():
                # RFC 9000 §19.19: only a close of the transport names the frame that was at fault.
                told = event.frame_type is None
                self._end(LinkEnd(code=event.error_code if told else None, reason=event.reason_phrase))
            case _:
                pass

    def _greet(self, data: bytes) -> None:
        self._greeting += data
        if len(self._greeting) < SIGNATURE_SIZE:
            return
        signature = bytes(self._greeting[:SIGNATURE_SIZE])
        if not self._identity.signed_by(self._proof, signature):
            self.close(1, "the key is not the one of the line")
            self._on_closed(LinkEnd(code=None, reason="somebody with another key answered the line"))
            return
        self._opened()
        self._on_open()
        if len(self._greeting) > SIGNATURE_SIZE:
            self._on_data(bytes(self._greeting[SIGNATURE_SIZE:]))

    def _opened(self) -> None:
        self._open = True
        self._ping = self._loop.call_later(PING_S, self._send_ping)

    def _send_ping(self) -> None:
        self._ping = None
        if not self._ended and self._quic is not None:
            self._quic.send_ping(0)
            self._wake()
            self._ping = self._loop.call_later(PING_S, self._send_ping)

    def _end(self, end: LinkEnd) -> None:
        self._stop()
        self._on_closed(end)

    def _stop(self) -> None:
        self._ended = True
        self._path.set_receiver(None)
        for handle in (self._waking, self._timer, self._ping):
            if handle is not None:
                handle.cancel()
        self._waking = self._timer = self._ping = None
