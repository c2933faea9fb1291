"""70,000 packets over a protected path: sequence numbers begin again, the rollover counter does not."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ice.net.framing import Deframer, frame
from media.protection.secure_path import SecurePath
from media.protection.srtp import PROFILES, MasterKey, SrtpReceiver, SrtpSender
from tests.media.dtls_pair import ALICE, BOB, Two, association
from tests.media.network import End, Udp, Wire, pair
from tests.media.protection.test_srtp import key, reference, rtp

PACKETS = 70_000
FIRST = 20_000
"""Of the sequence numbers: round once, at 65,536."""

Keys = tuple[MasterKey, MasterKey]


def told() -> Keys:
    """Keys as two descriptions tell them, AES-CM."""
    profile = PROFILES["AES_CM_128_HMAC_SHA1_80"]
    return key(profile, 1), key(profile, 2)


def shaken_hands() -> Keys:
    """Keys of a handshake, which chooses GCM."""
    two = Two(association(ALICE, is_client=True, peer=BOB), association(BOB, is_client=False, peer=ALICE))
    two.start()
    two.run()
    client, server = two.keys()
    assert (client.send, client.receive) == (server.receive, server.send)
    return client.send, server.send


class Stream(End):
    """One end of a TCP connection: frames (RFC 4571), cut into segments anywhere."""

    def __init__(self, wire: Wire, seed: int) -> None:
        super().__init__(wire, lambda _, now: now + 0.02, reliable=True)
        self._random = random.Random(seed)
        self._unsent = bytearray()
        self._deframer = Deframer()

    def send(self, packet: bytes) -> bool:
        self.sent.append(packet)
        self._unsent += frame(packet)
        self.flush(self._random.randrange(0, 400))
        return True

    def flush(self, size: int) -> None:
        """A segment leaves."""
        if self.peer is not None and size:
            self.wire.post(self.wire.now + 0.02, self.peer, bytes(self._unsent[:size]))
            del self._unsent[:size]

    def deliver(self, packet: bytes, now: float) -> None:
        for each in self._deframer.feed(packet):
            super().deliver(each, now)


def datagrams(wire: Wire) -> tuple[End, End]:
    """UDP on which packets overtake each other and some are lost."""
    return pair(wire, Udp(jitter=0.05, loss=0.01), Udp())


def streams(wire: Wire) -> tuple[End, End]:
    """Framed TCP."""
    near, far = Stream(wire, 1), Stream(wire, 2)
    near.peer, far.peer = far, near
    return near, far


@pytest.mark.req("SRTP-2", "SRTP-4", "FRM-2")
@pytest.mark.parametrize("ends", [datagrams, streams], ids=["UDP", "framed TCP"])
@pytest.mark.parametrize("keys", [told, shaken_hands], ids=["SDES", "DTLS"])
def test_the_counter_goes_on(keys: Callable[[], Keys], ends: Callable[[Wire], tuple[End, End]]) -> None:
    ours, theirs = keys()
    wire = Wire()
    near, far = ends(wire)
    heard: list[bytes] = []
    sender, receiver = SecurePath(near), SecurePath(far)
    sender.use_keys(SrtpSender(ours), SrtpReceiver([theirs]), 0.0)
    receiver.use_keys(SrtpSender(theirs), SrtpReceiver([ours]), 0.0)
    receiver.set_receiver(lambda packet, _: heard.append(packet))
    said = [rtp((FIRST + index) & 0xFFFF, payload=b"\x55") for index in range(PACKETS)]
    for index, packet in enumerate(said):
        assert sender.send(packet)
        wire.run(0.02 * index)
    if isinstance(near, Stream):
        near.flush(1 << 20)
    wire.run(0.02 * PACKETS + 1)
    lost = near.transfer.lost if isinstance(near.transfer, Udp) else 0
    assert len(heard) == PACKETS - lost
    assert (heard == said) is (lost == 0)
    assert set(heard) <= set(said)
    assert receiver.refused == {}
    assert near.sent[-1] == reference(ours.profile, said[-1], ours.material, 1), "in the second cycle"
