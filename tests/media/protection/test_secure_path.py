"""The protected path, and sessions that talk over it."""

from __future__ import annotations

import pytest

from media.audio.correlation import correlate
from media.audio.samples import melody
from media.audio.sinks import MemorySink
from media.audio.sources import PcmSource, SilenceSource, ToneSource
from media.codecs import for_name
from media.protection.secure_path import OVERLAP_S, SecurePath
from media.protection.srtp import PROFILES, SrtpProfile, SrtpReceiver, SrtpSender
from media.rtp.packet import is_rtcp
from media.session import MediaSession
from tests.media.network import Clock, End, Tcp, Udp, Wire, pair, seeded
from tests.media.protection.test_srtp import key, reference, rtcp_reference, rtp

PROFILE = PROFILES["AEAD_AES_128_GCM"]


def link(profile: SrtpProfile = PROFILE, *, reliable: bool = False) -> tuple[Wire, End, End]:
    wire = Wire()
    transfer = (Tcp(), Tcp()) if reliable else (Udp(), Udp(seed=2))
    return wire, *pair(wire, *transfer, reliable=reliable)


def use(path: SecurePath, ours: int, theirs: int, profile: SrtpProfile = PROFILE, now: float = 0.0) -> None:
    path.use_keys(SrtpSender(key(profile, ours)), SrtpReceiver([key(profile, theirs)]), now)


@pytest.mark.req("DTLS-7", "KEY-5")
def test_nothing_goes_before_there_is_a_key_and_nothing_is_heard() -> None:
    _, near, _ = link()
    path = SecurePath(near)
    heard: list[bytes] = []
    path.set_receiver(lambda packet, _: heard.append(packet))
    assert not path.send(rtp(1))
    assert not path.send(bytes.fromhex("80c90001cafebabe"))
    near.deliver(rtp(1), 0.0)
    assert near.sent == []
    assert heard == []
    assert path.refused == {"packet before there is a key": 3}
    use(path, 1, 2)
    assert path.send(rtp(2))
    assert near.sent == [reference(PROFILE, rtp(2), key(PROFILE, 1).material, 0)]
    path.drop_keys()
    assert not path.send(rtp(3))
    assert len(near.sent) == 1


@pytest.mark.req("SRTP-15", "RTP-34")
def test_what_arrives_is_told_apart_by_its_first_bytes() -> None:
    _, near, _ = link()
    dtls: list[bytes] = []
    heard: list[bytes] = []
    path = SecurePath(near, on_dtls=lambda packet, _: dtls.append(packet))
    path.set_receiver(lambda packet, _: heard.append(packet))
    use(path, 1, 2)
    for first in range(256):
        near.deliver(bytes([first, 0]) + bytes(20), 0.0)
    assert [packet[0] for packet in dtls] == list(range(20, 64))
    assert sum(path.refused.values()) == 256 - 44
    assert path.refused["packet of no known protocol"] == 256 - 44 - 64
    report = bytes.fromhex("80c90001cafebabe")
    near.deliver(rtcp_reference(PROFILE, report, key(PROFILE, 2).material, 1), 0.0)
    near.deliver(reference(PROFILE, rtp(5), key(PROFILE, 2).material, 0), 0.0)
    assert heard == [report, rtp(5)]
    near.deliver(b"", 0.0)


@pytest.mark.req("KEY-6", "DTLS-8", "SRTP-4", "KEY-10")
def test_new_keys_are_used_at_once_and_old_ones_heard_for_a_while() -> None:
    _, near, _ = link()
    path = SecurePath(near)
    heard: list[bytes] = []
    path.set_receiver(lambda packet, _: heard.append(packet))
    use(path, 1, 2)
    old, new = SrtpSender(key(PROFILE, 2)), SrtpSender(key(PROFILE, 4))
    under_way = [old.protect(rtp(number)) or b"" for number in range(10)]
    near.deliver(under_way[0], 0.0)
    use(path, 3, 4, now=10.0)
    path.send(rtp(50))
    assert near.sent[-1] == reference(PROFILE, rtp(50), key(PROFILE, 3).material, 0)
    near.deliver(new.protect(rtp(20)) or b"", 10.0)
    near.deliver(under_way[1], 10.1)
    near.deliver(under_way[0], 10.2)
    assert heard == [rtp(0), rtp(20), rtp(1)], "a replayed packet stays one"
    near.deliver(under_way[2], 10.0 + OVERLAP_S)
    assert len(heard) == 3


@pytest.mark.req("SRTP-4", "KEY-10")
def test_the_same_keys_again_go_on_where_they_were() -> None:
    _, near, _ = link()
    path = SecurePath(near)
    heard: list[bytes] = []
    path.set_receiver(lambda packet, _: heard.append(packet))
    use(path, 1, 2)
    peer = SrtpSender(key(PROFILE, 2))
    path.send(rtp(65535))
    sealed = [peer.protect(rtp(number)) or b"" for number in (65535, 0)]
    near.deliver(sealed[0], 0.0)
    use(path, 1, 2, now=1.0)
    path.send(rtp(0))
    assert near.sent[-1] == reference(PROFILE, rtp(0), key(PROFILE, 1).material, 1), "in the second cycle"
    near.deliver(sealed[1], 1.0)
    near.deliver(sealed[0], 1.0)
    assert heard == [rtp(65535), rtp(0)]
    assert path.refused == {"SRTP packet replayed": 1}


@pytest.mark.req("SRTP-14")
def test_numbers_begin_in_the_lower_half() -> None:
    for seed in range(300):
        _, near, _ = link()
        session = MediaSession(
            rtp=near, rtcp=None, codec=for_name("PCMU"), payload_type=0, source=SilenceSource(),
            sink=MemorySink(), random=seeded(seed),
        )  # fmt: skip
        session.start(0.0, wall_clock=0.0)
        session.tick(0.0)
        assert int.from_bytes(near.sent[0][2:4], "big") < 0x8000


@pytest.mark.req("SRTP-1", "DTLS-7")
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("reliable", [False, True])
def test_a_call_is_heard_and_nothing_of_it_is_in_clear(profile: SrtpProfile, reliable: bool) -> None:
    wire, near, far = link(profile, reliable=reliable)
    ends = SecurePath(near), SecurePath(far)
    use(ends[0], 1, 2, profile)
    use(ends[1], 2, 1, profile)
    music = melody()
    heard = MemorySink()
    clock = Clock(wire)
    sources = PcmSource(music * 2), ToneSource(1000)
    sessions = [
        MediaSession(
            rtp=end, rtcp=end, codec=for_name("PCMU"), payload_type=0, source=source, sink=sink,
            random=seeded(number),
        )
        for number, (end, source, sink) in enumerate(zip(ends, sources, (MemorySink(), heard), strict=True))
    ]  # fmt: skip
    for session in sessions:
        clock.start(session)
    clock.run(7.0)
    figures = sessions[1].statistics
    assert figures.received.packets > 340
    assert figures.received.lost == 0
    assert figures.refused == {}
    assert correlate((music * 2)[: 6 * 16_000], heard.pcm).value > 0.95
    for packet in near.sent:
        tag = len(packet) - 12 - 160
        assert is_rtcp(packet) or tag in (4, 10, 16)
    assert any(map(is_rtcp, near.sent))
