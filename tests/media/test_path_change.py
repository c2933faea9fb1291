"""The path changes in mid-call, as ICE moves media from UDP to TCP and back: what is heard goes on."""

from __future__ import annotations

import math

import pytest

from media.audio.correlation import correlate
from media.audio.samples import melody
from media.audio.sinks import MemorySink, NullSink
from media.audio.sources import PcmSource, SilenceSource
from media.codecs import PCMU
from media.events import MediaEvent, MediaStarted
from media.protection.secure_path import SecurePath
from media.protection.srtp import SrtpReceiver, SrtpSender
from media.rtp.packet import is_rtcp, parse
from media.session import MediaSession
from tests.media.network import Clock, Tcp, Udp, Wire, pair, seeded
from tests.media.protection.test_secure_path import PROFILE
from tests.media.protection.test_srtp import key

SECONDS = 12
MUSIC = melody() * (SECONDS // 4)


class Moving:
    """UDP for a third of the time, then TCP whose way is longer, then UDP again."""

    def __init__(self, *, gap_s: float) -> None:
        self._udp, self._tcp = Udp(delay=0.03, jitter=0.004), Tcp(delay=0.045)
        self._gap_s = gap_s

    def __call__(self, packet: bytes, now: float) -> float | None:
        since = now % (SECONDS / 3)
        if now >= SECONDS / 3 and since < self._gap_s:
            return None  # the old path is gone, and the new one not there yet
        return (self._tcp if SECONDS / 3 <= now < 2 * SECONDS / 3 else self._udp)(packet, now)


@pytest.mark.parametrize("gap_s", [0.0, 0.09])
@pytest.mark.parametrize("protected", [False, True], ids=["RTP", "SRTP"])
def test_what_is_heard_goes_on(*, protected: bool, gap_s: float) -> None:
    wire = Wire()
    near, far = pair(wire, Moving(gap_s=gap_s), Udp())
    paths = [SecurePath(near), SecurePath(far)]
    for path, (ours, theirs) in zip(paths, ((1, 2), (2, 1)), strict=True):
        path.use_keys(SrtpSender(key(PROFILE, ours)), SrtpReceiver([key(PROFILE, theirs)]), 0.0)
    over = paths if protected else [near, far]
    heard = MemorySink()
    told: list[MediaEvent] = []
    sender = MediaSession(
        rtp=over[0], rtcp=over[0], codec=PCMU, payload_type=0, source=PcmSource(MUSIC), sink=NullSink(),
        random=seeded(1),
    )  # fmt: skip
    receiver = MediaSession(
        rtp=over[1], rtcp=over[1], codec=PCMU, payload_type=0, source=SilenceSource(), sink=heard,
        random=seeded(2), on_event=told.append,
    )  # fmt: skip
    clock = Clock(wire)
    clock.start(sender)
    clock.start(receiver, at=0.007)
    clock.run(SECONDS)
    figures = receiver.statistics
    lost = 2 * math.ceil(gap_s * 50)
    assert figures.received.lost == pytest.approx(lost, abs=1)
    assert figures.concealed_ms <= 20 * lost + 80, "what is lost, and the step of the delay"
    assert sum(isinstance(event, MediaStarted) for event in told) == 1
    assert figures.refused == {}
    # a stream that began anew would be heard at another place
    result = correlate(MUSIC, heard.pcm)
    print(f"{'SRTP' if protected else 'RTP'}, {gap_s:g} s without a path: {result}")
    assert result.value > (0.95 if gap_s else 0.98)
    headers = [parse(packet) for packet in near.sent if not is_rtcp(packet)]
    assert len({header.ssrc for header in headers}) == 1
    assert [header.sequence - headers[0].sequence for header in headers] == list(range(len(headers)))
    assert not any(header.marker for header in headers)
