from __future__ import annotations

import pytest

from tests.ua.interop.diagnosis.logs import THERE, Log


def test_an_answer_that_is_repeated_after_our_ack() -> None:
    log = Log().established().counters()
    assert log.cause() == ""
    log.ok().ack()
    assert log.cause() == "", "once may be chance"
    log.wait(1).ok().ack()
    found = log.diagnose("wrong_audio", "a tone is heard", "nothing")
    assert found.cause == "lost_ack"
    assert found.expected == "a tone is heard"
    assert found.seen == "the peer repeated its answer 2 times after our ACK (nothing)"
    assert found.where == "200 OK (CSeq 1 INVITE), received 3100 ms after the INVITE"
    assert "record_route()" in found.advice


def test_one_repeat_and_a_bye_is_enough() -> None:
    log = Log().established().counters().ok().ack()
    log.wait(1).message("in", "BYE sip:alice@192.0.2.1 SIP/2.0", "1 BYE")
    assert log.cause("wrong_end") == "lost_ack"


def test_our_answer_that_nobody_acknowledges() -> None:
    log = Log("bob")
    log.message("in", "INVITE sip:bob@192.0.2.1 SIP/2.0", "7 INVITE", tag="")
    for _ in range(3):
        log.wait(1).message("out", "SIP/2.0 200 OK", "7 INVITE", tag="ours")
    assert log.cause() == "lost_ack"
    assert Log("bob").cause() == ""
    log.message("in", "ACK sip:bob@192.0.2.1 SIP/2.0", "7 ACK", tag="ours")
    assert log.cause() == ""


@pytest.mark.parametrize("contact", ["10.1.2.3:5060", "198.51.100.7:9"])
def test_a_contact_that_is_not_where_the_answer_came_from(contact: str) -> None:
    log = Log().invite().ok(contact=contact).ack(contact).answer().media().counters()
    assert log.cause() == "", "it may be right all the same"
    repeated = Log().invite().ok(contact=contact).ack(contact).answer().media().counters()
    for _ in range(2):
        repeated.wait(1).ok(contact=contact).ack(contact)
    assert repeated.cause("silent") == "wrong_contact"
    assert contact in repeated.diagnose().seen
    log.add("sip", "transaction", direction="out", remote=contact, reason="Invalid argument")
    assert log.cause("silent") == "wrong_contact"


def test_behind_a_proxy_a_contact_is_elsewhere_and_the_ack_is_lost() -> None:
    log = Log().invite().ok("Record-Route: <sip:proxy.example.com;lr>", contact="10.1.2.3").ack()
    for _ in range(2):
        log.wait(1).ok("Record-Route: <sip:proxy.example.com;lr>", contact="10.1.2.3").ack()
    assert log.cause() == "lost_ack"


def test_two_tags_of_one_phone_are_not_two_phones() -> None:
    log = Log().established().wait(0.3).ok(tag="other").ack()
    assert log.cause("silent") == "tag_changed"
    forked = Log().established().wait(0.3).ok(tag="other", contact="203.0.113.9:5060").ack()
    assert forked.cause("silent") == ""


def test_a_challenge_after_the_digest_was_sent() -> None:
    challenge = 'WWW-Authenticate: Digest realm="example.com", nonce="1"'
    log = Log().invite().message("in", "SIP/2.0 401 Unauthorized", "1 INVITE", challenge)
    assert log.cause("authentication") == ""
    log.message("out", "INVITE sip:600@example.com SIP/2.0", "2 INVITE", "Authorization: Digest ***", tag="")
    log.wait(0.1).message("in", "SIP/2.0 401 Unauthorized", "2 INVITE", f"{challenge}, stale=true")
    assert log.cause("authentication") == "", "a nonce that has grown old is no refusal"
    log.message("out", "INVITE sip:600@example.com SIP/2.0", "3 INVITE", "Authorization: Digest ***", tag="")
    log.wait(0.1).message("in", "SIP/2.0 401 Unauthorized", "3 INVITE", challenge)
    assert log.cause("authentication") == "auth_loop"
    assert log.diagnose().where == "401 Unauthorized (CSeq 3 INVITE), received 200 ms after the INVITE"
    log.wait(0.1).ok()
    assert log.cause("authentication") == "", "in the end it was accepted"


def test_nobody_answers() -> None:
    log = Log().invite()
    assert log.cause("no_answer") == "", "not yet"
    log.wait(0.5).message("out", "INVITE sip:600@example.com SIP/2.0", "1 INVITE", tag="")
    log.wait(1.0).message("out", "INVITE sip:600@example.com SIP/2.0", "1 INVITE", tag="")
    found = log.diagnose("no_answer")
    assert found.cause == "no_answer"
    assert found.seen == f"INVITE was sent 3 times to {THERE} and nothing came back"
    log.message("in", "SIP/2.0 200 OK", "1 REGISTER", call="of the registration")
    assert log.cause("no_answer") == "no_answer", "the INVITE was too long, perhaps"
    log.message("in", "SIP/2.0 100 Trying", "1 INVITE", tag="")
    assert log.cause("no_answer") == ""


def test_nobody_listens() -> None:
    log = Log().invite()
    log.add("sip", "transaction", direction="", remote=THERE, reason="INVITE: Connection refused")
    found = log.diagnose("unreachable")
    assert found.cause == "unreachable"
    assert found.where == "INVITE (CSeq 1), sent at the start"
    assert log.cause("no_media_path") == "unreachable"


def test_the_certificate_names_others() -> None:
    log = (
        Log().state("gathering").state("ended", "the certificate of pbx.example is refused: it names others")
    )
    assert log.cause("tls") == "tls_name"
    assert "subjectAltName" in log.diagnose().advice


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("403 Forbidden", "forbidden"),
        ("404 Not Found", "no_such_number"),
        ("480 Temporarily Unavailable", "unavailable"),
        ("486 Busy Here", "busy"),
        ("488 Not Acceptable Here", "offer_refused"),
        ("418 I Am a Teapot", "rejected"),
        ("503 Service Unavailable", "server_error"),
        ("603 Decline", "declined"),
    ],
)
def test_refusals_have_their_own_names(status: str, cause: str) -> None:
    log = Log().invite().message("in", f"SIP/2.0 {status}", "1 INVITE", 'Warning: 399 pbx "because"')
    found = log.diagnose("rejected")
    assert found.cause == cause
    assert status in found.seen
    assert "because" in found.seen
    assert found.advice
    assert log.diagnose("wrong_digits").cause == "wrong_digits"


def test_a_bye_that_nobody_answers() -> None:
    log = Log().established().counters()
    for wait in (0.0, 0.5, 1.0):
        log.wait(wait).message("out", "BYE sip:600@198.51.100.7 SIP/2.0", "2 BYE")
    assert log.cause("missing_message") == "bye_unanswered"
    log.message("in", "SIP/2.0 200 OK", "2 BYE")
    assert log.cause("missing_message") == ""


def test_a_bye_that_reaches_nobody() -> None:
    bye = "BYE sip:600@198.51.100.7 SIP/2.0"
    unreached = "did not reach {} Connection refused"
    log = Log().established().message("out", bye, "2 BYE")
    log.add("sip", "transaction", direction="", remote="", reason=f"BYE {unreached.format(THERE)}")
    found = log.diagnose("missing_message")
    assert found.cause == "bye_unanswered"
    assert found.seen == f"BYE did not reach {THERE} Connection refused"
    there = "198.51.100.7:9"
    moved = Log().invite().ok(contact=there).ack(there).answer().media()
    moved.message("out", bye, "2 BYE", remote=there)
    moved.add("sip", "transaction", direction="", remote="", reason=f"BYE {unreached.format(there)}")
    assert moved.cause("missing_message") == "wrong_contact"


def test_a_cancel_that_ends_nothing() -> None:
    log = Log().invite().message("in", "SIP/2.0 180 Ringing", "1 INVITE")
    log.wait(2).message("out", "CANCEL sip:600@example.com SIP/2.0", "1 CANCEL", tag="")
    assert log.cause("no_end") == "", "just now"
    log.message("in", "SIP/2.0 200 OK", "1 CANCEL")
    assert log.cause("no_end") == "cancel_unanswered"
    log.message("in", "SIP/2.0 487 Request Terminated", "1 INVITE")
    assert log.cause("no_end") == ""


def test_who_should_hang_up_and_does_not() -> None:
    log = Log().established().counters(8)
    log.message("out", "BYE sip:600@198.51.100.7 SIP/2.0", "2 BYE").message("in", "SIP/2.0 200 OK", "2 BYE")
    assert log.cause("no_end", "the call is ended by us") == ""
    found = log.diagnose("no_end", "the call is ended by peer")
    assert found.cause == "never_bye"
    assert found.seen == "no BYE came in 8.0 s after the answer"
    log.message("in", "BYE sip:alice@192.0.2.1 SIP/2.0", "1 BYE")
    assert log.cause("wrong_end", "the call is ended by peer") == ""


def test_a_message_that_cannot_be_read() -> None:
    log = Log().invite().wait(0.1).add("sip", "refused", remote=THERE, reason="malformed CSeq", text="?")
    assert log.cause("timeout") == "malformed_sip"
    other = Log().invite().add("sip", "refused", remote="203.0.113.1:1", reason="malformed CSeq")
    assert other.cause("timeout") == "", "strangers may say what they want"
