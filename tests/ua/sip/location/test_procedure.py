"""Which questions a URI leads to, and which targets: RFC 3263 §4 against a table of records."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ice.gathering.srv import ServiceRecord
from ua.sip.errors import SipUnreachable
from ua.sip.location.procedure import MAX_TARGETS, locating
from ua.sip.location.records import AddressRecord, Kind, NaptrRecord, Question, Record, question
from ua.sip.location.target import Target
from ua.sip.syntax.uri import Uri
from ua.sip.transport.hop import SipTransport

PLAIN: tuple[SipTransport, ...] = ("udp", "tcp")
ALL: tuple[SipTransport, ...] = ("udp", "tcp", "tls", "ws", "wss")

Zone = dict[tuple[str, str], list[Record]]


def naptr(order: int, service: str, replacement: str, *, flags: str = "s", regexp: str = "") -> NaptrRecord:
    return NaptrRecord(
        order=order, preference=50, flags=flags, service=service, regexp=regexp, replacement=replacement
    )


def srv(priority: int, target: str, port: int = 5060, weight: int = 1) -> ServiceRecord:
    return ServiceRecord(priority=priority, weight=weight, port=port, target=target)


def at(*hosts: str) -> list[Record]:
    return [AddressRecord(host=host) for host in hosts]


ZONE: Zone = {
    # The example of RFC 3263 §4.1.
    ("NAPTR", "example.com"): [
        naptr(90, "SIP+D2T", "_sip._tcp.example.com."),
        naptr(50, "SIPS+D2T", "_sips._tcp.example.com."),
        naptr(100, "SIP+D2U", "_sip._udp.example.com."),
        naptr(10, "SIP+D2S", "_sip._sctp.example.com."),
        naptr(20, "E2U+sip", "", flags="u", regexp="!^.*$!sip:x@example.com!"),
    ],
    ("SRV", "_sips._tcp.example.com"): [srv(0, "secure.example.com.", 5061)],
    ("SRV", "_sip._tcp.example.com"): [srv(1, "two.example.com."), srv(0, "one.example.com.")],
    ("SRV", "_sip._udp.example.com"): [srv(0, "one.example.com.", 5070)],
    ("address", "secure.example.com"): at("192.0.2.9"),
    ("address", "one.example.com"): at("192.0.2.1"),
    ("address", "two.example.com"): at("2001:db8::2", "192.0.2.2", "192.0.2.22"),
    ("address", "example.com"): at("192.0.2.100"),
    # Service records alone.
    ("SRV", "_sip._udp.srv.example"): [srv(0, "one.example.com")],
    ("SRV", "_sip._tcp.srv.example"): [srv(0, "two.example.com")],
    # Addresses alone.
    ("address", "plain.example"): at("2001:db8::5", "192.0.2.5"),
    # NAPTR to another domain, with an address record, and to nothing.
    ("NAPTR", "hosted.example"): [naptr(1, "sip+d2u", "_sip._udp.example.com")],
    ("NAPTR", "flat.example"): [naptr(1, "SIP+D2T", "one.example.com.", flags="A")],
    ("NAPTR", "lost.example"): [naptr(1, "SIP+D2T", "_sip._tcp.nowhere.example")],
    ("address", "lost.example"): at("192.0.2.6"),
    ("NAPTR", "web.example"): [
        naptr(1, "SIPS+D2W", "_ws.web.example"),
        naptr(2, "SIP+D2W", "one.example.com", flags="a"),
    ],
    ("SRV", "_ws.web.example"): [srv(0, "one.example.com", 443)],
    # "Not here."
    ("SRV", "_sip._udp.no.example"): [srv(0, ".", 0)],
    ("address", "no.example"): at("192.0.2.7"),
    ("SRV", "_sip._udp.partly.example"): [srv(0, ".", 0)],
    ("SRV", "_sip._tcp.partly.example"): [srv(0, "one.example.com")],
    ("SRV", "_sip._udp.many.example"): [srv(n, f"h{n}.example") for n in range(9)],
    **{("address", f"h{n}.example"): at(f"192.0.2.{50 + n}") for n in range(9)},
    ("address", "crowd.example"): at(*(f"192.0.2.{n}" for n in range(10, 20))),
}


def locate(
    text: str,
    transports: tuple[SipTransport, ...] = ALL,
    *,
    versions: frozenset[int] = frozenset({4, 6}),
    zone: Zone = ZONE,
    random: Callable[[int], bytes] = bytes,
) -> tuple[list[str], list[list[Question]]]:
    """Targets as text, and the batches of questions."""
    procedure = locating(Uri.parse(text), transports=transports, versions=versions, random=random)
    asked: list[list[Question]] = []
    try:
        questions = next(procedure)
        while True:
            asked.append(list(questions))
            answers = {each: tuple(zone.get((each.kind.value, each.name), ())) for each in questions}
            questions = procedure.send(answers)
    except StopIteration as done:
        return [str(target) for target in done.value], asked


@pytest.mark.req("TRN-1")
@pytest.mark.parametrize(
    ("uri", "transports", "targets"),
    [
        # Addresses and ports: the first transport, or the one that the URI names; no NAPTR, no SRV.
        ("sip:192.0.2.1", ALL, ["udp 192.0.2.1:5060"]),
        ("sip:192.0.2.1:5080", ALL, ["udp 192.0.2.1:5080"]),
        ("sip:[2001:db8::1]", ALL, ["udp [2001:db8::1]:5060"]),
        ("sip:192.0.2.1", ("tcp", "udp"), ["tcp 192.0.2.1:5060"]),
        ("sip:192.0.2.1;transport=tcp", ALL, ["tcp 192.0.2.1:5060"]),
        ("sip:192.0.2.1;transport=TLS", ALL, ["tls 192.0.2.1:5061"]),
        ("sip:192.0.2.1;transport=ws", ALL, ["ws 192.0.2.1:80"]),
        ("sip:192.0.2.1;transport=wss", ALL, ["wss 192.0.2.1:443"]),
        ("sip:plain.example:5070", ALL, ["udp [2001:db8::5]:5070", "udp 192.0.2.5:5070"]),
        ("sip:example.com:5060", ALL, ["udp 192.0.2.100:5060"]),
        ("sip:example.com:5060;transport=tcp", ALL, ["tcp 192.0.2.100:5060"]),
        ("sips:192.0.2.1", ALL, ["tls 192.0.2.1:5061"]),
        ("sips:192.0.2.1:5080;transport=tcp", ALL, ["tls 192.0.2.1:5080"]),
        ("sips:example.com:5070", ALL, ["tls 192.0.2.100:5070"]),
        ("sips:192.0.2.1;transport=ws", ALL, ["wss 192.0.2.1:443"]),
        # maddr takes the place of the host.
        ("sip:example.com;maddr=192.0.2.3", ALL, ["udp 192.0.2.3:5060"]),
        ("sip:192.0.2.1;maddr=plain.example", PLAIN, ["udp [2001:db8::5]:5060", "udp 192.0.2.5:5060"]),
        # A transport parameter: its service records only.
        ("sip:example.com;transport=udp", ALL, ["udp 192.0.2.1:5070"]),
        (
            "sip:example.com;transport=tcp",
            ALL,
            ["tcp 192.0.2.1:5060", "tcp [2001:db8::2]:5060", "tcp 192.0.2.2:5060"],
        ),
        ("sip:example.com;transport=tls", ALL, ["tls 192.0.2.9:5061"]),
        ("sip:plain.example;transport=tcp", ALL, ["tcp [2001:db8::5]:5060", "tcp 192.0.2.5:5060"]),
        ("sip:example.com;transport=wss", ALL, ["wss 192.0.2.100:443"]),
        # NAPTR: in its order, what we speak; the next transport is what is left when the first fails.
        (
            "sip:example.com",
            ALL,
            ["tls 192.0.2.9:5061", "tcp 192.0.2.1:5060", "tcp [2001:db8::2]:5060", "tcp 192.0.2.2:5060"],
        ),
        ("sip:example.com", ("udp",), ["udp 192.0.2.1:5070"]),
        ("sip:EXAMPLE.com.", ("udp",), ["udp 192.0.2.1:5070"]),
        ("sips:example.com", ALL, ["tls 192.0.2.9:5061"]),
        ("sip:example.com", ("tls", "udp", "tcp"), ["tls 192.0.2.9:5061"]),
        ("sip:hosted.example", PLAIN, ["udp 192.0.2.1:5070"]),
        ("sip:flat.example", PLAIN, ["tcp 192.0.2.1:5060"]),
        ("sip:lost.example", PLAIN, ["tcp 192.0.2.6:5060"]),
        ("sip:web.example", ALL, ["wss 192.0.2.1:443", "ws 192.0.2.1:80"]),
        # Service records without NAPTR: our order.
        ("sip:srv.example", PLAIN, ["udp 192.0.2.1:5060", "tcp [2001:db8::2]:5060", "tcp 192.0.2.2:5060"]),
        (
            "sip:srv.example",
            ("tcp", "udp"),
            ["tcp [2001:db8::2]:5060", "tcp 192.0.2.2:5060", "udp 192.0.2.1:5060"],
        ),
        ("sip:partly.example", PLAIN, ["tcp 192.0.2.1:5060"]),
        # Neither: the addresses of the domain.
        ("sip:plain.example", PLAIN, ["udp [2001:db8::5]:5060", "udp 192.0.2.5:5060"]),
        ("sips:plain.example", ALL, ["tls [2001:db8::5]:5061", "tls 192.0.2.5:5061"]),
        # Bounds.
        ("sip:many.example", ("udp",), [f"udp 192.0.2.{50 + n}:5060" for n in range(4)]),
        ("sip:crowd.example", ("udp",), [f"udp 192.0.2.{n}:5060" for n in range(10, 14)]),
    ],
)
def test_targets_of_a_uri(uri: str, transports: tuple[SipTransport, ...], targets: list[str]) -> None:
    assert locate(uri, transports)[0] == targets


@pytest.mark.req("TRN-1")
@pytest.mark.parametrize(
    "uri", ["sip:192.0.2.1", "sip:[2001:db8::1]:5070", "sips:192.0.2.1", "sip:x;maddr=192.0.2.3"]
)
def test_an_address_is_asked_of_nobody(uri: str) -> None:
    assert locate(uri)[1] == []


@pytest.mark.req("TRN-1")
@pytest.mark.parametrize(
    "uri", ["sip:plain.example:5060", "sip:plain.example:5060;transport=tcp", "sips:plain.example:1"]
)
def test_a_name_with_a_port_is_asked_for_addresses_alone(uri: str) -> None:
    assert locate(uri)[1] == [[question(Kind.ADDRESS, "plain.example")]]


@pytest.mark.req("TRN-1")
def test_sips_asks_for_secure_services_only() -> None:
    _, asked = locate("sips:example.com")
    assert asked[0] == [question(Kind.NAPTR, "example.com"), question(Kind.SRV, "_sips._tcp.example.com")]


@pytest.mark.parametrize(
    ("uri", "transports", "says"),
    [
        ("tel:+1", ALL, "tel URIs"),
        ("sips:example.com", PLAIN, "needs TLS"),
        ("sips:example.com;transport=udp", ALL, "cannot be reached over udp"),
        ("sip:example.com;transport=sctp", ALL, "sctp is not in use"),
        ("sip:example.com;transport=tls", PLAIN, "tls is not in use"),
        ("sip:nobody.example", ALL, "nobody.example has no address"),
        ("sip:no.example", ("udp",), "offers no SIP service"),
    ],
)
def test_no_target_says_why(uri: str, transports: tuple[SipTransport, ...], says: str) -> None:
    with pytest.raises(SipUnreachable, match=says):
        locate(uri, transports)


@pytest.mark.req("TRN-13")
def test_only_families_that_we_have_sockets_for() -> None:
    assert locate("sip:plain.example", PLAIN, versions=frozenset({4}))[0] == ["udp 192.0.2.5:5060"]
    assert locate("sip:plain.example", PLAIN, versions=frozenset({6}))[0] == ["udp [2001:db8::5]:5060"]
    with pytest.raises(SipUnreachable, match="no IPv6 socket"):
        locate("sip:[2001:db8::1]", PLAIN, versions=frozenset({4}))


@pytest.mark.req("TRN-1")
def test_weights_decide_by_lot_and_both_are_kept() -> None:
    zone: Zone = {
        ("SRV", "_sip._udp.w.example"): [srv(0, "a.example", weight=1), srv(0, "b.example", weight=9)],
        ("address", "a.example"): at("192.0.2.1"),
        ("address", "b.example"): at("192.0.2.2"),
    }
    lots = itertools.cycle(range(10))
    firsts = [
        locate("sip:w.example", ("udp",), zone=zone, random=lambda n: next(lots).to_bytes(n, "big"))[0]
        for _ in range(100)
    ]
    assert all(len(targets) == 2 for targets in firsts)
    ahead = sum(targets[0].endswith(".2:5060") for targets in firsts)
    assert 70 < ahead < 100


def test_the_domain_of_the_uri_goes_with_every_target() -> None:
    procedure = locating(
        Uri.parse("sip:192.0.2.1;transport=tls"), transports=ALL, versions=frozenset({4}), random=bytes
    )
    with pytest.raises(StopIteration) as done:
        next(procedure)
    assert [target.domain for target in done.value.value] == ["192.0.2.1"]


RECORDS = st.lists(
    st.one_of(
        st.builds(
            NaptrRecord,
            order=st.integers(0, 3),
            preference=st.integers(0, 3),
            flags=st.sampled_from(["s", "a", "u", ""]),
            service=st.sampled_from(["SIP+D2U", "SIP+D2T", "SIPS+D2T", "SIP+D2W", "x"]),
            regexp=st.sampled_from(["", "!x!y!"]),
            replacement=st.sampled_from(["a.example", "b.example.", ".", ""]),
        ),
        st.builds(
            ServiceRecord,
            priority=st.integers(0, 3),
            weight=st.integers(0, 65535),
            port=st.integers(0, 65535),
            target=st.sampled_from(["a.example", "b.example.", ".", ""]),
        ),
        st.builds(AddressRecord, host=st.sampled_from(["192.0.2.1", "2001:db8::1", "not an address", ""])),
    ),
    max_size=6,
)


@pytest.mark.req("TRN-1")
@given(
    scheme=st.sampled_from(["sip", "sips"]),
    transport=st.sampled_from(["", ";transport=udp", ";transport=tcp", ";transport=ws"]),
    answers=st.lists(RECORDS, min_size=1, max_size=12),
)
def test_whatever_name_servers_say_it_ends_within_bounds(
    scheme: str, transport: str, answers: list[list[Record]]
) -> None:
    """Any records for any question: a few targets that we can use, or SipUnreachable."""
    said = itertools.cycle(answers)
    uri = Uri.parse(f"{scheme}:c.example{transport}")
    procedure = locating(uri, transports=ALL, versions=frozenset({4, 6}), random=bytes)
    rounds = 0
    targets: tuple[Target, ...] = ()
    try:
        questions = next(procedure)
        while True:
            rounds += 1
            assert 0 < len(questions) <= 8
            questions = procedure.send({each: tuple(next(said)) for each in questions})
    except SipUnreachable:
        return
    except StopIteration as done:
        targets = done.value
    assert rounds <= 3
    assert 0 < len(targets) <= MAX_TARGETS
    assert len(set(targets)) == len(targets)
    if scheme == "sips":
        assert {target.transport for target in targets} <= {"tls", "wss"}
