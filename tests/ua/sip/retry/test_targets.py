"""Where redirections lead: order, bounds, and addresses that are left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ua.sip.bench import make_request
from ua.sip.retry.targets import MAX_HOPS, MAX_TARGETS, RedirectPolicy, TargetSet
from ua.sip.syntax.headers import Headers
from ua.sip.syntax.message import Response, make_response
from ua.sip.syntax.uri import Uri


def moved(*contacts: str, status: int = 302) -> Response:
    headers = Headers.of(*(("Contact", contact) for contact in contacts))
    return make_response(make_request(), status, headers=headers)


def targets(first: str = "sip:a@example.com", **policy: bool | int) -> TargetSet:
    return TargetSet(Uri.parse(first), "INVITE", RedirectPolicy(**policy))  # type: ignore[arg-type]


def order(found: TargetSet) -> list[str]:
    names: list[str] = []
    while (target := found.next()) is not None:
        names.append(str(target.uri))
    return names


@pytest.mark.req("UAC-8")
def test_the_best_comes_first_and_equals_as_they_were_named() -> None:
    found = targets()
    response = moved("<sip:low@h>;q=0.1, <sip:one@h>", "<sip:odd@h>;q=high", "<sip:two@h>;q=1.000")
    assert found.add(response, in_dialog=False) == []
    assert order(found) == ["sip:one@h", "sip:two@h", "sip:low@h", "sip:odd@h"]


@pytest.mark.req("UAC-8")
def test_each_address_is_tried_once() -> None:
    found = targets("sip:a@example.com")
    found.add(moved("<sip:b@h>", "<sip:b@H;other=1>", "<sip:A@example.com>"), in_dialog=False)
    assert order(found) == ["sip:b@h", "sip:A@example.com"], "a user part has its case (RFC 3261 §19.1.4)"
    found.add(moved("<sip:a@EXAMPLE.com>", "<sip:b@h?Subject=x>"), in_dialog=False)
    assert order(found) == []


@pytest.mark.req("UAC-8", "LIM-5")
def test_five_redirections_in_a_row_and_no_more() -> None:
    found = targets()
    for number in range(MAX_HOPS):
        assert found.add(moved(f"<sip:{number}@h>"), in_dialog=False) == []
        assert found.next() is not None
    notes = found.add(moved("<sip:further@h>"), in_dialog=False)
    assert notes == ["a redirection is not followed: it is the 6th in a row"]
    assert found.next() is None


@pytest.mark.req("UAC-8", "LIM-5")
def test_ten_addresses_and_no_more() -> None:
    found = targets()
    notes = found.add(moved(*(f"<sip:{number}@h>" for number in range(30))), in_dialog=False)
    assert len(notes) == 30 - MAX_TARGETS
    assert len(order(found)) == MAX_TARGETS


@pytest.mark.req("UAC-8")
def test_the_user_may_forbid_it() -> None:
    found = targets(follow=False)
    assert found.add(moved("<sip:b@h>"), in_dialog=False) == [
        "a redirection is not followed: follow_redirects is off"
    ]
    assert found.next() is None


@pytest.mark.req("UAC-8", "SIP-7-18")
def test_addresses_that_are_left_out() -> None:
    found = targets("sips:a@example.com")
    notes = found.add(
        moved(
            "<mailto:a@h>",
            "<sip:insecure@h>",
            "<sips:other@h;method=BYE>",
            "<sips:forged@h?Subject=%0d%0aX:y>",
            "<sips:good@h;method=INVITE?Subject=x&Route=%3Csip:evil%3E&From=me>",
        ),
        in_dialog=False,
    )
    assert len(notes) == 4
    assert "secure" in notes[1]
    target = found.next()
    assert target is not None
    assert str(target.uri) == "sips:good@h"
    assert list(target.headers) == [("subject", "x")]
    assert found.next() is None


@pytest.mark.req("UAC-8")
def test_use_proxy_keeps_the_address_and_names_the_way() -> None:
    found = targets()
    assert found.add(moved("<sip:proxy.example.com>", status=305), in_dialog=False) == []
    target = found.next()
    assert target is not None
    assert str(target.uri) == "sip:a@example.com"
    assert str(target.proxy) == "sip:proxy.example.com;lr"
    assert found.add(moved("<sip:proxy.example.com>", status=305), in_dialog=False) == []
    assert found.next() is None
    assert targets().add(moved("<sip:p@h>", status=305), in_dialog=True) != []


@pytest.mark.req("UAC-8")
@pytest.mark.parametrize("contacts", [(), ("*",), ("<sip:broken",)])
def test_a_redirection_to_nowhere_is_a_failure(contacts: tuple[str, ...]) -> None:
    found = targets()
    found.add(moved(*contacts), in_dialog=False)
    assert found.next() is None


_contacts = st.builds(
    "<{}:{}@{}>{}".format,
    st.sampled_from(["sip", "sips", "tel", "SIP"]),
    st.integers(0, 20),
    st.sampled_from(["h", "H", "[2001:db8::1]", "192.0.2.1"]),
    st.sampled_from(["", ";q=0", ";q=0.5", ";q=2", ";expires=0"]),
)


@pytest.mark.req("UAC-8", "LIM-5")
@given(st.lists(st.lists(_contacts, max_size=5), max_size=30), st.integers(1, 9))
def test_redirections_end_and_repeat_nothing(answers: list[list[str]], hops: int) -> None:
    found = targets(max_hops=hops)
    tried = ["sip:a@example.com"]
    for contacts in answers:
        found.add(moved(*contacts), in_dialog=False)
        target = found.next()
        if target is None:
            continue
        assert not any(Uri.parse(seen).same_as(target.uri) for seen in tried)
        assert target.hops <= min(hops, MAX_HOPS)
        tried.append(str(target.uri))
    assert len(tried) <= 1 + MAX_TARGETS
