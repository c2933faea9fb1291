from __future__ import annotations

import pytest

from tests.ua.interop.diagnosis.logs import ANSWER, Log
from ua.interop.diagnosis.session import is_private


def answered(text: str) -> Log:
    return Log().invite().wait(0.05).ok(body=text).ack().answer(text)


def test_all_ports_zero() -> None:
    log = answered(ANSWER.replace("m=audio 20000", "m=audio 0"))
    found = log.diagnose("no_media_path")
    assert found.cause == "media_refused"
    assert found.where == (
        "m=audio 0 RTP/AVP 0 101 in 200 OK (CSeq 1 INVITE), received 50 ms after the INVITE"
    )


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        ("RTP/AVP 0 101", "RTP/AVP 18", "G729 only, which was not offered"),
        ("a=ptime", "m=video 0 RTP/AVP 31\r\na=ptime", "2 m= lines and the offer 1"),
        ("RTP/AVP", "RTP/SAVP", "the offer says RTP/AVP and the answer RTP/SAVP"),
        ("m=audio", "m=video", "names video where the offer names audio"),
    ],
)
def test_answers_that_do_not_answer(before: str, after: str, seen: str) -> None:
    log = answered(ANSWER.replace(before, after, 1))
    found = log.diagnose("no_media_path")
    assert found.cause == "bad_sdp_answer"
    assert seen in found.seen
    assert "200 OK (CSeq 1 INVITE)" in found.where


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        ANSWER.replace("RTP/AVP", "RTP/AVPF"),
        ANSWER.replace("RTP/AVP 0 101", "RTP/AVP 96 101\r\na=rtpmap:96 pcmu/8000"),
        ANSWER.replace("RTP/AVP 0 101", "RTP/AVP 8 18 101"),
    ],
)
def test_answers_that_are_as_they_should_be(text: str) -> None:
    assert answered(text).media().counters().cause("timeout") == ""


def test_what_we_could_not_take() -> None:
    log = answered(ANSWER).add(
        "sdp", "refused", line=6, reason="a=candidate is malformed", text="a=candidate:"
    )
    assert log.cause("no_media_path") == "bad_sdp_answer"
    log.media()
    assert log.cause("timeout") == "", "a line that was left out, and media began"


def test_an_address_of_another_network() -> None:
    text = ANSWER.replace("198.51.100.7", "10.0.0.5")
    log = answered(text).media().counters(received=0)
    found = log.diagnose("silent")
    assert found.cause == "private_address"
    assert "10.0.0.5" in found.seen
    assert "external_media_address" in found.advice
    assert answered(text).media(ice=True).counters(received=0).cause("silent") == "one_way_audio_in"
    assert answered(text).media().counters().cause("silent") == "", "it works"


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.0.0.1", True),
        ("100.64.1.1", True),
        ("fd00::1", True),
        ("[fe80::1]", True),
        ("8.8.8.8", False),
        ("127.0.0.1", False),
        ("pbx.example", False),
        ("", False),
    ],
)
def test_private_addresses(host: str, private: bool) -> None:
    assert is_private(host) is private


def test_a_peer_that_will_not_send() -> None:
    log = answered(f"{ANSWER}a=recvonly\r\n").media().counters(received=0)
    assert log.cause("silent") == "not_sending"


def test_keys_that_were_not_agreed() -> None:
    text = ANSWER.replace("RTP/AVP 0 101", "RTP/AVP 0").replace("a=rtpmap:101 telephone-event/8000\r\n", "")
    log = answered(text).media().counters()
    assert log.cause("wrong_digits") == "no_telephone_event"
    assert log.cause("wrong_audio") == ""
