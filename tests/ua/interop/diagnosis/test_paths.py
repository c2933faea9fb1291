from __future__ import annotations

import pytest

from tests.ua.interop.diagnosis.logs import ANSWER, Log

SIGNED = "answer without the peer's password"
STRANGER = "media from a source without a valid check"
PLACE = {"host": "198.51.100.7", "port": 20000}
OTHER = {"host": "198.51.100.7", "port": 30000}


def checked() -> Log:
    log = Log().invite().wait(0.05).ok().ack().answer()
    log.add("ice", "candidate_added", local=False, candidate={"address": PLACE, "type": "host"})
    for number in range(3):
        log.wait(0.1).add("ice", "check_sent", pair_id=1, transmission=number + 1, nominating=False)
    return log


def test_checks_that_nobody_answers() -> None:
    log = checked()
    found = log.diagnose("no_media_path")
    assert found.cause == "ice_unanswered"
    assert found.seen == "3 checks on 1 pair, no answer, and nothing came from the peer"
    assert found.where == "checks to 198.51.100.7:20000, the first 150 ms after the INVITE"
    log.add("ice", "check_received", component=1, remote=PLACE)
    assert "1 checks of the peer came" in log.diagnose().seen
    log.add("ice", "check_answered", pair_id=1, rtt_ms=3.0)
    assert log.cause("no_media_path") == ""


def test_answers_under_another_password() -> None:
    log = checked().add("ice", "packet_refused", flow=5, remote=PLACE, reason=SIGNED)
    found = log.diagnose("timeout")
    assert found.cause == "ice_password"
    assert found.where == "STUN from 198.51.100.7:20000, 350 ms after the INVITE"


def test_media_from_where_no_check_has_been() -> None:
    log = checked().add("ice", "check_answered", pair_id=1, rtt_ms=3.0)
    log.add("ice", "path_selected", component=1, remote=PLACE, reason="")
    log.add("ice", "packet_refused", flow=5, remote=OTHER, reason=STRANGER)
    silent = log.media(ice=True).counters(received=0)
    found = silent.diagnose("silent")
    assert found.cause == "ice_lies"
    assert "198.51.100.7:20000" in found.seen
    assert found.where.startswith("RTP from 198.51.100.7:30000")
    heard = checked().add("ice", "path_selected", component=1, remote=PLACE, reason="")
    heard.add("ice", "packet_refused", flow=5, remote=OTHER, reason=STRANGER)
    assert heard.media(ice=True).counters().cause("silent") == "", "the first packets may be early"


def test_a_mismatch_explains_the_path_but_not_what_is_heard() -> None:
    text = f"{ANSWER}a=ice-mismatch\r\n"
    log = Log().invite().ok(body=text).ack().answer(text).media().counters()
    assert log.cause("wrong_path") == "ice_mismatch"
    assert log.cause("wrong_audio") == ""


@pytest.mark.parametrize("kind", ["SRTP", "SRTCP"])
def test_packets_under_another_key(kind: str) -> None:
    log = Log().established().refused(f"{kind} packet not authentic", 90)
    assert log.cause("silent") == "srtp_key"
    few = Log().established().refused(f"{kind} packet not authentic", 3, received=50)
    assert few.cause("silent") == "", "strays"


def test_another_certificate_than_the_fingerprint_names() -> None:
    reason = "the certificate of the peer is not the one that signalling names"
    log = Log().invite().ok().ack().answer().add("call", "protection_ended", reason=reason)
    assert log.cause("no_media_path") == "dtls_fingerprint"
    other = Log().invite().ok().add("call", "protection_ended", reason="the handshake failed: no cipher")
    assert other.cause("no_media_path") == "dtls_failed"
    closed = Log().established().add("call", "protection_ended", reason="the peer closed the association")
    assert closed.cause("timeout") == ""


def test_packets_that_nobody_has_keys_for() -> None:
    log = Log().established().refused("packet before there is a key", 80)
    assert log.cause("silent") == "srtp_key"
