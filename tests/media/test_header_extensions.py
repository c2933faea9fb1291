"""Sessions that have agreed on header extensions: levels told and heard, and the name of the m= line."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio.pcm import dbfs, rms
from media.audio.sinks import MemorySink
from media.audio.sources import PcmSource, SilenceSource, Source, ToneSource
from media.codecs import for_name
from media.dtmf.keys import Press
from media.dtmf.outgoing import EventTypes
from media.events import MediaRefused
from media.header_extensions import ExtensionTerms
from media.protection.secure_path import SecurePath
from media.protection.srtp import PROFILES, SrtpProfile
from media.rtcp.compound import RtcpRrPacket
from media.rtp import packet as rtp
from media.rtp.header_extension import build, insert, parse
from media.session import MediaSession
from tests.media.bench import PEER, Bench, block_about
from tests.media.network import Clock, End, Udp, Wire, pair, seeded
from tests.media.protection.test_secure_path import use
from tests.tones import share_of_power

LEVEL, MID = 1, 4
TERMS = ExtensionTerms(send_level=LEVEL, receive_level=LEVEL, send_mid=MID, receive_mid=MID, mid=b"0")
FOREIGN = "packet of another m= line"


def told(packet: bytes) -> dict[int, bytes]:
    """The elements of a packet of ours."""
    if not packet[0] & rtp.EXTENSION_BIT:
        return {}
    _, profile, data = rtp.split_extension(packet)
    assert profile == 0xBEDE
    assert parse(profile, data).intact
    return dict(parse(profile, data).elements)


def media_of(end: End, start: int = 0) -> list[bytes]:
    return [packet for packet in end.sent[start:] if not rtp.is_rtcp(packet)]


def bench(terms: ExtensionTerms = TERMS, source: Source | None = None) -> Bench:
    it = Bench(source=source or ToneSource(440))
    it.session.extensions.use(terms)
    it.rtp.sent.clear()
    return it


# --- ours --------------------------------------------------------------------------------------------------


def test_our_packets_tell_their_level_and_that_somebody_speaks() -> None:
    it = bench()
    it.run(0.5)
    levels = {told(packet)[LEVEL] for packet in media_of(it.rtp)}
    expected = round(-it.session.statistics.level_sent_dbfs)
    assert levels <= {bytes([0x80 | near]) for near in (expected - 1, expected, expected + 1)}


def test_a_packet_of_several_frames_tells_the_level_of_all_of_them() -> None:
    """Two thirds of it silence: 5 dB less."""
    tone = ToneSource(440).read(320)
    it = Bench(ptime_ms=60, frame_ms=20, source=PcmSource((tone + bytes(640)) * 10))
    it.session.extensions.use(TERMS)
    it.run(0.5)
    packets = [packet for packet in media_of(it.rtp) if told(packet)]
    assert len(packets) >= 6
    whole = round(-dbfs(rms(tone)))
    assert {told(packet)[LEVEL][0] & 0x7F for packet in packets} <= {whole + 4, whole + 5, whole + 6}


def test_silence_is_told_as_silence() -> None:
    it = bench(source=SilenceSource())
    it.run(0.5)
    # RFC 6464 §3: 127 is digital silence; a word just ended for as long as nothing is known
    assert {told(packet)[LEVEL] for packet in media_of(it.rtp)[15:]} == {bytes([127])}


def test_no_voice_flag_where_the_peer_does_not_use_it() -> None:
    it = bench(replace(TERMS, voice=False))
    it.run(0.5)
    assert all(told(packet)[LEVEL][0] < 0x80 for packet in media_of(it.rtp))


def test_the_name_is_told_until_the_peer_reports_on_our_stream() -> None:
    it = bench()
    it.run(1.0)
    assert all(told(packet)[MID] == b"0" for packet in media_of(it.rtp))
    before = len(it.rtp.sent)
    it.report(RtcpRrPacket(ssrc=PEER, reports=[block_about(PEER + 1)]))
    it.run(0.1)
    assert MID in told(media_of(it.rtp)[-1]), "that was about somebody else"
    it.report(RtcpRrPacket(ssrc=PEER, reports=[block_about(it.session.ssrc)]))
    it.run(0.5)
    later = media_of(it.rtp, before + 6)
    assert later
    assert all(told(packet).keys() == {LEVEL} for packet in later)


def test_another_source_has_to_be_told_of_again() -> None:
    it = bench()
    it.run(0.1)
    it.report(RtcpRrPacket(ssrc=PEER, reports=[block_about(it.session.ssrc)]))
    it.run(0.1)
    before = it.session.ssrc
    it.session.use_codec(for_name("opus"), 111)
    it.run(0.1)
    assert it.session.ssrc != before
    assert told(media_of(it.rtp)[-1]).keys() == {LEVEL, MID}


def test_a_key_has_no_level_and_the_codec_may_change() -> None:
    """What is no audio tells none; a new encoder is measured like the one before."""
    it = bench()
    it.session.use_events(EventTypes(send=101))
    it.report(RtcpRrPacket(ssrc=PEER, reports=[block_about(it.session.ssrc)]))
    it.run(0.1)
    it.session.keys.press(Press(key="5"), "rfc4733", lambda: None)
    it.run(0.5)
    it.session.use_codec(for_name("PCMA"), 8)
    it.run(0.1)
    kinds = {(packet[1] & 0x7F, frozenset(told(packet))) for packet in media_of(it.rtp)}
    assert kinds == {(0, frozenset({LEVEL})), (101, frozenset()), (8, frozenset({LEVEL}))}


def test_a_keepalive_and_a_very_long_packet_go_as_they_are() -> None:
    longest = bench(source=ToneSource(440))
    extensions = longest.session._sender._extensions
    assert extensions is not None
    send = extensions.sending(longest.rtp.send)
    assert send(bytes([0x80]) + bytes(1340))
    assert send(bytes([0x80]) + bytes(1300))
    longest.session._sender.keepalive(127, longest.now)
    assert [packet[0] for packet in longest.rtp.sent] == [0x80, 0x90, 0x80]


# --- the peer's --------------------------------------------------------------------------------------------


def test_the_peers_level_is_counted_with_ours() -> None:
    it = bench()
    for count, level in ((9, 20), (10, 20), (10, 40), (10, 90)):
        for _ in range(count):
            it.rtp.deliver(insert(it.packet(), build([(LEVEL, bytes([level]))])), it.now)
            it.run(0.02)
    heard = [each.level_told_dbov for each in it.counters if each.level_told_dbov is not None]
    assert heard == pytest.approx([-20, -20, -40, -90], abs=1)
    it.run(0.5)
    assert it.counters[-1].level_told_dbov is None
    assert it.session.statistics.level_told_dbov is None
    assert it.session.statistics.refused == {}


def test_extended_packets_take_the_short_way_too() -> None:
    it = bench()
    short = 0
    for _ in range(50):
        packet = insert(it.packet(), build([(LEVEL, b"\x14"), (MID, b"0")]))
        stream = it.session._receiver.active
        short += stream is not None and rtp.split_extension(packet)[0][:12] == stream.next_header
        it.rtp.deliver(packet, it.now)
        it.run(0.02)
    assert short >= 48
    assert it.session.statistics.received.packets == 50


@pytest.mark.req("RTP-35")
@pytest.mark.parametrize("form", [0xBEDE, 0x1000])
def test_a_broken_block_costs_its_rest_and_is_counted(form: int) -> None:
    it, plain = bench(), Bench()
    broken = {0xBEDE: "11aaaa 0f 14ffff 00", 0x1000: "0202aaaa 0109ff 00"}[form]
    block = form.to_bytes(2, "big") + b"\x00\x02" + bytes.fromhex(broken)
    for _ in range(10):
        packet = it.packet(level=0x20)
        it.rtp.deliver(insert(packet, block), it.now)
        plain.rtp.deliver(packet, plain.now)
        it.run(0.02)
        plain.run(0.02)
    assert it.heard == plain.heard
    assert any(it.heard)
    assert it.session.statistics.malformed_extensions == 10
    assert it.counters[-1].malformed_extensions == 9, "as of the last period"
    assert it.session.statistics.refused == {}


def test_a_block_longer_than_its_packet_is_a_malformed_packet() -> None:
    it = bench()
    packet = it.packet()
    it.rtp.deliver(bytes([0x90]) + packet[1:12] + b"\xbe\xde\x00\x30" + bytes(160), it.now)
    it.rtp.deliver(bytes([0x90]) + packet[1:12] + b"\xbe\xde", it.now)
    it.rtp.deliver(b"\x90", it.now)
    it.rtp.deliver(b"", it.now)
    assert it.session.statistics.refused == {"malformed RTP packet": 4}


@pytest.mark.req("BUN-2")
def test_a_packet_of_another_line_is_dropped_with_all_of_its_source() -> None:
    it = bench()
    foreign = PEER + 1
    for _ in range(10):
        it.rtp.deliver(insert(it.packet(level=0x20), build([(MID, b"0")])), it.now)
        it.run(0.02)
    for name in (b"1", None, None):
        elements = [] if name is None else [(MID, name)]
        packet = it.packet(ssrc=foreign)
        it.rtp.deliver(insert(packet, build([(LEVEL, b"\x01"), *elements])), it.now)
        it.rtp.deliver(it.packet(ssrc=foreign), it.now)
    assert it.session.statistics.refused == {FOREIGN: 6}
    assert [event.reason for event in it.events if isinstance(event, MediaRefused)] == [FOREIGN]
    assert set(it.session._receiver.streams) == {PEER}
    assert it.session.statistics.received.packets == 10
    # it may come to our line afterwards
    it.rtp.deliver(insert(it.packet(ssrc=foreign), build([(MID, b"0")])), it.now)
    it.rtp.deliver(it.packet(ssrc=foreign), it.now)
    assert it.session.statistics.received.packets == 12


@pytest.mark.req("BUN-2")
def test_of_many_foreign_sources_each_packet_is_dropped() -> None:
    it = bench()
    for ssrc in range(1000):
        it.rtp.deliver(insert(it.packet(ssrc=ssrc), build([(MID, b"video")])), it.now)
    assert it.session.statistics.refused == {FOREIGN: 1000}
    assert len(it.session._receiver.extensions._foreign) < 100


def test_what_was_not_agreed_on_is_not_read() -> None:
    it = bench(ExtensionTerms(send_level=LEVEL))
    for _ in range(20):
        packet = insert(it.packet(), build([(LEVEL, b"\x14"), (MID, b"other")]))
        it.rtp.deliver(packet, it.now)
        it.run(0.02)
    assert it.session.statistics.level_told_dbov is None
    assert it.session.statistics.received.packets == 20


@given(st.lists(st.tuples(st.binary(max_size=80), st.booleans()), max_size=20))
@settings(max_examples=60)
def test_any_bytes_after_the_header_raise_nothing(packets: list[tuple[bytes, bool]]) -> None:
    it = bench()
    for data, raw in packets:
        packet = data if raw else bytes([0x90, 0]) + data[:10].ljust(10, b"\0") + b"\xbe\xde" + data
        it.rtp.deliver(packet, it.now)
        it.run(0.02)


# --- changes -----------------------------------------------------------------------------------------------


def test_nothing_is_told_nor_read_before_and_after() -> None:
    it = Bench(source=ToneSource(440))
    plain = it.rtp.receiver
    it.run(0.1)
    it.session.extensions.use(TERMS)
    assert it.rtp.receiver != plain
    it.run(0.1)
    it.session.extensions.use(replace(TERMS, send_level=7, receive_level=7))
    it.rtp.deliver(insert(it.packet(), build([(7, b"\x0a")])), it.now)
    it.run(0.2)
    assert max(each.level_told_dbov or -127 for each in it.counters) == pytest.approx(-10)
    it.session.extensions.use(ExtensionTerms())
    assert it.rtp.receiver == plain
    it.run(0.1)
    assert [sorted(told(packet)) for packet in media_of(it.rtp)] == (
        [[]] * 6 + [[LEVEL, MID]] * 5 + [[MID, 7]] * 10 + [[]] * 5
    )
    it.session.extensions.use(TERMS)
    it.session.stop(it.now)
    assert it.rtp.receiver is None
    it.session.extensions.use(ExtensionTerms())
    assert it.rtp.receiver is None


def test_the_same_terms_again_change_nothing() -> None:
    it = bench()
    it.run(0.1)
    it.report(RtcpRrPacket(ssrc=PEER, reports=[block_about(it.session.ssrc)]))
    receiver = it.rtp.receiver
    it.session.extensions.use(dataclasses.replace(TERMS))
    it.run(0.1)
    assert it.rtp.receiver is receiver
    assert told(media_of(it.rtp)[-1]).keys() == {LEVEL}


@pytest.mark.parametrize(
    "changes",
    [
        {"send_level": 0},
        {"receive_level": 15},
        {"receive_mid": 256},
        {"send_mid": 4, "mid": b""},
        {"send_mid": 4, "mid": b"seventeen bytes.."},
    ],
)
def test_terms_that_cannot_be(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="RFC 8285"):
        ExtensionTerms(**changes)  # type: ignore[arg-type]


# --- two sessions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [None, *PROFILES.values()], ids=["plain", *PROFILES])
@pytest.mark.parametrize("codec", ["PCMU", "opus"])
def test_each_knows_how_loud_the_other_is(profile: SrtpProfile | None, codec: str) -> None:
    """Protected as well: the extension is in clear, and changing it costs the packet (RFC 3711 §3.1)."""
    wire = Wire()
    near, far = pair(wire, Udp(), Udp(seed=2))
    ends: list[End | SecurePath] = [near, far]
    secure: list[SecurePath] = []
    if profile is not None:
        ends = [*(secure := [SecurePath(near), SecurePath(far)])]
        use(secure[0], 1, 2, profile)
        use(secure[1], 2, 1, profile)
    clock = Clock(wire)
    sinks = MemorySink(), MemorySink()
    rate = for_name(codec).sample_rate
    sources = ToneSource(440, rate), ToneSource(1000, rate, level_dbfs=-30)
    sessions = [
        MediaSession(
            rtp=end, rtcp=end, codec=for_name(codec), payload_type=111, source=source, sink=sink,
            random=seeded(number),
        )
        for number, (end, source, sink) in enumerate(zip(ends, sources, sinks, strict=True))
    ]  # fmt: skip
    for session in sessions:
        session.extensions.use(TERMS)
        clock.start(session)
    clock.run(8.0)
    figures = [session.statistics for session in sessions]
    for ours, theirs in (figures, figures[::-1]):
        assert ours.level_told_dbov == pytest.approx(theirs.level_sent_dbfs, abs=0.6)
        assert ours.level_received_dbfs == pytest.approx(theirs.level_sent_dbfs, abs=1.5)
        assert ours.received.packets >= 395
        assert ours.refused == {}
        assert ours.malformed_extensions == 0
    assert figures[0].level_sent_dbfs > figures[1].level_sent_dbfs + 10
    assert share_of_power(sinks[0].pcm[-len(sinks[0].pcm) // 2 :], 1000, sessions[0].rate) > 0.9
    # the head of the packet is in clear; both sides report within seconds
    assert {len(told(packet)) for packet in media_of(near)[:20]} == {2}
    assert {len(told(packet)) for packet in media_of(near)[-20:]} == {1}
    if secure:
        packet = media_of(near)[-1]  # which is under way
        at = 12 + 4 + 1  # the level
        far.deliver(packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1 :], wire.now)
        assert secure[1].refused == {"SRTP packet not authentic": 1}
