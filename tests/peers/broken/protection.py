"""Peers whose SRTP is broken."""

from __future__ import annotations

import asyncio
import base64
import time

from media.protection.certificate import Certificate
from media.protection.dtls import DtlsAssociation
from media.protection.srtp import PROFILES, MasterKey, SrtpSender
from tests.peers.broken.callee import Callee, Offer
from tests.peers.broken.voice import Address, Manners

SUITE = "AES_CM_128_HMAC_SHA1_80"


class WrongSdesKey(Callee):
    """It protects its media under another key than that of its description."""

    def __init__(self) -> None:
        super().__init__(Manners(plays="tone"))

    def stream(self, offer: Offer, *, port: int | None = None, protocol: str = "RTP/AVP") -> list[str]:
        """With a key."""
        del protocol
        offered = next(row for row in offer.attributes("crypto") if SUITE in row)
        key = base64.b64encode(bytes(range(30))).decode()
        rows = super().stream(offer, port=port, protocol=offer.protocol)
        return [*rows, f"a=crypto:{offered.split(' ')[0]} {SUITE} inline:{key}"]

    def talk(self, offer: Offer) -> None:
        """Under another one."""
        profile = PROFILES[SUITE]
        self.voice.protect = SrtpSender(MasterKey(profile=profile, material=bytes(30)))
        super().talk(offer)


class WrongFingerprint(Callee):
    """It shows another certificate in DTLS than its description names."""

    def __init__(self) -> None:
        super().__init__(Manners(plays="tone"))
        self._association: DtlsAssociation | None = None
        self._to: Address = ("", 0)

    def stream(self, offer: Offer, *, port: int | None = None, protocol: str = "RTP/AVP") -> list[str]:
        """With the fingerprint of somebody else."""
        del protocol
        told = Certificate.generate(time.time()).digest().hex(":").upper()
        rows = super().stream(offer, port=port, protocol=offer.protocol)
        return [*rows, f"a=fingerprint:sha-256 {told}", "a=setup:passive"]

    def talk(self, offer: Offer) -> None:
        """Be the server of the handshake."""
        theirs = offer.attributes("fingerprint")[0].split(" ")
        self._association = DtlsAssociation(
            certificate=Certificate.generate(time.time()),
            is_client=False,
            fingerprints=((theirs[0], bytes.fromhex(theirs[1].replace(":", ""))),),
        )
        self._association.start(asyncio.get_running_loop().time())
        self.voice.intercept = self._handshake

    def _handshake(self, packet: bytes, source: Address) -> bool:
        if self._association is None or not 20 <= packet[0] <= 63:
            return False
        self._association.receive(packet, asyncio.get_running_loop().time())
        for datagram in self._association.take_datagrams():
            self.voice.send(datagram, source)
        return True
