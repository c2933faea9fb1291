"""The server side of digest: nonces, counts, and requests of strangers."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.bench import counting_random, make_request
from ua.sip.digest.client import DigestClient
from ua.sip.digest.credentials import Credentials
from ua.sip.digest.server import LIFETIME_S, MAX_NONCES, DigestServer, Proved, Unproved, Verdict
from ua.sip.syntax.message import Request, make_response
from ua.sip.syntax.uri import Uri

ALICE = Credentials(username="alice", password="secret")


def server(*algorithms: str, proxy: bool = False) -> DigestServer:
    return DigestServer(
        realm='our "home"',
        password_of={"alice": "secret", "j\u00e4son": "p\u00e4ss"}.get,
        key=b"0123456789abcdef",
        algorithms=algorithms or ("SHA-256", "MD5"),
        proxy=proxy,
    )


class Caller:
    """A client and the server that it proves itself to."""

    def __init__(self, judge: DigestServer, credentials: Credentials = ALICE) -> None:
        self.judge = judge
        self.client = DigestClient((credentials,), counting_random())
        self.run = self.client.start()
        self._numbers = itertools.count(1)
        self.request = make_request("REFER")

    def signed(self, body: bytes = b"") -> Request:
        number = next(self._numbers)
        request = replace(make_request("REFER", cseq=number, branch=f"z9hG4bK{number}"), body=body)
        rows = self.client.rows("REFER", str(request.uri), body)
        return replace(request, headers=request.headers.with_added(*rows))

    def ask(self, now: float, body: bytes = b"") -> Verdict:
        self.request = self.signed(body)
        return self.judge.check(self.request, now)

    def challenged(self, verdict: Verdict) -> str:
        assert isinstance(verdict, Unproved)
        return self.run.challenged(
            self.request, make_response(self.request, verdict.status, headers=verdict.headers)
        )

    def prove(self, now: float, body: bytes = b"") -> Verdict:
        """With a challenge before."""
        assert self.challenged(self.ask(now)) == ""
        return self.ask(now, body)


@pytest.mark.req("DIG-5")
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
@pytest.mark.parametrize("proxy", [False, True])
@pytest.mark.parametrize("integrity", [False, True])
def test_the_right_password_is_proved(algorithm: str, proxy: bool, integrity: bool) -> None:
    caller = Caller(server(algorithm, proxy=proxy), replace(ALICE, integrity=integrity))
    verdict = caller.prove(1.0, b"body")
    assert isinstance(verdict, Proved)
    assert verdict.username == "alice"
    ok = make_response(caller.request, 200, headers=verdict.headers)
    caller.client.take_warnings()
    caller.client.note(ok)
    assert caller.client.take_warnings() == [], "and the server proves itself"


@pytest.mark.req("DIG-5")
def test_one_row_for_each_algorithm_best_first() -> None:
    verdict = server().check(make_request("REFER"), 1.0)
    assert isinstance(verdict, Unproved)
    assert verdict.status == 401
    rows = verdict.headers.all("www-authenticate")
    assert ["SHA-256" in row for row in rows] == [True, False]
    assert all('qop="auth,auth-int"' in row for row in rows)
    assert isinstance(server(proxy=True).check(make_request(), 1.0), Unproved)


@pytest.mark.req("DIG-5")
@pytest.mark.parametrize(
    "wrong",
    [Credentials(username="alice", password="guess"), Credentials(username="nobody", password="")],
)
def test_a_wrong_password_is_told_without_it(wrong: Credentials) -> None:
    caller = Caller(server(), wrong)
    verdict = caller.prove(1.0)
    assert isinstance(verdict, Unproved)
    assert not verdict.stale
    assert wrong.username in verdict.reason
    assert "guess" not in verdict.reason + repr(verdict)
    assert caller.challenged(verdict) == "the credentials were refused"
    assert len(caller.judge) == 0, "nothing is kept of who has no password"


@pytest.mark.req("DIG-5")
def test_a_count_that_came_before_is_stale() -> None:
    caller = Caller(server())
    assert isinstance(caller.prove(1.0), Proved)
    replayed = caller.judge.check(caller.request, 1.0)
    assert isinstance(replayed, Unproved)
    assert replayed.stale
    assert "stale=true" in str(replayed.headers.first("www-authenticate"))
    assert caller.challenged(replayed) == "", "who knows the password goes on with the new nonce"
    assert isinstance(caller.ask(1.0), Proved)


@pytest.mark.req("DIG-5")
def test_requests_may_overtake_each_other_but_come_once() -> None:
    caller = Caller(server())
    assert isinstance(caller.prove(1.0), Proved)
    requests = [caller.signed() for _ in range(70)]
    assert isinstance(caller.judge.check(requests[-1], 1.0), Proved)
    assert isinstance(caller.judge.check(requests[-2], 1.0), Proved)
    assert isinstance(caller.judge.check(requests[-2], 1.0), Unproved)
    assert isinstance(caller.judge.check(requests[0], 1.0), Unproved), "too old to tell"
    assert isinstance(caller.judge.check(requests[10], 1.0), Proved)


@pytest.mark.req("DIG-5")
def test_a_nonce_has_its_time_and_the_next_one_comes_before() -> None:
    caller = Caller(server())
    assert isinstance(caller.prove(1.0), Proved)
    later = caller.ask(1.0 + 0.6 * LIFETIME_S)
    assert isinstance(later, Proved)
    caller.client.note(make_response(caller.request, 200, headers=later.headers))
    assert isinstance(caller.ask(1.0 + 1.5 * LIFETIME_S), Proved)
    old = caller.ask(1.0 + 2 * LIFETIME_S)
    assert isinstance(old, Unproved)
    assert old.stale


@pytest.mark.req("DIG-5")
def test_nonces_of_others_are_not_taken() -> None:
    other = DigestServer(realm='our "home"', password_of=lambda _: "secret", key=b"another key 0123")
    caller = Caller(other)
    assert caller.challenged(caller.ask(1.0)) == ""
    verdict = server().check(caller.signed(), 1.0)
    assert isinstance(verdict, Unproved)
    assert verdict.stale


@pytest.mark.req("DIG-5", "LIM-2")
def test_challenges_leave_nothing_behind_and_proofs_little() -> None:
    judge = server("MD5")
    for number in range(20_000):
        judge.check(make_request("REFER", branch=f"z9hG4bK{number}"), 1.0)
    assert len(judge) == 0
    for number in range(MAX_NONCES + 50):
        caller = Caller(judge)
        caller.request = make_request("REFER", call_id=f"c{number}")
        asked = judge.check(caller.request, 1.0 + number / 1000)
        assert caller.challenged(asked) == ""
        assert isinstance(caller.ask(2.1), Proved)
    assert len(judge) == MAX_NONCES


@pytest.mark.req("DIG-5", "TXN-23")
def test_equal_packets_get_equal_challenges() -> None:
    one, other = server(), server()
    assert one.check(make_request(), 5.0) == other.check(make_request(), 5.0)
    assert one.check(make_request(), 5.0) != one.check(make_request(branch="z9hG4bKother"), 5.0)


@pytest.mark.req("DIG-5")
def test_the_address_is_compared_loosely() -> None:
    caller = Caller(server())
    assert isinstance(caller.prove(1.0), Proved)
    moved = replace(caller.signed(), uri=Uri.parse("sip:bob@198.51.100.3:5062;transport=tcp"))
    assert isinstance(caller.judge.check(moved, 1.0), Proved)
    other = caller.signed()
    headers = other.headers.with_rows("to", "<sip:eve@example.com>")
    stolen = replace(other, uri=Uri.parse("sip:eve@192.0.2.2"), headers=headers)
    assert isinstance(caller.judge.check(stolen, 1.0), Unproved)


@pytest.mark.req("DIG-5", "DIG-7")
def test_names_and_passwords_beyond_ascii() -> None:
    caller = Caller(server(), Credentials(username="j\u00e4son", password="p\u00e4ss"))
    assert isinstance(caller.prove(1.0), Proved)


@pytest.mark.req("DIG-5")
@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=200))
def test_any_credentials_get_a_verdict(text: str) -> None:
    judge = server()
    for row in (text, f"Digest {text}", f'Digest realm="our \\"home\\"", {text}'):
        request = make_request("REFER")
        request = replace(request, headers=request.headers.with_added(("Authorization", row)))
        assert isinstance(judge.check(request, 1.0), Unproved)
