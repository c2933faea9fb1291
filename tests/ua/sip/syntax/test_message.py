"""The wire door: RFC 4475, RFC 5118, real peers, bounds and mutations."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.ua.sip.vectors import IPV6, PEERS, TORTURE, messages, vector
from ua.sip.errors import SipParseError
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Message, Request, Response, make_response
from ua.sip.syntax.uri import Uri
from ua.sip.syntax.wire_format import (
    MAX_BODY_BYTES,
    MAX_LINE_BYTES,
    MAX_ROWS,
    MalformedRequest,
    parse,
    serialise,
)

INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n"
    b"From: <sip:alice@example.com>;tag=a\r\n"
    b"To: <sip:bob@example.com>\r\n"
    b"Call-ID: 1@192.0.2.1\r\n"
    b"CSeq: 1 INVITE\r\n"
)


def request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def response(data: bytes) -> Response:
    message = parse(data)
    assert isinstance(message, Response)
    return message


def refused(data: bytes) -> SipParseError:
    with pytest.raises(SipParseError) as caught:
        parse(data)
    return caught.value


def answer_to(error: SipParseError) -> Response | None:
    return error.answer if isinstance(error, MalformedRequest) else None


def without_crash(data: bytes) -> Message | SipParseError:
    try:
        return parse(data)
    except SipParseError as error:
        return error


REFUSED: dict[str, int | None] = {
    "badinv01": 400,
    "baddn": 400,
    "badvers": 505,
    "bigcode": None,
    "clerr": 400,
    "insuf": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "mcl01": 400,
    "mismatch01": 400,
    "mismatch02": 400,
    "multi01": 400,
    "ncl": 400,
    "quotbal": 400,
    "scalar02": 400,
    "scalarlg": None,
    "test": None,
    "trws": 400,
}
"""Torture messages that are refused, with the status that the sender gets (None: nothing)."""


@pytest.mark.req("TOR-1", "SIP-7-6")
@pytest.mark.parametrize("name", TORTURE)
def test_torture_message_is_read_or_refused_as_the_table_says(name: str) -> None:
    short = name.partition("/")[2]
    result = without_crash(vector(name))
    if short in REFUSED:
        assert isinstance(result, SipParseError), "should be refused"
        answer = answer_to(result)
        assert (answer.status if answer else None) == REFUSED[short]
        if answer is not None:
            assert b"\r\n\r\n" in serialise(answer)
    else:
        assert isinstance(result, Request | Response), f"should be read: {result}"
        assert parse(serialise(result)) == result


@pytest.mark.req("IP6-1")
@pytest.mark.parametrize("name", IPV6)
def test_ipv6_torture_message(name: str) -> None:
    result = without_crash(vector(name))
    if name.endswith("/ipv6-bad"):
        assert isinstance(result, MalformedRequest)
        assert result.answer.status == 400
    else:
        assert isinstance(result, Request)
        assert parse(serialise(result)) == result


@pytest.mark.parametrize("name", PEERS)
def test_message_of_a_real_peer(name: str) -> None:
    data = vector(name)
    message = parse(data)
    assert len(message.body) == len(data.partition(b"\r\n\r\n")[2])
    assert message.via.has_cookie
    assert message.from_.tag
    assert parse(serialise(message)) == message


@pytest.mark.req("SIP-7-1")
def test_wsinv_is_read_with_folding_odd_spaces_and_compact_names() -> None:
    message = request(vector("rfc4475/wsinv"))
    assert message.to.uri.user == "vivekg"
    assert message.to.tag == "1918181833n"
    assert message.from_.name == 'J Rosenberg \\"'
    assert message.from_.tag == "98asjd8"
    assert message.max_forwards == 68
    assert message.call_id == "wsinv.ndaksdj@192.0.2.1"
    assert str(message.cseq) == "9 INVITE"
    assert [via.host for via in message.vias] == ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
    assert message.headers.first("subject") == ""
    assert [str(route.uri) for route in message.addresses("route")] == [
        "sip:services.example.com;lr;unknownwith=value;unknown-no-value"
    ]
    assert message.contacts[0].name == 'Quoted string ""'
    assert message.content_type == "application/sdp"


@pytest.mark.req("SIP-7-1")
def test_route_in_all_splittings_is_one_list() -> None:
    one = INVITE + b"Route: <sip:a;lr>, <sip:b;lr>,<sip:c;lr>\r\n\r\n"
    rows = INVITE + b"Route: <sip:a;lr>\r\nroute: <sip:b;lr>\r\nROUTE:<sip:c;lr>\r\n\r\n"
    mixed = INVITE + b"Route: <sip:a;lr>,\r\n <sip:b;lr>\r\nRoute: <sip:c;lr>\r\n\r\n"
    wanted = ["sip:a;lr", "sip:b;lr", "sip:c;lr"]
    for data in (one, rows, mixed):
        assert [str(route.uri) for route in request(data).addresses("route")] == wanted


@pytest.mark.req("SIP-7-1")
def test_challenges_are_never_joined_or_split() -> None:
    data = serialise(make_response(request(INVITE + b"\r\n"), 401)).replace(
        b"CSeq",
        b'WWW-Authenticate: Digest realm="a, b", nonce="1"\r\n'
        b'WWW-Authenticate: Digest realm="c",nonce="2"\r\nCSeq',
    )
    assert response(data).headers.members("www-authenticate") == (
        'Digest realm="a, b", nonce="1"',
        'Digest realm="c",nonce="2"',
    )


def test_a_list_with_escaped_quotes_is_split_where_it_should_be() -> None:
    data = (
        INVITE + b'Contact: "a \\", b" <sip:one@h>;q=1, "\\"" <sip:two@h>\r\nContact: <sip:three@h>\r\n\r\n'
    )
    contacts = request(data).contacts
    assert [contact.name for contact in contacts] == ['a ", b', '"', ""]
    assert [contact.uri.user for contact in contacts] == ["one", "two", "three"]
    plain = request(INVITE + b'Contact: <sip:a,b@h>, "x,y" <sip:c@h>;p="1,2"\r\n\r\n').contacts
    assert [contact.uri.user for contact in plain] == ["a,b", "c"]
    assert plain[1].param("p") == "1,2"
    for broken in (b'"x <sip:a@h>, <sip:b@h>', b"<sip:a@h, <sip:b@h"):
        with pytest.raises(SipParseError):
            _ = request(INVITE + b"Contact: " + broken + b"\r\n\r\n").contacts


def test_content_length_with_two_spaces_and_a_comment_behind_server() -> None:
    data = (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;received=192.0.2.1;branch=z9hG4bK1\r\n"
        b"Call-ID: x\r\nFrom: <sip:a@192.0.2.1>;tag=1\r\nTo: <sip:b@192.0.2.2>;tag=2\r\nCSeq: 5 BYE\r\n"
        b"Server: Asterisk PBX 22.0.0\r\nContent-Length:  0\r\n\r\n"
    )
    assert response(data).body == b""


@pytest.mark.req("SIP-7-2")
def test_surplus_of_a_datagram_is_dropped() -> None:
    assert request(INVITE + b"Content-Length: 3\r\n\r\nabcdef").body == b"abc"
    assert request(INVITE + b"\r\nabcdef").body == b"abcdef"
    assert request(b"\r\n\r\n" + INVITE + b"l: 0\r\n\r\nINVITE sip:x SIP/2.0\r\n").body == b""


@pytest.mark.req("SIP-7-2")
def test_short_datagram_is_answered_400_a_response_is_not() -> None:
    error = refused(INVITE + b"Content-Length: 9\r\n\r\nabc")
    assert isinstance(error, MalformedRequest)
    assert error.answer.status == 400
    assert error.answer.headers.first("call-id") == "1@192.0.2.1"
    ok = serialise(make_response(request(INVITE + b"\r\n"), 200)).replace(
        b"Content-Length: 0", b"Content-Length: 9"
    )
    assert answer_to(refused(ok)) is None


@pytest.mark.req("SIP-7-14")
@pytest.mark.parametrize("value", [b"five", b"-1", b"1e3", b"", b"9" * 31, b"0x10", b"\xd9\xa1"])
def test_bad_content_length(value: bytes) -> None:
    error = refused(INVITE + b"Content-Length: " + value + b"\r\n\r\n")
    assert isinstance(error, MalformedRequest)
    assert error.answer.status == 400


@pytest.mark.req("SIP-7-14")
def test_content_length_twice() -> None:
    assert request(INVITE + b"Content-Length: 1\r\nl: 1\r\n\r\nx").body == b"x"
    assert "twice" in refused(INVITE + b"Content-Length: 1\r\nl: 0\r\n\r\nx").reason


@pytest.mark.req("SIP-7-3")
@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Via"])
def test_a_mandatory_header_is_missing(name: str) -> None:
    rows = [row for row in (INVITE + b"\r\n").split(b"\r\n") if not row.startswith(name.encode() + b":")]
    error = refused(b"\r\n".join(rows))
    assert name.lower() in error.reason.lower()
    assert (answer_to(error) is None) == (name == "Via")


@pytest.mark.req("SIP-7-3")
def test_an_rfc_2543_peer_is_understood() -> None:
    message = request(vector("rfc4475/inv2543"))
    assert not message.via.has_cookie
    assert message.from_.tag is None
    assert message.max_forwards is None
    assert len(message.body) > 0


@pytest.mark.req("SIP-7-7")
@pytest.mark.parametrize(
    "line", [b"SIP/2.0 99 x", b"SIP/2.0 700 x", b"SIP/2.0 4294967301 x", b"SIP/2.0 20 x", b"SIP/2.0"]
)
def test_bad_status_line_is_dropped(line: bytes) -> None:
    data = line + b"\r\n" + INVITE.partition(b"\r\n")[2] + b"\r\n"
    assert answer_to(refused(data)) is None


@pytest.mark.req("SIP-7-7")
def test_version_is_accepted_in_any_case_and_a_reason_may_be_empty() -> None:
    assert request(INVITE.replace(b"SIP/2.0\r\nVia", b"sip/2.0\r\nVia") + b"\r\n").method == "INVITE"
    assert response(vector("rfc4475/noreason")).reason == ""
    assert response(vector("rfc4475/unreason")).status == 200


@pytest.mark.req("SIP-7-10")
def test_text_that_is_no_utf8_does_not_stop_the_parser() -> None:
    message = request(INVITE.replace(b"<sip:alice", b'"\xff\xfe" <sip:alice') + b"\r\n")
    assert message.from_.uri.user == "alice"
    assert response(vector("rfc4475/unreason")).reason.startswith("= 2**3 * 5**2 ")


@pytest.mark.req("SIP-7-11")
def test_malformed_headers_that_nobody_needs_are_ignored() -> None:
    message = request(INVITE + b"Date: nonsense\r\nExpires: soon\r\nX-Unknown: ;;,,<\r\n\r\n")
    assert message.headers.first("date") == "nonsense"
    assert message.seconds("expires") is None


@pytest.mark.req("SIP-7-15")
@pytest.mark.parametrize(
    "row",
    [b"CSeq: 1 INVITE", b"t: <sip:x@h>", b"i: 7", b"From: <sip:x@h>", b"Max-Forwards: 1\r\nMax-Forwards: 2"],
)
def test_a_single_header_twice(row: bytes) -> None:
    error = refused(INVITE + row + b"\r\n\r\n")
    assert "twice" in error.reason
    assert isinstance(error, MalformedRequest)


@pytest.mark.req("SIP-7-16")
@pytest.mark.parametrize("cseq", ["1 BYE", "4294967296 INVITE", "x INVITE", "1", "-1 INVITE", "1 invite"])
def test_bad_cseq(cseq: str) -> None:
    error = refused(INVITE.replace(b"CSeq: 1 INVITE", f"CSeq: {cseq}".encode()) + b"\r\n")
    assert isinstance(error, MalformedRequest)
    assert error.answer.status == 400


@pytest.mark.req("SIP-7-16")
def test_largest_cseq_is_accepted() -> None:
    assert request(INVITE.replace(b"CSeq: 1 ", b"CSeq: 4294967295 ") + b"\r\n").cseq.number == 2**32 - 1


@pytest.mark.req("TXN-19")
def test_a_bad_ack_is_never_answered() -> None:
    data = INVITE.replace(b"INVITE", b"ACK").replace(b"To: <sip:bob@example.com>\r\n", b"") + b"\r\n"
    assert answer_to(refused(data)) is None


@pytest.mark.req("SIP-7-20")
def test_seconds_with_comment_and_parameters() -> None:
    message = request(INVITE + b"Retry-After: 120 (I'm in a meeting);duration=60\r\n\r\n")
    assert message.seconds("retry-after") == 120
    assert request(vector("rfc4475/baddate")).headers.first("date") is not None


@pytest.mark.req("LIM-1")
def test_limits() -> None:
    row = b"W: " + b"a" * (MAX_LINE_BYTES - 3)
    assert request(INVITE + row + b"\r\n\r\n").headers.first("w")
    assert refused(INVITE + row + b"a\r\n\r\n").reason == "header line too long"
    rows = b"W: 1\r\n" * (MAX_ROWS - 5)
    assert len(request(INVITE + rows + b"\r\n").headers.all("w")) == MAX_ROWS - 5
    assert refused(INVITE + rows + b"W: 1\r\n\r\n").reason == "too many header lines"
    assert refused(INVITE + (b"Y: " + b"b" * 8000 + b"\r\n") * 9 + b"\r\n").reason == "header too long"
    assert refused(INVITE + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)).reason == "body too long"
    vias = b"Via: SIP/2.0/UDP 192.0.2.9\r\n"
    assert len(request(INVITE + vias * 69 + b"\r\n").vias) == 70
    assert refused(INVITE + vias * 70 + b"\r\n").reason == "too many Vias"
    assert len(request(vector("rfc4475/longreq")).vias) == 34


@pytest.mark.parametrize("text", [b"X\rY: 1", b"X: 1\nFrom: <sip:e@h>", b"X 1", b": 1"])
def test_malformed_header_lines(text: bytes) -> None:
    error = refused(INVITE + text + b"\r\n\r\n")
    assert isinstance(error, MalformedRequest)


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\rb"])
def test_our_own_caller_cannot_smuggle_a_header(value: str) -> None:
    message = request(INVITE + b"\r\n")
    for bad in (
        Request(method="BYE", uri=message.uri, headers=Headers.of(("Subject", value))),
        Response(status=200, reason=value, headers=message.headers),
        Request(method=value, uri=message.uri, headers=message.headers),
    ):
        with pytest.raises(ValueError, match=r".+"):
            serialise(bad)


@pytest.mark.req("UAS-4")
def test_response_copies_what_it_must() -> None:
    asked = request(INVITE + b"Via: SIP/2.0/TCP two.example.com\r\nTimestamp: 54.3\r\n\r\n")
    ringing = make_response(asked, 180, to_tag="t")
    assert ringing.headers.all("via") == asked.headers.all("via")
    for name in ("from", "call-id", "cseq"):
        assert ringing.headers.first(name) == asked.headers.first(name)
    assert ringing.to.tag == "t"
    assert ringing.reason == "Ringing"
    assert "timestamp" not in ringing.headers
    trying = make_response(asked, 100, to_tag="t")
    assert trying.to.tag is None
    assert trying.headers.first("timestamp") == "54.3"


@pytest.mark.req("SIP-7-9")
def test_escapes_are_kept_and_decoded_once() -> None:
    message = request(vector("rfc4475/esc01"))
    assert message.uri.user == "sips%3Auser%40example.com"
    assert message.contacts[0].uri.param("lr") is None
    two = request(vector("rfc4475/escnull")).contacts
    assert [contact.uri.user for contact in two] == ["%00", "%00%00"]
    assert not two[0].uri.same_as(two[1].uri)


@given(messages)
def test_parse_of_written_is_the_identity(message: Message) -> None:
    assert parse(serialise(message)) == message


@pytest.mark.req("TOR-1")
@given(st.binary(max_size=400))
def test_random_bytes_raise_only_the_documented_error(data: bytes) -> None:
    without_crash(data)
    without_crash(INVITE + data + b"\r\n\r\n")


def test_empty_elements_of_a_list_say_nothing() -> None:
    message = parse(INVITE + b"Supported: , timer,\r\nRoute: ,<sip:p@192.0.2.1;lr>\r\nAllow: ,\r\n\r\n")
    assert message.headers.all("supported") == ("timer",)
    assert message.headers.all("route") == ("<sip:p@192.0.2.1;lr>",)
    assert parse(serialise(message)) == message


@pytest.mark.req("TOR-1")
@example("rfc4475/cparam02", 1003, 1)
@given(st.sampled_from(TORTURE + IPV6 + PEERS), st.integers(0, 2**32), st.integers(1, 12))
def test_mutated_messages_raise_only_the_documented_error(name: str, seed: int, count: int) -> None:
    data = bytearray(vector(name))
    chance = random.Random(seed)
    for _ in range(count):
        where = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[where] = chance.randrange(256)
        elif kind == 1:
            del data[where : where + chance.randrange(1, 9)]
        elif kind == 2:
            data[where:where] = chance.choice([b"\r\n", b'"', b"<", b",", b";", b"\x00", b"\\", b":", b"%"])
        else:
            data[where:where] = data[chance.randrange(len(data)) :][:20]
        if not data:
            return
    result = without_crash(bytes(data))
    if isinstance(result, SipParseError):
        if (answer := answer_to(result)) is not None:
            serialise(answer)
        return
    _touch(result)
    assert parse(serialise(result)) == result


def _touch(message: Message) -> Any:
    """Read every typed value; the lazy ones may refuse."""
    for read in (lambda: message.vias, lambda: message.contacts, lambda: message.addresses("route")):
        try:
            read()
        except SipParseError:
            continue
    return message.cseq, message.from_, message.to, message.content_type, message.seconds("expires")


def test_request_uri_of_another_scheme_is_opaque() -> None:
    message = request(vector("rfc4475/unkscm"))
    assert message.uri == Uri(scheme="nobodyknowsthisscheme", opaque="totallyopaquecontent")
    assert not message.uri.is_sip


@pytest.mark.parametrize("name", TORTURE + PEERS + IPV6)
def test_what_was_read_of_a_request_is_true_of_its_copy_with_another_top_via(name: str) -> None:
    message = without_crash(vector(name))
    if not isinstance(message, Request):
        return
    _ = message.vias, message.from_, message.to, message.cseq
    copy = message.with_via(message.via.with_source("192.0.2.9", 5099))
    read = Request(method=copy.method, uri=copy.uri, headers=copy.headers, body=copy.body)
    assert (copy.via, copy.vias) == (read.via, read.vias)
    assert copy.via != message.via
    assert (copy.from_, copy.to, copy.cseq) == (read.from_, read.to, read.cseq)
