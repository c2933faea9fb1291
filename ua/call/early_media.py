"""What phones send that ring: announcements and tones of the network (RFC 3960).

Of several the one that has answered last is played, and as long as none has, who is quicker than its answer
(`ua.call.early_source`). Nothing is sent before the call is answered. What is protected by keys of the
descriptions is opened with those of the early answer; DTLS is not begun with phones that may never take the
call.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

from ice.errors import IceFailed
from ice.session import Session
from ice.types import TransportAddress
from media.audio.sinks import Sink
from media.audio.sources import SilenceSource
from media.engine import MediaEngine
from media.path import PacketPath, PacketReceiver
from media.protection.secure_path import SecurePath
from media.rtp import packet as rtp
from media.session import MediaSession
from sdp.attributes.rtp_attr import AudioFormat
from sdp.errors import ConnectionFailed
from sdp.ice.binding import IceBinding
from sdp.negotiation.keying import DtlsTerms
from sdp.negotiation.negotiated import NegotiatedMedia
from ua.call import codec_mapping
from ua.call.early_source import EarlySource
from ua.call.media_protection import use


class EarlyMedia:
    """Plays one phone at a time into the sink of the call.

    Args:
        engine: the clock of all media.
        sink: takes what is heard; it stays open.
        on_heard: called with the first packet of each that is heard.
        rate: sample rate of the sink, Hz.
    """

    def __init__(self, engine: MediaEngine, sink: Sink, on_heard: Callable[[], None], *, rate: int) -> None:
        self._rate = rate
        self._engine = engine
        self._sink = sink
        self._on_heard = on_heard
        self._session: MediaSession | None = None
        self._waiting: asyncio.Task[None] | None = None
        self._secure: SecurePath | None = None
        self._unannounced: _Unannounced | None = None

    def listen(self, session: Session, formats: Sequence[AudioFormat]) -> None:
        """Play who sends what we have offered and has not answered yet (RFC 3264 §5.1)."""
        self.stop()
        self._unannounced = _Unannounced(session, formats, lambda path: self._begin(path, formats))

    def follow(self, binding: IceBinding, negotiated: NegotiatedMedia) -> None:
        """Play a phone with ICE from the moment on when there is a path."""
        self.stop()
        self._waiting = asyncio.ensure_future(self._wait(binding, negotiated))

    async def _wait(self, binding: IceBinding, negotiated: NegotiatedMedia) -> None:
        try:
            paths = await binding.paths()
        except (IceFailed, ConnectionFailed):
            return  # it is told where that phone takes the call
        self._play(paths.rtp, negotiated)

    def hear(self, session: Session, negotiated: NegotiatedMedia) -> None:
        """Play a phone without ICE: what comes from the address that it has told."""
        self.stop()
        if negotiated.remote_address is not None:
            self._play(_Told(session, negotiated.remote_address.host), negotiated)

    def _play(self, path: PacketPath, negotiated: NegotiatedMedia) -> None:
        if isinstance(negotiated.keys, DtlsTerms) or not negotiated.direction.receives:
            return
        if negotiated.keys is not None:
            path = self._secure = SecurePath(path)
            use(negotiated.keys, path)
        self._begin(path, (negotiated.format, *negotiated.formats))

    def _begin(self, path: PacketPath, formats: Sequence[AudioFormat]) -> None:
        self._session = MediaSession(
            rtp=_Heard(path, self._on_heard),
            rtcp=None,
            codec=codec_mapping.codec_of(formats[0]),
            payload_type=formats[0].payload_type,
            receive=codec_mapping.receivable(formats),
            rate=self._rate,
            source=SilenceSource(),
            sink=_Lent(self._sink),
            random=secrets.token_bytes,
            sending=False,
        )
        self._engine.add(self._session)

    def stop(self) -> None:
        """Play no more. Does nothing twice."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._unannounced is not None:
            self._unannounced.close()
            self._unannounced = None
        if self._session is not None:
            self._engine.remove(self._session)
            self._session = None
        if self._secure is not None:
            self._secure.close()
            self._secure = None


class _Lent:
    """A sink that somebody else closes."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, pcm: bytes) -> None:
        self._sink.write(pcm)

    def close(self) -> None:
        """It is needed for the call."""


class _Told:
    """The path from an address that a description has told; nothing can be sent to it yet."""

    reliable = False

    def __init__(self, session: Session, host: str) -> None:
        self._session = session
        self._host = host

    def send(self, _packet: bytes) -> bool:
        return False

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        self._session.hear_early(self._host, receiver)


class _Unannounced:
    """The path from somebody who has told us nothing yet; nothing can be sent there.

    Args:
        session: with the sockets of our offer.
        formats: that were offered.
        on_first: called before the first packet that is heard, to play this path.
    """

    reliable = False

    def __init__(
        self, session: Session, formats: Sequence[AudioFormat], on_first: Callable[[PacketPath], None]
    ) -> None:
        self._session = session
        self._source = EarlySource(codec_mapping.receivable(formats))
        self._on_first = on_first
        self._receiver: PacketReceiver | None = None
        # Where a check came from, media goes to the path itself, whoever it is.
        session.path(1).set_receiver(self._take_checked)
        session.hear_strangers(self._take)

    def close(self) -> None:
        self._session.path(1).set_receiver(None)
        self._session.hear_strangers(None)

    def send(self, _packet: bytes) -> bool:
        return False

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        self._receiver = receiver

    def _take_checked(self, packet: bytes, now: float) -> None:
        if rtp.is_rtcp(packet):
            return
        self._source.prove()
        self._hear(packet, now)

    def _take(self, source: TransportAddress, packet: bytes, now: float) -> bool:
        heard = self._source.accepts(source, packet)
        if heard:
            self._hear(packet, now)
        return heard

    def _hear(self, packet: bytes, now: float) -> None:
        if self._receiver is None:
            self._on_first(self)
        if self._receiver is not None:
            self._receiver(packet, now)


class _Heard:
    """A path that tells of the first RTP packet and sends nothing."""

    def __init__(self, path: PacketPath, on_heard: Callable[[], None]) -> None:
        self._path = path
        self._on_heard = on_heard
        self._receiver: PacketReceiver | None = None
        self._heard = False

    @property
    def reliable(self) -> bool:
        return self._path.reliable

    def send(self, _packet: bytes) -> bool:
        return False

    def set_receiver(self, receiver: PacketReceiver | None) -> None:
        self._receiver = receiver
        self._path.set_receiver(None if receiver is None else self._take)

    def _take(self, packet: bytes, now: float) -> None:
        if rtp.is_rtcp(packet) or self._receiver is None:
            return
        if not self._heard:
            self._heard = True
            self._on_heard()
        self._receiver(packet, now)
