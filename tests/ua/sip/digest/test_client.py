"""Digest: vectors of RFC 7616, challenges in all shapes, and the end of loops."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.bench import counting_random, make_request
from ua.sip.digest.challenge import Challenge
from ua.sip.digest.client import MAX_ROUNDS, DigestClient
from ua.sip.digest.credentials import Credentials, digest_response
from ua.sip.errors import SipParseError
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request, Response, make_response
from ua.sip.syntax.uri import Uri

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
MUFASA = Credentials(username="Mufasa", password="Circle of Life")
ALICE = Credentials(username="alice", password="secret")
URI = "sip:example.com"
ASKED = make_request("REGISTER")


def challenge(text: str, *, proxy: bool = False) -> Challenge:
    return Challenge.parse(f"Digest {text}", proxy=proxy)


def refusal(*rows: str, status: int = 401, scheme: str = "Digest ") -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    headers = Headers.of(*((name, scheme + row) for row in rows))
    return make_response(make_request("REGISTER"), status, headers=headers)


def client(*credentials: Credentials) -> DigestClient:
    return DigestClient(credentials or (ALICE,), counting_random())


def fields(row: tuple[str, str]) -> dict[str, str]:
    return {name: value.strip('"') for name, value in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,]*)', row[1])}


@pytest.mark.req("DIG-2")
@pytest.mark.parametrize(
    ("algorithm", "wanted"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_vectors_of_rfc_7616(algorithm: str, wanted: str) -> None:
    asked = challenge(
        f'realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="{NONCE}"'
    )
    assert digest_response(asked, MUFASA, method="GET", uri="/dir/index.html", cnonce=CNONCE) == wanted


@pytest.mark.req("DIG-2")
def test_sha_512_256_with_a_hashed_user() -> None:
    asked = challenge(
        'realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
        'opaque="o", charset=UTF-8, userhash=true'
    )
    jason = Credentials(username="J\u00e4s\u00f8n Doe", password="Secret, or not?")
    response = digest_response(
        asked, jason, method="GET", uri="/doe.json", cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
    )
    assert response == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    digest = client(jason)
    digest.use(asked, jason)
    row = fields(digest.rows("GET", "/doe.json")[0])
    assert row["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert row["userhash"] == "true"


@pytest.mark.req("DIG-2")
def test_without_qop_the_old_form_is_used() -> None:
    asked = challenge(f'realm="r", nonce="{NONCE}"')
    a1 = hashlib.md5(b"alice:r:secret").hexdigest()
    a2 = hashlib.md5(f"REGISTER:{URI}".encode()).hexdigest()
    wanted = hashlib.md5(f"{a1}:{NONCE}:{a2}".encode()).hexdigest()
    digest = client()
    digest.use(asked, ALICE)
    row = digest.rows("REGISTER", URI)[0]
    assert fields(row)["response"] == wanted
    assert "nc=" not in row[1]
    assert "cnonce" not in row[1]
    assert "algorithm" not in row[1]


@pytest.mark.req("DIG-2")
def test_session_algorithms_and_auth_int() -> None:
    asked = challenge(f'realm="r", nonce="{NONCE}", algorithm=MD5-sess, qop="auth"')
    digest = client()
    digest.use(asked, ALICE)
    first, second = (fields(digest.rows("REGISTER", URI)[0]) for _ in range(2))
    a1 = hashlib.md5(b"alice:r:secret").hexdigest()
    session = hashlib.md5(f"{a1}:{NONCE}:{first['cnonce']}".encode()).hexdigest()
    a2 = hashlib.md5(f"REGISTER:{URI}".encode()).hexdigest()
    for row, count in ((first, "00000001"), (second, "00000002")):
        wanted = hashlib.md5(f"{session}:{NONCE}:{count}:{row['cnonce']}:auth:{a2}".encode()).hexdigest()
        assert row["response"] == wanted
    whole = challenge(f'realm="r", nonce="{NONCE}", qop="auth-int"')
    empty = digest_response(whole, ALICE, method="BYE", uri=URI, cnonce="c")
    assert empty != digest_response(whole, ALICE, method="BYE", uri=URI, cnonce="c", body=b"x")
    body_hash = hashlib.md5(b"").hexdigest()
    assert body_hash == "d41d8cd98f00b204e9800998ecf8427e"


@pytest.mark.req("DIG-2", "DIG-6")
def test_fields_are_quoted_as_they_should_be_and_nc_counts() -> None:
    digest = client()
    assert digest.rows("REGISTER", URI) == ()
    assert (
        digest.start().challenged(
            ASKED, refusal('realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256, opaque="o"')
        )
        == ""
    )
    name, text = digest.rows("REGISTER", URI)[0]
    assert name == "Authorization"
    for quoted in ("username", "realm", "nonce", "uri", "response", "cnonce", "opaque"):
        assert re.search(rf'\b{quoted}="', text), quoted
    for bare in ("algorithm=SHA-256", "qop=auth", "nc=00000001"):
        assert re.search(rf"\b{bare}(,|$)", text), bare
    assert "nc=00000002" in digest.rows("BYE", URI)[0][1]
    assert len(fields((name, text))["response"]) == 64


@pytest.mark.req("DIG-1")
@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (["MD5", "SHA-256"], "MD5"),
        (["SHA-256", "MD5"], "SHA-256"),
        (["SHA-512-256", "SHA-256", "MD5"], "SHA-512-256"),
        (["SHA-3", "md5"], "md5"),
        (["TOKEN-5", "SHA-256-sess"], "SHA-256-sess"),
    ],
)
def test_the_topmost_challenge_that_we_support_counts(rows: list[str], wanted: str) -> None:
    digest = client()
    response = refusal(
        *(f'realm="r", nonce="{number}", qop="auth", algorithm={row}' for number, row in enumerate(rows))
    )
    assert digest.start().challenged(ASKED, response) == ""
    assert f"algorithm={wanted}" in digest.rows("REGISTER", URI)[0][1]


@pytest.mark.req("DIG-1")
def test_nothing_that_we_can_answer() -> None:
    for response in (
        refusal('realm="r"', scheme="Basic "),
        refusal('realm="r", nonce="n", algorithm=SHA-3'),
        refusal('realm="r", nonce="n", qop="future"'),
        refusal('nonce="n"'),
        refusal('realm="r", nonce="n'),
        refusal(),
    ):
        assert client().start().challenged(ASKED, response) != ""


@pytest.mark.req("DIG-1", "DIG-9")
def test_several_realms_and_both_kinds_are_answered_side_by_side() -> None:
    digest = client()
    run = digest.start()
    assert run.challenged(ASKED, refusal('realm="p", nonce="1"', status=407)) == ""
    assert run.challenged(ASKED, refusal('realm="u", nonce="2"', 'realm="v", nonce="3"')) == ""
    assert [row[0] for row in digest.rows("INVITE", URI)] == [
        "Proxy-Authorization",
        "Authorization",
        "Authorization",
    ]
    assert {fields(row)["realm"] for row in digest.rows("INVITE", URI)} == {"p", "u", "v"}


@pytest.mark.req("DIG-9")
def test_a_wrong_pair_is_not_answered() -> None:
    mixed = make_response(
        make_request("REGISTER"),
        401,
        headers=Headers.of(("Proxy-Authenticate", 'Digest realm="r", nonce="n"')),
    )
    assert client().start().challenged(ASKED, mixed) != ""


@pytest.mark.req("DIG-3")
def test_refused_credentials_are_not_sent_again() -> None:
    run = client().start()
    assert run.challenged(ASKED, refusal('realm="r", nonce="1"')) == ""
    assert run.challenged(ASKED, refusal('realm="r", nonce="2"')) == "the credentials were refused"


@pytest.mark.req("DIG-3", "LIM-5")
def test_stale_nonces_are_followed_twice() -> None:
    digest = client()
    run = digest.start()
    assert run.challenged(ASKED, refusal('realm="r", nonce="1"')) == ""
    assert run.challenged(ASKED, refusal('realm="r", nonce="2", stale=TRUE')) == ""
    assert fields(digest.rows("REGISTER", URI)[0])["nonce"] == "2"
    assert run.challenged(ASKED, refusal('realm="r", nonce="3", stale=true')) == ""
    assert run.challenged(ASKED, refusal('realm="r", nonce="4", stale=true')) != ""
    later = digest.start()
    assert later.challenged(ASKED, refusal('realm="r", nonce="5"')) == "", "a new request may try again"


@pytest.mark.req("DIG-4")
def test_the_next_nonce_is_used_and_counted_anew() -> None:
    digest = client()
    digest.start().challenged(ASKED, refusal('realm="r", nonce="1", qop="auth"'))
    digest.rows("REGISTER", URI)
    ok = make_response(
        make_request("REGISTER"), 200, headers=Headers.of(("Authentication-Info", 'nextnonce="2", qop=auth'))
    )
    digest.note(ok)
    row = fields(digest.rows("REGISTER", URI)[0])
    assert (row["nonce"], row["nc"]) == ("2", "00000001")
    digest.note(
        make_response(make_request("REGISTER"), 200, headers=Headers.of(("Authentication-Info", 'x="y')))
    )
    assert fields(digest.rows("REGISTER", URI)[0])["nonce"] == "2"


@pytest.mark.req("DIG-7")
def test_realm_and_opaque_survive_their_quoting() -> None:
    digest = client()
    assert (
        digest.start().challenged(ASKED, refusal('realm="a\\"b\\\\c \u00e4", nonce="x=y==", opaque="o,\\"p"'))
        == ""
    )
    text = digest.rows("REGISTER", URI)[0][1]
    assert 'realm="a\\"b\\\\c \u00e4"' in text
    assert 'opaque="o,\\"p"' in text
    assert 'nonce="x=y=="' in text


@pytest.mark.req("DIG-8")
def test_credentials_go_to_their_realm_only_and_are_not_shown() -> None:
    bound = Credentials(username="alice", password="secret", realm="home")
    assert (
        client(bound).start().challenged(ASKED, refusal('realm="elsewhere", nonce="1"'))
        == "no credentials for realm 'elsewhere'"
    )
    assert client(bound).start().challenged(ASKED, refusal('realm="home", nonce="1"')) == ""
    digest = client(bound)
    digest.start().challenged(ASKED, refusal('realm="home", nonce="1"'))
    assert "secret" not in repr(bound)
    assert "secret" not in repr(vars(digest))


@given(st.text(max_size=120))
def test_any_challenge_raises_only_the_documented_error(text: str) -> None:
    for read in _readers(text):
        try:
            read()
        except SipParseError:
            continue


def _readers(text: str) -> list[Callable[[], Challenge]]:
    return [lambda: Challenge.parse(text, proxy=False), lambda: challenge(f'realm="r", nonce="n", {text}')]


HOME = Credentials(username="alice", password="secret", hosts=("pbx.example.com", "192.0.2.7"))


def asked(uri: str, *routes: str) -> Request:
    headers = ASKED.headers.with_rows("route", *routes)
    return replace(ASKED, uri=Uri.parse(uri), headers=headers)


@pytest.mark.req("DIG-8")
@pytest.mark.parametrize(
    ("realm", "proxy", "uri", "routes", "wanted"),
    [
        ("anything", False, "sip:100@PBX.example.com", (), True),
        ("pbx.EXAMPLE.com", False, "sip:b@far.example", (), True),
        ("example.com", True, "sip:b@far.example", (), True),
        ("sub.pbx.example.com", True, "sip:b@far.example", (), True),
        ("com", True, "sip:b@far.example", (), False),
        ("far.example", False, "sip:b@far.example", ("<sip:192.0.2.7;lr>",), False),
        ("far.example", True, "sip:b@far.example", ("<sip:192.0.2.7;lr>",), False),
        ("asterisk", True, "sip:b@far.example", ("<sip:192.0.2.7;lr>",), True),
        ("asterisk", False, "sip:b@far.example", ("<sip:192.0.2.7;lr>",), False),
        ("asterisk", True, "sip:b@far.example", (), False),
        ("notexample.com", True, "sip:b@far.example", (), False),
    ],
)
def test_only_our_own_servers_get_a_proof(
    realm: str, proxy: bool, uri: str, routes: tuple[str, ...], wanted: bool
) -> None:
    one = challenge(f'realm="{realm}", nonce="1"', proxy=proxy)
    assert HOME.may_answer(one, asked(uri, *routes)) is wanted


@pytest.mark.req("DIG-6", "DIG-8")
def test_a_realm_that_was_answered_is_answered_within_the_call() -> None:
    digest = client(HOME)
    assert digest.start().challenged(asked("sip:b@pbx.example.com"), refusal('realm="r", nonce="1"')) == ""
    inside = asked("sip:b@198.51.100.9")
    assert digest.start().challenged(inside, refusal('realm="r", nonce="2"')) == ""
    assert digest.start().challenged(inside, refusal('realm="s", nonce="2"')) != ""


@pytest.mark.req("DIG-1")
def test_md5_can_be_refused() -> None:
    careful = Credentials(username="alice", password="secret", refuse_md5=True)
    digest = client(careful)
    both = refusal('realm="r", nonce="1"', 'realm="r", nonce="2", algorithm=SHA-256')
    assert digest.start().challenged(ASKED, both) == ""
    assert fields(digest.rows("REGISTER", URI)[0])["algorithm"] == "SHA-256"
    assert digest.take_warnings() == []
    for algorithm in ("MD5", "MD5-sess"):
        only = refusal(f'realm="r", nonce="1", algorithm={algorithm}')
        assert "MD5" in client(careful).start().challenged(ASKED, only)


@pytest.mark.req("DIG-1")
def test_md5_is_told_once() -> None:
    digest = client()
    digest.start().challenged(ASKED, refusal('realm="r", nonce="1"'))
    digest.start().challenged(ASKED, refusal('realm="r", nonce="2"'))
    assert digest.take_warnings() == ["r takes MD5, which is weak (RFC 8760)"]


@pytest.mark.req("DIG-2")
@pytest.mark.parametrize(("integrity", "wanted"), [(False, "auth"), (True, "auth-int")])
def test_bodies_are_protected_where_that_is_wanted(integrity: bool, wanted: str) -> None:
    digest = client(Credentials(username="alice", password="secret", integrity=integrity))
    digest.start().challenged(ASKED, refusal('realm="r", nonce="1", qop="auth,auth-int"'))
    assert fields(digest.rows("INVITE", URI, b"v=0")[0])["qop"] == wanted


@pytest.mark.req("DIG-4")
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256", "SHA-256-sess"])
def test_the_proof_of_the_server_is_looked_at(algorithm: str) -> None:
    digest = client()
    digest.start().challenged(ASKED, refusal(f'realm="r", nonce="1", qop="auth", algorithm={algorithm}'))
    digest.take_warnings()
    sent = fields(digest.rows("REGISTER", URI)[0])
    right = digest_response(
        challenge(f'realm="r", nonce="1", qop="auth", algorithm={algorithm}'),
        ALICE,
        method="",
        uri=URI,
        cnonce=sent["cnonce"],
    )
    for shown, warnings in ((right, 0), (right.upper(), 0), ("0" * len(right), 1)):
        info = f'rspauth="{shown}", cnonce="{sent["cnonce"]}", nc=00000001, qop=auth'
        digest.note(make_response(ASKED, 200, headers=Headers.of(("Authentication-Info", info))))
        assert len(digest.take_warnings()) == warnings
    stray = f'rspauth="{"0" * 64}", cnonce="of another request"'
    digest.note(make_response(ASKED, 200, headers=Headers.of(("Authentication-Info", stray))))
    assert digest.take_warnings() == []


@pytest.mark.req("DIG-1", "DIG-9")
def test_a_forking_proxy_joins_both_kinds_in_one_response() -> None:
    digest = client()
    joined = make_response(
        ASKED,
        401,
        headers=Headers.of(
            ("WWW-Authenticate", 'Digest realm="u", nonce="1"'),
            ("Proxy-Authenticate", 'Digest realm="p", nonce="2"'),
        ),
    )
    assert digest.start().challenged(ASKED, joined) == ""
    assert {row[0] for row in digest.rows("INVITE", URI)} == {"Authorization", "Proxy-Authorization"}


@pytest.mark.req("DIG-3", "LIM-5")
def test_a_server_with_ever_new_realms_is_left() -> None:
    run = client().start()
    answered = 0
    while run.challenged(ASKED, refusal(f'realm="r{answered}", nonce="1"')) == "":
        answered += 1
    assert answered == MAX_ROUNDS


@pytest.mark.req("DIG-7")
def test_names_beyond_ascii_and_their_hash() -> None:
    digest = client(Credentials(username="J\u00e4s\u00f8n Doe", password="secret"))
    digest.start().challenged(ASKED, refusal('realm="r", nonce="1", algorithm=SHA-256, charset=UTF-8'))
    assert 'username="J\u00e4s\u00f8n Doe"' in digest.rows("REGISTER", URI)[0][1]
    digest.start().challenged(ASKED, refusal('realm="r", nonce="2", algorithm=SHA-256, userhash=true'))
    row = digest.rows("REGISTER", URI)[0][1]
    hashed = hashlib.sha256("J\u00e4s\u00f8n Doe:r".encode()).hexdigest()
    assert f'username="{hashed}"' in row
    assert "userhash=true" in row
