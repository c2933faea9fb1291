"""Peers that say things of ICE that are not so. They are lite agents: we check, they answer."""

from __future__ import annotations

from ice.errors import StunError
from ice.stun.attributes import XorMappedAddress
from ice.stun.message import MessageClass, StunMessage, parse, serialise
from ice.types import TransportAddress
from tests.peers.broken.callee import Callee, Offer
from tests.peers.broken.voice import Address, Manners, Voice

UFRAG, PASSWORD = "broken01", "0123456789abcdefghijklmn"


class IceLite(Callee):
    """A sound lite agent.

    Args:
        manners: of its media.
        password: its checks are answered under this.
        answers: whether they are answered.
    """

    def __init__(
        self, manners: Manners | None = None, *, password: str = PASSWORD, answers: bool = True
    ) -> None:
        super().__init__(manners)
        self._key = password.encode()
        self._answers = answers
        self._offered: Offer | None = None

    def answer(self, offer: Offer) -> bytes:
        """With its one candidate."""
        self.voice.intercept = self._checked
        rows = [
            *self.stream(offer),
            f"a=ice-ufrag:{UFRAG}",
            f"a=ice-pwd:{PASSWORD}",
            f"a=candidate:1 1 UDP 2130706431 {self.host} {self.voice.port} typ host",
        ]
        return self.describe(["a=ice-lite", *rows])

    def talk(self, offer: Offer) -> None:
        """Media goes where the checks come from."""

    def _checked(self, packet: bytes, source: Address) -> bool:
        try:
            request = parse(packet)
        except StunError:
            return False
        if request.message_class is not MessageClass.REQUEST or not self._answers:
            return True
        mapped = XorMappedAddress(address=TransportAddress(host=source[0], port=source[1]))
        response = StunMessage(
            method=request.method,
            message_class=MessageClass.SUCCESS,
            transaction_id=request.transaction_id,
            attributes=(mapped,),
        )
        voice: Voice = self.voice
        voice.send(serialise(response, integrity_key=self._key, fingerprint=True), source)
        voice.talk(source)
        return True


class NobodyAtCandidates(IceLite):
    """Checks to its candidates are never answered."""

    def __init__(self) -> None:
        super().__init__(answers=False)


class WrongIcePassword(IceLite):
    """It answers checks under another password than it has told."""

    def __init__(self) -> None:
        super().__init__(password="n" * 24)


class SendsFromElsewhere(IceLite):
    """It answers checks, and sends its media from a port that no check has been to."""

    def __init__(self) -> None:
        super().__init__(Manners(plays="tone", elsewhere=True))


class IceMismatch(Callee):
    """It says that somebody has changed our offer on the way, and leaves ICE (RFC 8839 §5.4)."""

    def stream(self, offer: Offer, *, port: int | None = None, protocol: str = "RTP/AVP") -> list[str]:
        """As ever, and that."""
        return [*super().stream(offer, port=port, protocol=protocol), "a=ice-mismatch"]
