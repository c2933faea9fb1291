"""Which cause counts, and that no log makes a diagnosis raise."""

from __future__ import annotations

import random
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ua.interop.diagnosis.logs import ANSWER, OFFER, Log
from ua.events import LogEntry, Source
from ua.interop.diagnosis import ADVICE, diagnose
from ua.interop.failure import Failure
from ua.results import CallResult

TIMEOUT = Failure(cause="timeout", expected="it is over", seen="it stood at: calling", where="nowhere")


def test_without_entries_a_failure_stays_as_it_is() -> None:
    assert diagnose((), TIMEOUT) == TIMEOUT


def test_who_took_a_call_that_was_to_be_refused_needs_no_diagnosis() -> None:
    log = Log().established().counters(received=0)
    assert log.cause("answered") == ""
    assert log.cause("wrong_audio") == "one_way_audio_in"


def test_an_earlier_cause_explains_a_later_one() -> None:
    text = ANSWER.replace("RTP/AVP 0 101", "RTP/AVP 18")
    log = Log().invite().ok(body=text).ack().answer(text)
    log.add("sdp", "refused", line=6, reason="the answer has no codec of the offer")
    for wait in (0.0, 0.5, 1.0):
        log.wait(wait).message("out", "BYE sip:600@198.51.100.7 SIP/2.0", "2 BYE")
    assert log.cause() == "bad_sdp_answer"


def test_flaws_explain_themselves_and_nothing_else() -> None:
    log = Log().established().started().counters(jitter_ms=80.0)
    assert log.cause("quality") == "jitter"
    assert log.cause("timeout") == ""
    assert log.cause("wrong_path") == ""


def test_who_knows_a_cause_hears_of_graver_ones_alone() -> None:
    log = Log().established().started().counters().message("in", "SIP/2.0 486 Busy Here", "1 INVITE")
    assert log.cause("timeout") == "busy"
    assert log.cause("transfer_failed") == ""
    for _ in range(2):
        log.wait(1).ok().ack()
    assert log.cause("transfer_failed") == "lost_ack"


def test_the_last_call_of_a_phone_counts() -> None:
    log = Log().established().counters(received=0).state("ending").state("ended")
    log.wait(1).state("gathering").add("sdp", "offer", direction="out", text=OFFER)
    log.message("out", "INVITE sip:601@example.com SIP/2.0", "1 INVITE", tag="", call="call-2", body=OFFER)
    log.message("in", "SIP/2.0 200 OK", "1 INVITE", call="call-2", body=ANSWER).answer().media()
    log.started().counters().report()
    assert log.cause() == ""
    log.wait(1).message("in", "SIP/2.0 200 OK", "1 INVITE", call="call-2", tag="changed", body=ANSWER)
    assert log.diagnose().cause == "tag_changed"
    assert log.diagnose().where.endswith("3000 ms after the INVITE"), "of the second one"


def test_the_phone_of_the_last_result_is_looked_at_first() -> None:
    alice, bob = Log("alice"), Log("bob")
    alice.established().counters(received=0)
    bob.invite().message("in", "SIP/2.0 486 Busy Here", "1 INVITE")
    entries = [*alice.entries, *bob.entries]
    timeout = TIMEOUT
    assert diagnose(entries, timeout).cause == "busy", "the rules stand in the order of a call"
    for log in (alice, bob):
        log.refused("unknown payload type 18", 90)
    entries = [*alice.entries, *bob.entries]
    silent = Failure(cause="silent", expected="", seen="")
    for party, where in (("alice", "2100 ms"), ("bob", "0 ms")):
        assert (
            diagnose(entries, silent, (CallResult(party=party),)).where.endswith(f"{where} after the INVITE")
            or party == "bob"
        )


def test_every_cause_has_advice() -> None:
    assert all(text and text[0] != " " and not text.endswith(".") for text in ADVICE.values())


NAMES = (
    "state", "media", "verdict", "audio_heard", "protection_ended", "sending", "message", "refused",
    "transaction", "connection", "offer", "answer", "packet_refused", "check_sent", "check_answered",
    "check_received", "candidate_added", "path_selected", "media_counters", "media_refused",
    "media_started", "stream_changed", "report_received", "key_heard", "something else",
)  # fmt: skip
KEYS = (
    "state", "reason", "text", "direction", "remote", "local", "pair_id", "candidate", "address", "host",
    "port", "sent_packets", "received_packets", "refused", "lost", "jitter_ms", "packet_ms",
    "level_received_dbfs", "level_told_dbov", "ssrc", "payload_type", "about", "sent", "highest",
    "fraction_lost", "pace", "way", "duration_ms", "law", "ice", "cause",
)  # fmt: skip
HALVES = (
    "INVITE sip:600@example.com SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0", "SIP/2.0 401", "SIP/2.0 ² x", "BYE",
    "CSeq:", "CSeq: 1 INVITE", "CSeq: ² INVITE", "CSeq: 99999999999999999999 BYE", "Call-ID: a",
    "To: <sip:x@y>;tag=1", "Contact: <sip:[::1", "Contact: *", "m=", "m=audio", "m=audio 0",
    "m=audio 99999 RTP/AVP 0", "m=audio ² RTP/AVP", "a=ptime:²", "a=ptime:20", "a=rtpmap:",
    "a=rtpmap:0 telephone-event/0", "c=", "c=IN IP4 10.0.0.1/127", "a=ice-mismatch",
    "unknown payload type 7", "SRTP packet not authentic", "ended", "established", "rfc4733",
    "answer without the peer's password", "media from a source without a valid check", "out", "in",
    "198.51.100.7:1",
)  # fmt: skip

texts = st.lists(st.sampled_from(HALVES) | st.text(max_size=8), max_size=6).map("\r\n".join)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.sampled_from(KEYS), leaves, max_size=3)
entries = st.builds(
    LogEntry,
    at=st.floats(min_value=0, max_value=1e6),
    party=st.sampled_from(("alice", "bob", "")),
    source=st.sampled_from(get_args(Source)),
    name=st.sampled_from(NAMES),
    data=st.dictionaries(st.sampled_from(KEYS), values, max_size=5),
)
CAUSES = (
    "timeout", "silent", "wrong_audio", "wrong_digits", "no_end", "no_rtcp", "rejected", "wrong_path",
    "answered",
)  # fmt: skip


def check(log: list[LogEntry], cause: str) -> None:
    failure = Failure(cause=cause, expected="the call is ended by peer", seen="seen", where="there")
    found = diagnose(log, failure, (CallResult(party="alice"),))
    assert found.expected == failure.expected
    assert found == failure or (found.advice == ADVICE[found.cause] and "seen" in found.seen)


@settings(max_examples=60)
@given(st.lists(entries, max_size=12), st.sampled_from(CAUSES))
def test_no_log_makes_it_raise(log: list[LogEntry], cause: str) -> None:
    check(log, cause)


@given(st.integers(0, 2**32), st.lists(values, min_size=1, max_size=8), st.sampled_from(CAUSES))
def test_nor_does_a_log_of_a_call_that_was_spoilt(seed: int, odd: list[Any], cause: str) -> None:
    draw = random.Random(seed)
    whole = Log().established().started().counters(1).refused("unknown payload type 18", 90).report()
    whole.add("media", "key_heard", duration_ms=20, way="rfc4733", pace=0.1)
    spoilt: list[LogEntry] = []
    for entry in whole.state("ending").entries:
        for _ in range(draw.choice((0, 1, 1, 2))):
            data = dict(entry.data)
            if data and draw.random() < 0.5:
                data[draw.choice(sorted(data))] = draw.choice([*odd, *HALVES])
            spoilt.append(
                LogEntry(at=entry.at, party=entry.party, source=entry.source, name=entry.name, data=data)
            )
    check(spoilt, cause)
