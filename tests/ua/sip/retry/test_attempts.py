"""Attempts of one request: what servers may ask for, and that they cannot ask for ever."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.bench import counting_random, make_request
from ua.sip.digest.client import MAX_ROUNDS, DigestClient
from ua.sip.digest.credentials import Credentials
from ua.sip.retry.attempts import MAX_ATTEMPTS, Attempts
from ua.sip.retry.targets import RedirectPolicy
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, make_response
from ua.sip.syntax.uri import Uri

ALICE = Credentials(username="alice", password="secret")


class Server:
    """Answers attempt after attempt; keeps the requests."""

    def __init__(self, draft: Request, *, credentials: tuple[Credentials, ...] = (ALICE,)) -> None:
        digest = DigestClient(credentials, counting_random()) if credentials else None
        self.attempts = Attempts(digest, RedirectPolicy())
        self._draft = draft
        self._cseq = itertools.count(1)
        self.requests: list[Request] = []
        self.send()

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def send(self) -> None:
        number = next(self._cseq)
        headers = self._draft.headers.with_rows("cseq", f"{number} {self._draft.method}")
        self.requests.append(self.attempts.amend(replace(self._draft, headers=headers)))

    def answer(self, status: int, *rows: tuple[str, object]) -> bool:
        """Answer the last request; true where another one follows."""
        again = self.attempts.again(self.last, make_response(self.last, status, headers=Headers.of(*rows)))
        if again:
            self.send()
        return again


def invite(*rows: tuple[str, object], body: bytes = b"", uri: str = "sip:bob@192.0.2.2") -> Request:
    draft = make_request("INVITE")
    return replace(draft, uri=Uri.parse(uri), headers=draft.headers.with_added(*rows), body=body)


@pytest.mark.req("UAC-9")
def test_420_is_followed_by_a_request_without_the_tags_once() -> None:
    server = Server(invite(("Supported", "100rel, timer"), ("Require", "100REL")))
    assert server.answer(420, ("Unsupported", "100rel, unheard"))
    assert server.last.headers.all("supported") == ("timer",)
    assert "require" not in server.last.headers
    assert not server.answer(420, ("Unsupported", "timer"))
    assert len(server.requests) == 2


@pytest.mark.req("UAC-9")
@pytest.mark.parametrize("unsupported", ["", "other", "ice"])
def test_420_without_anything_to_leave_out_is_a_failure(unsupported: str) -> None:
    server = Server(invite(("Supported", "timer"), ("Require", "ice")))
    assert not server.answer(420, ("Unsupported", unsupported))


@pytest.mark.req("UAC-9")
def test_421_brings_an_extension_back_that_was_left_out() -> None:
    server = Server(invite(("Supported", "100rel, timer")))
    assert server.answer(420, ("Unsupported", "timer"))
    assert server.answer(421, ("Require", "timer"))
    assert server.last.headers.tokens("supported") == {"100rel", "timer"}
    assert not server.answer(421, ("Require", "timer"))
    assert not Server(invite(("Supported", "timer"))).answer(421, ("Require", "unheard"))


@pytest.mark.req("UAC-9", "SIP-7-13")
def test_415_takes_the_session_out_of_its_multipart() -> None:
    parts = (b"Content-Type: application/sdp\r\n\r\nv=0", b"Content-Type: text/plain\r\n\r\nhi")
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--"
    server = Server(invite(("Content-Type", "multipart/mixed;boundary=x"), body=body))
    assert server.answer(415, ("Accept", "application/sdp, text/plain"))
    assert (server.last.headers.first("content-type"), server.last.body) == ("application/sdp", b"v=0")
    assert not server.answer(415, ("Accept", "application/sdp"))
    other = Server(invite(("Content-Type", "multipart/mixed;boundary=x"), body=body))
    assert not other.answer(415, ("Accept", "text/plain"))
    assert not Server(invite(("Content-Type", "application/sdp"), body=b"v=0")).answer(415)


@pytest.mark.req("UAC-9")
def test_416_turns_a_telephone_number_into_a_sip_address() -> None:
    server = Server(invite(uri="tel:+1-201-555-0123"))
    assert server.answer(416)
    assert str(server.last.uri) == "sip:+1-201-555-0123@example.com;user=phone"
    assert not server.answer(416)
    assert not Server(invite(uri="sips:b@h")).answer(416), "what was to be secure stays so"


@pytest.mark.req("UAC-9")
def test_422_raises_the_session_interval_for_two_proxies() -> None:
    server = Server(invite(("Session-Expires", "90;refresher=uac")))
    assert server.answer(422, ("Min-SE", "120"))
    assert server.answer(422, ("Min-SE", "300"))
    assert server.last.headers.all("session-expires") == ("300;refresher=uac",)
    assert server.last.headers.all("min-se") == ("300",)
    assert not server.answer(422, ("Min-SE", "300"))
    assert not Server(invite()).answer(422, ("Min-SE", "999999"))
    assert not Server(invite()).answer(422)


@pytest.mark.req("UAC-8", "UAC-1")
def test_a_redirected_request_keeps_what_belongs_to_the_call() -> None:
    server = Server(invite())
    assert server.answer(302, ("Contact", "<sip:new@192.0.2.9;x=1?Subject=hello>"))
    first, second = server.requests
    assert str(second.uri) == "sip:new@192.0.2.9;x=1"
    assert second.headers.first("subject") == "hello"
    assert second.cseq.number == first.cseq.number + 1
    assert (second.call_id, second.from_, second.to) == (first.call_id, first.from_, first.to)
    assert server.answer(302, ("Contact", f"<{first.uri}>")) is False, (
        "back to the first: the 302 is reported"
    )


@pytest.mark.req("UAC-8")
def test_the_next_target_follows_a_failure_but_not_a_6xx() -> None:
    both = ("Contact", "<sip:one@h>, <sip:two@h>;q=0.5")
    server = Server(invite())
    assert server.answer(300, both)
    assert server.answer(486)
    assert str(server.last.uri) == "sip:two@h"
    assert not server.answer(486)
    silent = Server(invite())
    assert silent.answer(300, both)
    assert silent.attempts.failed()
    assert not silent.attempts.failed()
    sure = Server(invite())
    assert sure.answer(300, both)
    assert not sure.answer(603)
    assert not sure.attempts.failed()


@pytest.mark.req("UAC-8")
def test_use_proxy_sends_the_same_request_through_it() -> None:
    server = Server(invite())
    assert server.answer(305, ("Contact", "<sip:proxy.example.com>"))
    assert server.last.uri == server.requests[0].uri
    assert server.last.headers.all("route") == ("<sip:proxy.example.com;lr>",)


@pytest.mark.req("UAC-8")
@pytest.mark.parametrize("status", [302, 380])
def test_a_redirection_without_an_address_is_a_failure(status: int) -> None:
    contact = (("Contact", "<sip:x@h>"),) if status == 380 else ()
    assert not Server(invite()).answer(status, *contact)


@pytest.mark.req("UAC-8", "DLG-13")
def test_behind_a_strict_router_the_last_route_is_redirected() -> None:
    server = Server(invite(("Route", "<sip:p2;lr>")))
    assert server.answer(302, ("Contact", "<sip:new@h>"))
    assert str(server.last.uri) == "sip:new@h"
    assert server.last.headers.all("route") == ("<sip:p2;lr>",)
    strict = Server(invite(("Route", "<sip:p2>"), ("Route", "<sip:bob@192.0.2.2>"), uri="sip:p1"))
    assert strict.answer(302, ("Contact", "<sip:new@h>"))
    assert str(strict.last.uri) == "sip:p1"
    assert strict.last.headers.all("route") == ("<sip:p2>", "<sip:new@h>")


@pytest.mark.req("DIG-6", "DIG-8", "UAC-8")
def test_credentials_of_a_server_do_not_follow_a_redirection() -> None:
    server = Server(invite())
    assert server.answer(407, ("Proxy-Authenticate", 'Digest realm="p", nonce="1"'))
    assert server.answer(401, ("WWW-Authenticate", 'Digest realm="u", nonce="2"'))
    assert "authorization" in server.last.headers
    assert server.answer(302, ("Contact", "<sip:new@elsewhere.example>"))
    assert "authorization" not in server.last.headers
    assert "proxy-authorization" in server.last.headers
    assert 'uri="sip:new@elsewhere.example"' in str(server.last.headers.first("proxy-authorization"))


_HOSTILE = (
    ("Contact", "<sip:{n}@h>, <sip:x{n}@h>;q=0.3, <sip:y{n}@h>;q=0.2"),
    ("WWW-Authenticate", 'Digest realm="r{n}", nonce="{n}", stale=true'),
    ("Proxy-Authenticate", 'Digest realm="r", nonce="{n}", stale=true'),
    ("Unsupported", "timer"),
    ("Require", "timer"),
    ("Min-SE", "{n}00"),
    ("Min-Expires", "{n}00"),
    ("Accept", "application/sdp"),
    ("Retry-After", "0"),
)


def _hostile(number: int) -> tuple[tuple[str, str], ...]:
    return tuple((name, value.format(n=number)) for name, value in _HOSTILE)


@pytest.mark.req("LIM-5", "DLG-4", "DIG-3")
@pytest.mark.parametrize("method", ["INVITE", "BYE", "REGISTER", "OPTIONS"])
def test_a_server_that_repeats_a_code_for_ever_is_left(method: str) -> None:
    for status in range(300, 700):
        draft = make_request(method, to_tag="b" if method == "BYE" else "")
        server = Server(replace(draft, headers=draft.headers.with_added(("Supported", "timer"))))
        for number in range(1, 1000):
            if not server.answer(status, *_hostile(number)):
                break
        bound = {401: 1 + MAX_ROUNDS, 407: 4, 422: 4}
        most = 11 if 300 <= status < 400 else bound.get(status, 2)
        assert len(server.requests) <= most, status


@pytest.mark.req("LIM-5", "TXN-22")
@given(st.lists(st.integers(300, 699) | st.sampled_from([302, 401, 407, 420, 421, 422]), max_size=200))
def test_no_server_gets_more_than_so_many_requests(codes: list[int]) -> None:
    server = Server(invite(("Supported", "timer")))
    for number, status in enumerate(codes, 1):
        if not server.answer(status, *_hostile(number)):
            break
    assert len(server.requests) <= MAX_ATTEMPTS


@pytest.mark.req("UAC-9")
def test_an_empty_supported_says_that_nothing_is_left() -> None:
    server = Server(invite(("Supported", "timer")))
    assert server.answer(420, ("Unsupported", "timer"))
    assert server.last.headers.all("supported") == ("",)
