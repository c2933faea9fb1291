"""The values of events and transfers: what is read is what was written, and nothing else is raised."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.bench import make_request
from ua.sip.dialog import Dialog
from ua.sip.errors import SipParseError
from ua.sip.events.dtmf import DIGITS, PLAIN_TYPE, RELAY_TYPE, Digit, keys
from ua.sip.events.event import Event, State, SubscriptionState
from ua.sip.events.refer_to import Referral, ReferTo, referrer
from ua.sip.events.replaces import Replaces, Standing, refusal, replaces_of
from ua.sip.events.sipfrag import SipFrag
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.name_addr import NameAddr
from ua.sip.syntax.uri import Uri

TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-.!%*_+`'~", min_size=1, max_size=20)
CALL_IDS = st.text("abcABC019-.!%*_+`'~()<>:\\\"/[]?{}@", min_size=1, max_size=30)
SECONDS = st.none() | st.integers(0, 2**32 - 1)


def refer(*rows: tuple[str, object], method: str = "REFER") -> Request:
    request = make_request(method)
    return Request(method=method, uri=request.uri, headers=request.headers.with_added(*rows))


@given(TOKENS, st.none() | TOKENS)
def test_an_event_survives_being_written(package: str, number: str | None) -> None:
    event = Event(package=package, id=number)
    assert Event.parse(str(event)) == event


@given(st.sampled_from(State), st.just("") | TOKENS, SECONDS, SECONDS)
def test_a_subscription_state_survives_being_written(
    state: State, reason: str, expires: int | None, retry: int | None
) -> None:
    value = SubscriptionState(state=state, reason=reason.lower(), expires=expires, retry_after=retry)
    assert SubscriptionState.parse(str(value)) == value


def test_a_subscription_state_is_read_with_patience() -> None:
    value = SubscriptionState.parse("Terminated ; REASON=NoResource;expires=soon;retry-after=99999999999")
    assert value == SubscriptionState(state=State.TERMINATED, reason="noresource")
    assert SubscriptionState.parse("sleeping;expires=5").state is State.ACTIVE
    # What linphonec sends: the state counts.
    broken = SubscriptionState.parse("terminated;reason=reason=noresource")
    assert broken == SubscriptionState(state=State.TERMINATED)


@pytest.mark.req("EXT-4")
@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"SIP/2.0 100 Trying", 100, "Trying"),
        (b"SIP/2.0 200 OK\r\nContact: <sip:a@b>\r\n\r\n", 200, "OK"),
        (b"\r\nsip/2.0 603\r\n", 603, ""),
        (b"SIP/2.0 486 B\xc3\xa4sy\n", 486, "B\u00e4sy"),
    ],
)
def test_a_sipfrag_is_its_first_line(body: bytes, status: int, reason: str) -> None:
    assert SipFrag.parse(body) == SipFrag(status=status, reason=reason)


@pytest.mark.parametrize(
    "body", [b"", b"INVITE sip:a SIP/2.0", b"SIP/2.0 99 Low", b"SIP/2.0 2000 OK", b"200 OK"]
)
def test_what_is_no_sipfrag(body: bytes) -> None:
    with pytest.raises(SipParseError):
        SipFrag.parse(body)


@given(st.integers(100, 699), st.text(max_size=40))
def test_a_sipfrag_survives_being_written(status: int, reason: str) -> None:
    read = SipFrag.parse(bytes(SipFrag(status=status, reason=reason)))
    assert read.status == status
    assert bytes(read).count(b"\r\n") == 1


@given(CALL_IDS, TOKENS, TOKENS, st.booleans())
def test_replaces_survives_being_written_and_escaped(call_id: str, to: str, from_: str, early: bool) -> None:
    value = Replaces(call_id=call_id, to_tag=to, from_tag=from_, early_only=early)
    assert Replaces.parse(str(value)) == value
    target = ReferTo(target=Uri.parse("sip:carol@192.0.2.3;transport=tcp"), replaces=value)
    assert ReferTo.parse(str(target)) == target
    assert str(target).count(";") == 1, "the escapes hide the parameters of Replaces"


@pytest.mark.req("REF-3")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "call",
        "call;to-tag=a",
        "call;from-tag=a",
        "call;to-tag=a;to-tag=b;from-tag=c",
        ";to-tag=a;from-tag=b",
    ],
)
def test_replaces_has_one_of_each_tag(text: str) -> None:
    with pytest.raises(SipParseError):
        Replaces.parse(text)


@pytest.mark.req("REF-3")
def test_replaces_stands_once_and_in_an_invite() -> None:
    row = ("Replaces", "call;to-tag=a;from-tag=b")
    read = replaces_of(refer(row, method="INVITE"))
    assert read is not None
    assert (read.dialog_id.local_tag, read.dialog_id.remote_tag) == ("a", "b")
    assert replaces_of(refer(method="INVITE")) is None
    for request in (refer(row), refer(row, row, method="INVITE")):
        with pytest.raises(SipParseError):
            replaces_of(request)


@pytest.mark.req("REF-4")
def test_replaces_names_a_dialog_as_its_other_side_sees_it() -> None:
    dialog = Dialog(
        call_id="c@h",
        local=NameAddr.parse("<sip:a@example.com>;tag=mine"),
        remote=NameAddr.parse("<sip:b@example.com>;tag=theirs"),
        target=Uri.parse("sip:b@192.0.2.2"),
        routes=(),
        local_cseq=1,
        remote_cseq=None,
        is_caller=True,
    )
    assert str(Replaces.of(dialog)) == "c@h;to-tag=theirs;from-tag=mine"
    dialog.remote = NameAddr.parse("<sip:b@example.com>")
    with pytest.raises(SipParseError):
        Replaces.of(dialog)


@pytest.mark.req("REF-3")
@pytest.mark.parametrize(
    ("standing", "early_only", "authorised", "status"),
    [
        (Standing.UNKNOWN, False, True, 481),
        (Standing.NO_CALL, False, True, 481),
        (Standing.THEIR_EARLY, False, True, 481),
        (Standing.ENDED, False, True, 603),
        (Standing.CONFIRMED, True, True, 486),
        (Standing.CONFIRMED, False, False, 403),
        (Standing.OUR_EARLY, False, False, 403),
        (Standing.CONFIRMED, False, True, None),
        (Standing.OUR_EARLY, True, True, None),
    ],
)
def test_what_a_replacing_call_gets(
    standing: Standing, early_only: bool, authorised: bool, status: int | None
) -> None:
    replaces = Replaces(call_id="c", to_tag="a", from_tag="b", early_only=early_only)
    assert refusal(replaces, standing, authorised=authorised) == status


@pytest.mark.req("REF-1", "REF-5")
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("Refer-To", "<sip:a@example.com>"), ("Refer-To", "<sip:b@example.com>")],
        [("Refer-To", "<sip:a@example.com>, <sip:b@example.com>")],
        [("Refer-To", "a@example.com")],
        [("Refer-To", "<sip:a@example.com?Replaces=x%3Bto-tag%3D1>")],
        [("Refer-To", "<sip:a@example.com?Subject=a%0D%0AVia:%20x>")],
        [("Refer-To", "<sip:a@example.com>"), ("Referred-By", "<sip:x@x>"), ("b", "<sip:y@y>")],
    ],
)
def test_a_refer_that_is_answered_with_400(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(SipParseError):
        Referral.of(refer(*rows))


@pytest.mark.req("REF-4", "REF-5")
def test_what_a_refer_asks_for() -> None:
    by = '"Al, ice" <sip:alice@example.com>;cid="2UWQFN309shb3@ref.example"'
    value = "c1%40h%3Bto-tag%3Da%3Bfrom-tag%3Db"
    to = f"Carol <sip:carol@example.com?replaces={value}&require=replaces&Subject=hi>"
    request = refer(("r", to), ("b", by), ("Refer-Sub", " False "))
    referral = Referral.of(request)
    assert not referral.wants_subscription
    assert str(referral.refer_to.target) == "sip:carol@example.com?Subject=hi"
    headers = referral.call_headers()
    assert headers.first("referred-by") == by
    assert headers.first("replaces") == "c1@h;to-tag=a;from-tag=b"
    assert headers.first("require") == "replaces"
    named = referrer(request)
    assert named is not None
    assert named.uri.user == "alice"


@pytest.mark.req("REF-6")
def test_a_refer_without_refer_sub_wants_to_hear() -> None:
    for rows in ([], [("Refer-Sub", "true")]):
        assert Referral.of(refer(("Refer-To", "sip:a@example.com"), *rows)).wants_subscription


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (Event.parse, SubscriptionState.parse, Replaces.parse, ReferTo.parse):
        with contextlib.suppress(SipParseError):
            read(text)
    with contextlib.suppress(SipParseError):
        Referral.of(refer(("Refer-To", text), ("Referred-By", text)))


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(SipParseError):
        SipFrag.parse(body)
    for content_type in (RELAY_TYPE, PLAIN_TYPE):
        with contextlib.suppress(SipParseError):
            assert Digit.parse(content_type, body).key in DIGITS


@pytest.mark.req("INF-1")
@given(st.sampled_from(DIGITS), st.integers(40, 6000))
def test_a_digit_survives_being_written(key: str, duration_ms: int) -> None:
    digit = Digit(key=key, duration_ms=duration_ms)
    assert Digit.parse(RELAY_TYPE, digit.body(RELAY_TYPE)) == digit
    assert Digit.parse(PLAIN_TYPE, digit.body(PLAIN_TYPE)).key == key


@pytest.mark.req("INF-1")
@pytest.mark.parametrize(
    ("content_type", "body", "key", "duration_ms"),
    [
        (RELAY_TYPE, b"Signal=5\r\nDuration=160\r\n", "5", 160),
        (RELAY_TYPE, b"signal = #\nduration = 250", "#", 250),
        (RELAY_TYPE, b"Signal= 11\r\nDuration=1\r\n", "#", 40),
        (RELAY_TYPE, b"Signal=a\r\nDuration=99999\r\n", "A", 6000),
        (PLAIN_TYPE, b" 7\r\n", "7", 160),
        (PLAIN_TYPE, b"Signal=10", "*", 160),
    ],
)
def test_digits_as_they_are_written_elsewhere(
    content_type: str, body: bytes, key: str, duration_ms: int
) -> None:
    assert Digit.parse(content_type, body) == Digit(key=key, duration_ms=duration_ms)


@pytest.mark.parametrize("body", [b"", b"Signal=\r\n", b"Signal=12x", b"Duration=160", b"5" * 600, b"55"])
def test_what_is_no_digit(body: bytes) -> None:
    for content_type in (RELAY_TYPE, PLAIN_TYPE):
        with pytest.raises(SipParseError):
            Digit.parse(content_type, body)


def test_keys_that_a_person_types() -> None:
    assert keys("1 2-a#") == ("1", "2", "A", "#")
    for wrong in ("", " ", "12x", "\u0661"):
        with pytest.raises(ValueError, match="DTMF digit"):
            keys(wrong)


def test_headers_of_a_plain_referral_are_none() -> None:
    assert ReferTo.parse("sip:carol@example.com").call_headers() == Headers()
