"""The registrar: order of its checks, bindings, expiry (RFC 3261 §10.3)."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.pbx.registers import HOME, bench, register
from tests.ua.sip.vectors import vector
from ua.pbx.contacts import Limits
from ua.sip.errors import SipParseError
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Request
from ua.sip.syntax.wire_format import parse

PHONE = "<sip:alice@192.0.2.7>"
OTHER = "<sip:alice@192.0.2.8>"


@pytest.mark.req("PBX-1", "PBX-2", "DIG-5")
def test_a_binding_is_stored_and_listed_with_the_time_that_is_left() -> None:
    pbx = bench(asks=True)
    first = pbx.take(register(PHONE))
    assert first.status == 401
    assert [row.partition("algorithm=")[2] for row in first.headers.all("www-authenticate")] == [
        "SHA-256",
        "MD5",
    ]
    done = pbx.take(pbx.proved(register(f"{PHONE};q=0.5;expires=600", cseq=2)))
    assert done.status == 200
    assert done.headers.all("contact") == ("<sip:alice@192.0.2.7>;q=0.5;expires=600",)
    assert done.headers.first("date") == "Thu, 21 Feb 2002 13:02:03 GMT"
    pbx.now += 100
    asked = pbx.take(pbx.proved(register(cseq=3)))
    assert asked.headers.all("contact") == ("<sip:alice@192.0.2.7>;q=0.5;expires=500",)


@pytest.mark.req("PBX-1", "DIG-5")
def test_the_checks_come_in_the_order_of_the_rfc() -> None:
    pbx = bench(asks=True)
    wrong = register(
        "<bad", uri="sip:elsewhere.example", to="<sip:bob@elsewhere.example>", rows=(("Require", "magic"),)
    )
    assert pbx.take(wrong).status == 404, "the domain of the Request-URI first"
    here = dataclasses.replace(wrong, uri=register().uri)
    done = pbx.take(here)
    assert (done.status, done.headers.first("unsupported")) == (420, "magic")
    plain = dataclasses.replace(here, headers=here.headers.without("require"))
    assert pbx.take(plain).status == 401
    proved = pbx.proved(plain)
    assert pbx.take(proved).status == 403, "alice may not touch what is bob's"
    hers = pbx.proved(register("<bad", to="<sip:alice@elsewhere.example>", cseq=2))
    assert pbx.take(hers).status == 404
    assert pbx.take(pbx.proved(register("<bad", cseq=3))).status == 400
    assert not pbx.contacts() and not pbx.contacts("bob")


@pytest.mark.req("PBX-1", "DIG-5")
def test_a_wrong_password_and_a_replayed_answer_change_nothing() -> None:
    pbx = bench(asks=True)
    wrong = pbx.take(pbx.proved(register(PHONE), password="guessed"))
    assert wrong.status == 401 and "stale" not in str(wrong.headers.all("www-authenticate"))
    right = pbx.proved(register(PHONE, cseq=2))
    assert pbx.take(right).status == 200
    replayed = dataclasses.replace(right, headers=right.headers.with_rows("contact", OTHER))
    again = pbx.take(replayed)
    assert again.status == 401 and all("stale=true" in row for row in again.headers.all("www-authenticate"))
    assert pbx.contacts() == ["sip:alice@192.0.2.7"]


@pytest.mark.req("PBX-1")
def test_an_address_of_record_has_one_form() -> None:
    pbx = bench()
    for number, to in enumerate(("<sip:alice@EXAMPLE.com;user=phone>", "<sips:%61lice@example.com>"), 1):
        assert pbx.take(register(f"<sip:a@192.0.2.{number}>", to=to, call_id=to)).status == 200
    assert pbx.contacts("alice") == ["sip:a@192.0.2.1", "sip:a@192.0.2.2"]


@pytest.mark.req("PBX-1")
def test_an_address_of_ours_stands_for_the_domain() -> None:
    pbx = bench()
    ours = register(PHONE, uri=f"sip:{HOME.host}", to=f"<sip:alice@{HOME.host}>")
    assert pbx.take(ours).status == 200
    assert pbx.take(register(PHONE, uri=f"sip:{HOME.host}:5090", cseq=2)).status == 404, "another port"


@pytest.mark.req("PBX-1")
def test_record_route_is_neither_kept_nor_returned() -> None:
    pbx = bench()
    done = pbx.take(register(PHONE, rows=(("Record-Route", "<sip:proxy.example.com;lr>"),)))
    assert done.status == 200
    assert "record-route" not in done.headers and "route" not in done.headers
    assert pbx.location.bindings("alice", pbx.now)[0].path == ()


@pytest.mark.req("PBX-1")
@pytest.mark.parametrize(
    ("second", "status"),
    [("<sip:alice@192.0.2.300:99999>", 400), (f"{OTHER};expires=5", 423), ("mailto", 400)],
)
def test_where_the_second_contact_is_bad_the_first_is_not_stored(second: str, status: int) -> None:
    pbx = bench()
    assert pbx.take(register(PHONE, second)).status == status
    assert pbx.contacts() == []


@pytest.mark.req("PBX-1", "PBX-2")
def test_a_late_cseq_of_one_binding_fails_the_whole_request() -> None:
    pbx = bench()
    assert pbx.take(register(PHONE, cseq=5)).status == 200
    for late in (5, 4):
        assert pbx.take(register(OTHER, PHONE, cseq=late)).status == 500
        assert pbx.take(register("*", cseq=late, rows=(("Expires", 0),))).status == 500
    assert pbx.contacts() == ["sip:alice@192.0.2.7"]
    assert pbx.take(register(OTHER, PHONE, cseq=6)).status == 200
    assert pbx.contacts() == ["sip:alice@192.0.2.8", "sip:alice@192.0.2.7"]


@pytest.mark.req("PBX-2")
def test_a_phone_that_was_started_anew_replaces_its_binding() -> None:
    pbx = bench()
    assert pbx.take(register(PHONE, cseq=900)).status == 200
    assert pbx.take(register(f"{PHONE};expires=120", cseq=1, call_id="two")).status == 200
    assert [each.call_id for each in pbx.location.bindings("alice", pbx.now)] == ["two"]


@pytest.mark.req("PBX-2")
def test_the_star_removes_everything_where_it_is_alone() -> None:
    pbx = bench()
    zero = (("Expires", "0"),)
    assert pbx.take(register(PHONE, OTHER)).status == 200
    for bad in (
        register("*", cseq=2),
        register("*", cseq=2, rows=(("Expires", 60),)),
        register("*", PHONE, cseq=2, rows=zero),
    ):
        assert pbx.take(bad).status == 400
    assert len(pbx.contacts()) == 2
    done = pbx.take(register("*", cseq=2, rows=zero))
    assert (done.status, done.headers.all("contact")) == (200, ())
    assert pbx.contacts() == []


@pytest.mark.req("PBX-2")
@pytest.mark.parametrize(
    ("contact", "rows", "granted"),
    [
        (f"{PHONE};expires=600", (("Expires", 700),), 600),
        (PHONE, (("Expires", 700),), 700),
        (PHONE, (), 3600),
        (f"{PHONE};expires=soon", (("Expires", 700),), 3600),
        (PHONE, (("Expires", "99999999999"),), 3600),
        (f"{PHONE};expires=4000", (), 3600),
        (f"{PHONE};expires=99999999999", (), 3600),
    ],
)
def test_how_long_a_binding_lasts(contact: str, rows: tuple[tuple[str, object], ...], granted: int) -> None:
    pbx = bench()
    done = pbx.take(register(contact, rows=rows))
    assert done.headers.all("contact") == (f"{PHONE};expires={granted}",)
    pbx.now += granted - 1
    assert pbx.contacts()
    pbx.now += 1
    assert not pbx.contacts()


@pytest.mark.req("PBX-2")
def test_only_what_is_too_brief_gets_423() -> None:
    pbx = bench(limits=Limits(min_s=120))
    done = pbx.take(register(f"{PHONE};expires=119"))
    assert (done.status, done.headers.first("min-expires")) == (423, "120")
    assert pbx.take(register(f"{PHONE};expires=120", cseq=2)).status == 200
    assert pbx.take(register(f"{PHONE};expires=0", cseq=3)).status == 200
    assert not pbx.contacts()
    strict = bench(limits=Limits(min_s=7200, max_s=86400))
    assert strict.take(register(f"{PHONE};expires=3600")).status == 200, "an hour is never too brief"


def test_a_user_has_so_many_phones_and_no_more() -> None:
    pbx = bench(limits=Limits(bindings=2))
    assert pbx.take(register(PHONE, OTHER)).status == 200
    assert pbx.take(register("<sip:alice@192.0.2.9>", cseq=2)).status == 403
    assert pbx.take(register(PHONE, cseq=3)).status == 200
    assert len(pbx.contacts()) == 2


REGISTERS = {
    "escnull": (200, ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]),
    "dblreq": (200, ["sip:j.user@host.example.com"]),
    "regbadct": (400, []),
    "unksm2": (400, []),
    "regaut01": (200, []),
    "cparam01": (200, ["sip:+19725552222@gw1.example.net"]),
    "cparam02": (200, ["sip:+19725552222@gw1.example.net;unknownparam"]),
    "regescrt": (200, ["sip:user@example.com?Route=%3Csip:sip.example.com%3E"]),
}
"""RFC 4475: status, and what the user is bound to then."""


@pytest.mark.req("PBX-1", "PBX-2")
@pytest.mark.parametrize("name", REGISTERS)
def test_the_torture_messages_at_a_registrar(name: str) -> None:
    status, contacts = REGISTERS[name]
    pbx = bench()
    request = parse(vector(f"rfc4475/{name}"))
    assert isinstance(request, Request)
    done = pbx.take(request)
    assert done.status == status
    assert [
        str(each.contact.uri)
        for user in pbx.location.users(pbx.now)
        for each in pbx.location.bindings(user, pbx.now)
    ] == contacts
    if name == "escnull":
        assert pbx.location.users(pbx.now) == ("null-\0-null",)
    if name == "cparam01":
        assert done.headers.all("contact")[0].endswith(">;unknownparam;expires=3600")


@pytest.mark.req("PBX-1")
def test_credentials_of_another_scheme_are_none() -> None:
    pbx = bench(asks=True)
    request = parse(vector("rfc4475/regaut01"))
    assert isinstance(request, Request)
    done = pbx.take(request)
    assert done.status == 401
    assert all(row.startswith("Digest ") for row in done.headers.all("www-authenticate"))


_contacts = st.lists(
    st.tuples(
        st.integers(1, 4), st.sampled_from(["", ";expires=0", ";expires=30", ";expires=90", ";expires=x"])
    ),
    max_size=3,
)
_steps = st.lists(
    st.tuples(
        st.sampled_from(["one", "two"]),
        st.integers(1, 6),
        _contacts,
        st.sampled_from(["", "*", "<bad"]),
        st.sampled_from([None, "0", "120", "-"]),
        st.integers(0, 60),
    ),
    max_size=8,
)


@pytest.mark.req("PBX-1", "PBX-2")
@given(_steps)
def test_whatever_comes_it_is_done_whole_or_not_at_all(
    steps: list[tuple[str, int, list[tuple[int, str]], str, str | None, int]],
) -> None:
    pbx = bench(limits=Limits(min_s=60, bindings=3))
    for call_id, cseq, contacts, odd, expires, seconds in steps:
        pbx.now += seconds
        before = pbx.location.bindings("alice", pbx.now)
        texts = [f"<sip:alice@192.0.2.{host}>{rest}" for host, rest in contacts] + ([odd] if odd else [])
        rows = () if expires is None else (("Expires", expires),)
        done = pbx.take(register(*texts, cseq=cseq, call_id=call_id, rows=rows))
        after = pbx.location.bindings("alice", pbx.now)
        assert done.status in (200, 400, 403, 423, 500)
        if done.status != 200:
            assert after == before and "contact" not in done.headers
            continue
        assert len(done.headers.all("contact")) == len(after) <= 3
        assert all(each.expires_at - pbx.now <= 3600 for each in after)
        uris = [str(each.contact.uri) for each in after]
        assert len(set(uris)) == len(uris)
        for old in before:
            touched = odd == "*" or str(old.contact.uri) in " ".join(texts)
            if touched and old.call_id == call_id:
                assert cseq > old.cseq
            if not touched:
                assert old in after


@given(st.binary(max_size=60))
def test_no_contact_raises(junk: bytes) -> None:
    text = junk.decode("latin-1").translate({10: None, 13: None})
    pbx = bench()
    request = register()
    request = dataclasses.replace(request, headers=Headers.of(*request.headers, ("Contact", text)))
    try:
        readable = bool(request.contacts)
    except SipParseError:
        readable = False
    status = pbx.take(request).status
    assert status in ((200, 423) if readable else (200, 400))
