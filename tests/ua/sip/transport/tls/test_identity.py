"""Whom a certificate speaks for (RFC 5922 §7; for WebSockets the rules of HTTP over TLS)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates import CLIENT_USE, SERVER_USE, SIP_DOMAIN, Authority
from ua.sip.transport.tls.certificate import Certificate
from ua.sip.transport.tls.identity import Refusal, Rules, identities, judge, judge_pinned, names, normal

NOW = datetime.now(UTC)


def certificate(
    *, uris: tuple[str, ...] = (), dns: tuple[str, ...] = (), ips: tuple[str, ...] = (), cn: str = ""
) -> Certificate:
    return Certificate(
        uris=uris,
        dns_names=dns,
        addresses=ips,
        has_alternative_names=bool(uris or dns or ips),
        common_names=(cn,) if cn else (),
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=1),
    )


@pytest.mark.req("TRN-5")
@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        # sip URIs without a user count first, and then nothing else does
        (certificate(uris=("sip:example.com",), dns=("pbx.example.com",)), ("example.com",)),
        (certificate(uris=("SIP:Example.COM:5061;x=1",)), ("Example.COM",)),
        (certificate(uris=("sip:alice@example.com",), dns=("example.com",)), ("example.com",)),
        (certificate(uris=("sips:example.com",), dns=("pbx.example.com",)), ("pbx.example.com",)),
        (certificate(uris=("https://example.com",)), ()),
        # DNS names only without such URIs
        (certificate(dns=("a.example.com", "b.example.com")), ("a.example.com", "b.example.com")),
        # CN only without any subjectAltName
        (certificate(cn="example.com"), ("example.com",)),
        (certificate(cn="example.com", dns=("other.example.com",)), ("other.example.com",)),
        (certificate(cn="example.com", ips=("192.0.2.1",)), ()),
        (certificate(cn="The PBX"), ()),
        (certificate(), ()),
    ],
)
def test_the_domains_of_a_certificate(known: Certificate, wanted: tuple[str, ...]) -> None:
    assert identities(known) == wanted


@pytest.mark.req("TRN-5")
@pytest.mark.parametrize(
    ("name", "domain", "same"),
    [
        ("example.com", "example.com", True),
        ("Example.COM", "eXample.com", True),
        ("example.com", "example.com.", True),
        ("foo.example.com", "example.com", False),
        ("example.com", "foo.example.com", False),
        ("*.example.com", "foo.example.com", False),
        (".example.com", "foo.example.com", False),
        ("*", "example.com", False),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("bucher.example", "bücher.example", False),
        ("example.com", "", False),
    ],
)
def test_whole_names_are_compared_and_no_wildcard(name: str, domain: str, same: bool) -> None:
    assert names(certificate(dns=(name,)), domain) is same
    if same or name[0] not in "*.":
        assert names(certificate(uris=(f"sip:{name}",)), domain) is same


@pytest.mark.req("TRN-6")
@pytest.mark.parametrize(
    ("known", "domain", "good"),
    [
        (certificate(dns=("example.com",)), "example.com", True),
        (certificate(dns=("*.example.com",)), "pbx.example.com", True),
        (certificate(dns=("*.example.com",)), "a.pbx.example.com", False),
        (certificate(dns=("*.example.com",)), "example.com", False),
        (certificate(dns=("*.com",)), "example.com", False),
        (certificate(dns=("p*.example.com",)), "pbx.example.com", False),
        # neither sip URIs nor CNs count on the web
        (certificate(uris=("sip:example.com",)), "example.com", False),
        (certificate(uris=("sip:other.example",), dns=("example.com",)), "example.com", True),
        (certificate(cn="example.com"), "example.com", False),
    ],
)
def test_websockets_have_the_rules_of_the_web(known: Certificate, domain: str, good: bool) -> None:
    assert names(known, domain, rules="web") is good


@pytest.mark.parametrize("rules", ["sip", "web"])
@pytest.mark.parametrize(
    ("ips", "dns", "domain", "good"),
    [
        (("192.0.2.1",), (), "192.0.2.1", True),
        (("192.0.2.1",), (), "192.0.2.2", False),
        ((), ("192.0.2.1",), "192.0.2.1", False),
        (("2001:db8::1",), (), "[2001:DB8:0::1]", True),
    ],
)
def test_an_address_must_be_named_as_one(
    ips: tuple[str, ...], dns: tuple[str, ...], domain: str, good: bool, rules: Rules
) -> None:
    assert names(certificate(ips=ips, dns=dns), domain, rules=rules) is good


@given(st.lists(st.text(alphabet="abcxyz-", min_size=1, max_size=8), min_size=2, max_size=4))
def test_nothing_but_the_name_itself_matches(labels: list[str]) -> None:
    name = ".".join(labels)
    known = certificate(dns=(name,))
    assert names(known, name.upper()) == bool(normal(name))
    assert not names(known, f"x{name}")
    assert not names(known, f"x.{name}")
    assert not names(known, ".".join(labels[1:]))


@given(st.text(max_size=300))
def test_any_name_can_be_normalised(name: str) -> None:
    assert normal(normal(name)) == normal(name)


@pytest.mark.req("TRN-5")
def test_a_good_certificate_is_accepted(authority: Authority) -> None:
    for uses in ((), (SERVER_USE,), (SIP_DOMAIN,), (CLIENT_USE, SERVER_USE), ("2.5.29.37.0",)):
        issued = authority.issue(dns=["example.com"], uses=uses)
        assert judge(issued.der, domain="example.com", now=NOW) is None


@pytest.mark.req("TRN-5")
def test_the_refusal_says_what_was_expected_and_what_was_found(authority: Authority) -> None:
    issued = authority.issue("The PBX", dns=["other.example"], uris=["sip:more.example"])
    refusal = judge(issued.der, domain="example.com", now=NOW)
    assert refusal is not None
    assert refusal.problem == "it names others"
    assert refusal.expected == "a certificate for example.com"
    assert "URI:sip:more.example, DNS:other.example" in refusal.found
    assert "CN=Test authority" in refusal.found
    colons = ":".join(issued.fingerprint[at : at + 2] for at in range(0, 64, 2))
    assert colons in refusal.found


@pytest.mark.req("TRN-5")
@pytest.mark.parametrize(
    ("days", "uses", "problem"),
    [
        ((-30, -1), (), "it has expired at "),
        ((1, 30), (), "it is not valid before "),
        ((-1, 30), (CLIENT_USE,), "it is not meant for servers"),
    ],
)
def test_old_young_and_wrongly_used_certificates_are_refused(
    authority: Authority, days: tuple[int, int], uses: tuple[str, ...], problem: str
) -> None:
    issued = authority.issue(dns=["example.com"], days=days, uses=uses)
    refusal = judge(issued.der, domain="example.com", now=NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.problem.startswith(problem)


def test_a_pinned_certificate_needs_no_name_and_no_other_will_do(authority: Authority) -> None:
    one, other = authority.issue("x", days=(-30, -1)), authority.issue(dns=["example.com"])
    assert judge_pinned(one.der, (other.fingerprint, one.fingerprint)) is None
    refusal = judge_pinned(other.der, (one.fingerprint,))
    assert refusal is not None
    assert refusal.expected.replace(":", "").endswith(one.fingerprint)
    assert other.fingerprint in refusal.found.replace(":", "")


@given(st.binary(max_size=200))
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    assert judge(data, domain="example.com", now=NOW) is not None
    assert judge_pinned(data, ("00" * 32,)) is not None
