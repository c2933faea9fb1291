from __future__ import annotations

import pytest

from tests.ua.interop.diagnosis.logs import ANSWER, Log


def test_a_call_as_it_should_be_has_no_cause() -> None:
    log = Log().established().started().counters(6).report().counters(1)
    for cause in ("timeout", "silent", "wrong_audio", "quality", "wrong_digits", "no_rtcp", "wrong_end"):
        assert log.cause(cause) == "", cause
        assert log.diagnose(cause, seen="as it was").seen == "as it was"


def test_nothing_comes() -> None:
    log = Log().established().counters(received=0)
    found = log.diagnose("silent")
    assert found.cause == "one_way_audio_in"
    assert "there is no RTCP either" in found.seen
    log.report(sent=None)
    found = log.diagnose("silent")
    assert "says that it hears us" in found.seen
    assert found.where == "RTCP of SSRC 0x00000007, 2100 ms after the INVITE"
    assert Log().established().counters(0.4, received=0).cause("silent") == "", "not yet"


def test_the_peer_hears_nothing() -> None:
    deaf = (
        Log()
        .established()
        .started()
        .counters()
        .report(about=None, highest=None, lost=None, fraction_lost=None)
    )
    found = deaf.diagnose("wrong_audio")
    assert found.cause == "one_way_audio_out"
    assert found.seen == "we have sent 100 RTP packets, and its RTCP says: no block about us"
    other = Log().established().started().counters().report(about=3, highest=None, fraction_lost=None)
    assert other.diagnose("wrong_audio").seen.endswith("a block about 0x00000003, which is not ours")
    lossy = Log().established().started().counters().report(fraction_lost=1.0, lost=100)
    assert lossy.cause("wrong_audio") == "one_way_audio_out"
    lossy.report(fraction_lost=0.0)
    assert lossy.cause("wrong_audio") == "", "by now it hears us"
    early = Log().established().started().counters(0.2).report(about=None, highest=None, fraction_lost=None)
    assert early.cause("wrong_audio") == "", "we have hardly begun"


def test_another_payload_type() -> None:
    log = Log().established().refused("unknown payload type 18", 99)
    found = log.diagnose("silent")
    assert found.cause == "wrong_payload_type"
    assert found.seen == "99 packets have the payload type 18, which was not agreed; ours are 0 8 101"
    few = Log().established().refused("unknown payload type 13", 4, received=50)
    assert few.cause("silent") == "", "comfort noise that was not agreed"


def test_our_own_ssrc_comes_back() -> None:
    log = Log().established().refused("packet with our own SSRC", 99)
    assert log.cause("silent") == "ssrc_collision"


def test_the_other_law() -> None:
    log = Log().established().started().counters()
    log.add("call", "audio_heard", law="", tone_hz=1004, tone_share=0.2)
    assert log.cause("wrong_audio") == ""
    log.add("call", "audio_heard", law="PCMA", tone_hz=1004, tone_share=0.2)
    found = log.diagnose("wrong_audio")
    assert found.cause == "wrong_codec"
    assert found.seen == "the packets say PCMU and hold PCMA: read as PCMA it is audio"
    assert log.cause("wrong_digits") == ""


def test_silence_in_packets() -> None:
    log = Log().established().started().counters(level_received_dbfs=-90.0)
    assert log.cause("silent") == "sends_silence"
    assert log.cause("wrong_path") == ""
    assert log.diagnose("silent").seen.endswith("was -90 dBFS: silence")
    log.counters(level_received_dbfs=-90.0, level_told_dbov=-20.0)
    assert log.diagnose("silent").seen.endswith("; by its own word (RFC 6464) it was -20 dBov")


def test_a_peer_that_stops_sending() -> None:
    log = Log().established().started().counters(1)
    log.counters(3, received=0)
    assert log.cause("wrong_audio") == "media_stopped"
    hung_up = Log().established().started().counters(1).state("ending")
    assert hung_up.counters(3, received=0).cause("wrong_audio") == ""


@pytest.mark.parametrize(
    ("said", "length", "cause"), [(20, 60.0, "wrong_ptime"), (20, 20.0, ""), (60, 60.0, "")]
)
def test_the_length_of_packets(said: int, length: float, cause: str) -> None:
    text = ANSWER.replace("a=ptime:20", f"a=ptime:{said}")
    log = Log().established(text).started().counters(packet_ms=length)
    assert log.cause("wrong_media") == cause
    silent = ANSWER.replace("a=ptime:20\r\n", "")
    assert Log().established(silent).started().counters(packet_ms=60.0).cause("wrong_media") == ""


def test_reports_about_a_stream_that_nobody_sends() -> None:
    log = Log().established().started(7).counters().report(5)
    found = log.diagnose("no_rtcp")
    assert found.cause == "rtcp_ssrc"
    assert found.seen == "its sender reports are of SSRC 0x00000005, its RTP of 0x00000007"
    assert log.cause("wrong_audio") == ""
    log.report(7)
    assert log.cause("no_rtcp") == ""


def test_no_reports() -> None:
    assert Log().established().started().counters(14).cause("no_rtcp") == "no_rtcp"
    assert Log().established().started().counters(5).cause("no_rtcp") == ""
    cut = Log().established().started().counters(5).add("call", "sending", stopped=True, cause="no_reports")
    assert cut.cause("no_rtcp") == "no_rtcp"


@pytest.mark.parametrize(
    ("pace", "counted"), [(0.125, "ms"), (0.19, "ms"), (6.0, "48 kHz"), (2.0, "16 kHz"), (0.3, "2400 Hz")]
)
def test_the_clock_of_keys(pace: float, counted: str) -> None:
    log = Log().established().started().counters()
    for each in (pace * 0.97, pace, pace * 1.03):
        log.wait(0.3).add("media", "key_heard", duration_ms=20, way="rfc4733", pace=each)
    found = log.diagnose("wrong_digits")
    assert found.cause == "wrong_dtmf_clock"
    assert found.seen.endswith(f"the description names 8000 Hz and the events count {counted}")
    assert found.where == "telephone event of 20 ms, 3000 ms after the INVITE"


@pytest.mark.parametrize("paces", [(1.0, 0.9, 8.0), (1.5, 1.6), (0.7,), (None,), ()])
def test_keys_at_the_right_pace(paces: tuple[float | None, ...]) -> None:
    log = Log().established().started().counters()
    for pace in paces:
        log.add("media", "key_heard", duration_ms=100, way="rfc4733", pace=pace)
    assert log.cause("wrong_digits") == "", "one of them came in a burst"


def test_a_bad_line() -> None:
    assert Log().established().started().counters(lost=10).cause("quality") == "packet_loss"
    assert Log().established().started().counters(jitter_ms=80.0).cause("quality") == "jitter"
    assert Log().established().started().counters(lost=1, jitter_ms=20.0).cause("quality") == ""
