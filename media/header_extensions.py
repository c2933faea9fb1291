"""The header extensions of one session (RFC 8285): nothing costs anything until some are agreed on."""

from __future__ import annotations

from dataclasses import dataclass

from media.inbox import Inbox
from media.path import PacketPath
from media.rtp.header_extension import ONE_BYTE_IDS, ONE_BYTE_LENGTHS
from media.rtp.outgoing_extensions import OutgoingExtensions
from media.rtp.receiver import RtpReceiver
from media.rtp.sender import RtpSender


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionTerms:
    """What was agreed: ids from 1 to 14, None for what is not.

    Attributes:
        send_level: of the audio level that we tell (RFC 6464).
        receive_level: of the one that the peer tells.
        voice: tell whether somebody speaks, beside our level (the attribute vad, RFC 6464 §4).
        send_mid: of the name of the m= line that we tell (RFC 9143 §15).
        receive_mid: of the one that the peer tells.
        mid: that name, 1 to 16 bytes where it is told.
    """

    send_level: int | None = None
    receive_level: int | None = None
    voice: bool = True
    send_mid: int | None = None
    receive_mid: int | None = None
    mid: bytes = b""

    def __post_init__(self) -> None:
        for number in (self.send_level, self.receive_level, self.send_mid, self.receive_mid):
            if number is not None and number not in ONE_BYTE_IDS:
                raise ValueError(f"{number} is no id of the one-byte form (RFC 8285 §4.2)")
        if self.send_mid is not None and len(self.mid) not in ONE_BYTE_LENGTHS:
            raise ValueError(f"a name of {len(self.mid)} bytes does not fit (RFC 8285 §4.2)")

    @property
    def sends(self) -> bool:
        """Whether our packets have extensions."""
        return self.send_level is not None or self.send_mid is not None

    @property
    def receives(self) -> bool:
        """Whether those of the peer are read."""
        return self.receive_level is not None or self.receive_mid is not None


class HeaderExtensions:
    """Stands between a session and its path where extensions were agreed on, and nowhere else.

    Args:
        path: carries RTP.
        sender: sends it.
        receiver: reads that of the peer.
        inbox: takes what arrives, for `receiver`.
    """

    __slots__ = ("_inbox", "_incoming", "_listening", "_path", "_sender", "terms")

    def __init__(self, path: PacketPath, sender: RtpSender, receiver: RtpReceiver, inbox: Inbox) -> None:
        self._path = path
        self._sender = sender
        self._incoming = receiver.extensions
        self._inbox = inbox
        self._listening = False
        self.terms = ExtensionTerms()
        """What is in force; `use` changes it."""

    def begin(self) -> None:
        """Take what arrives on the path."""
        self._listening = True
        receive = self._inbox.add
        self._path.set_receiver(self._incoming.in_front_of(receive) if self.terms.receives else receive)

    def end(self) -> None:
        """Let go of the path."""
        self._listening = False
        self._path.set_receiver(None)

    def use(self, terms: ExtensionTerms) -> None:
        """What was agreed, from the next packet on. Does nothing where that is what it was."""
        if terms == self.terms:
            return
        self.terms = terms
        self._incoming.use(level=terms.receive_level, mid_id=terms.receive_mid, mid=terms.mid)
        if self._listening:
            self.begin()
        self._sender.use_extensions(self._outgoing(terms) if terms.sends else None)

    def _outgoing(self, terms: ExtensionTerms) -> OutgoingExtensions:
        sender = self._sender
        return OutgoingExtensions(
            level=terms.send_level,
            voice=terms.voice,
            mid_id=terms.send_mid,
            mid=terms.mid,
            is_known=lambda: sender.is_known,
        )
