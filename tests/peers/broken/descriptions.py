"""Peers whose answers break the rules of offer and answer, or that hide what they offer."""

from __future__ import annotations

from tests.peers.broken.callee import Callee, Offer


class CodecNotOffered(Callee):
    """It answers with a codec that was not offered."""

    def stream(self, offer: Offer, *, port: int | None = None, protocol: str = "RTP/AVP") -> list[str]:
        """G.729."""
        del offer
        return [f"m=audio {port or self.voice.port} {protocol} 18", "a=rtpmap:18 G729/8000"]


class OneStreamMore(Callee):
    """It answers two streams where one was offered."""

    def answer(self, offer: Offer) -> bytes:
        """Audio, and video that nobody has asked for."""
        return self.describe([*self.stream(offer), "m=video 0 RTP/AVP 31"])


class RefusesAllMedia(Callee):
    """It picks up with all ports 0."""

    def answer(self, offer: Offer) -> bytes:
        """No audio."""
        return self.describe(self.stream(offer, port=0))


class PrivateAddress(Callee):
    """Its description names an address of its own network, which nobody else can reach."""

    def answer(self, offer: Offer) -> bytes:
        """Audio at an address for documentation."""
        return self.describe(self.stream(offer), host="192.0.2.77")

    def talk(self, offer: Offer) -> None:
        """What it hears is nothing, so that nothing comes back."""
