"""The resolver against a real name server on loopback, and the hosts of the system."""

from __future__ import annotations

import time

import pytest

from tests.net.loopback_dns import TTL_S, loopback_dns
from ua.sip.errors import SipUnreachable
from ua.sip.location.locator import Locator
from ua.sip.location.records import Kind, question
from ua.sip.location.resolver import Resolver
from ua.sip.syntax.uri import Uri

ZONE = {
    ("example.com", "NAPTR"): [
        '50 50 "s" "SIPS+D2T" "" _sips._tcp.example.com.',
        '100 50 "s" "SIP+D2U" "" _sip._udp.example.com.',
    ],
    ("_sip._udp.example.com", "SRV"): ["0 1 5070 one.example.com.", "1 1 5071 two.example.com."],
    ("one.example.com", "A"): ["192.0.2.1"],
    ("one.example.com", "AAAA"): ["2001:db8::1"],
    ("two.example.com", "A"): ["192.0.2.2"],
}


def located_by(resolver: Resolver, alarms: list[str] | None = None) -> Locator:
    return Locator(resolver, random=bytes, on_alarm=(alarms if alarms is not None else []).append)


@pytest.mark.req("TRN-1", "TRN-13")
async def test_records_of_a_name_server_and_one_lookup_while_they_last() -> None:
    async with loopback_dns(ZONE) as server:
        locator = located_by(Resolver((server.address,)))
        for _ in range(2):
            targets = await locator.locate(
                Uri.parse("sip:example.com"), transports=("udp", "tcp"), versions=frozenset({4, 6})
            )
            assert [str(target) for target in targets] == [
                "udp [2001:db8::1]:5070",
                "udp 192.0.2.1:5070",
                "udp 192.0.2.2:5071",
            ]
            assert {target.domain for target in targets} == {"example.com"}
        assert len(server.asked) == len(set(server.asked))


@pytest.mark.req("TRN-13")
async def test_after_their_time_the_records_are_asked_for_again() -> None:
    async with loopback_dns(ZONE) as server:
        resolver = Resolver((server.address,))
        asked = question(Kind.SRV, "_sip._udp.example.com")
        first = await resolver.ask([asked], 0.0)
        assert await resolver.ask([asked], TTL_S - 1.0) == first
        assert len(server.asked) == 1
        again = await resolver.ask([asked], TTL_S + 1.0)
        assert set(again[asked]) == set(first[asked])
        assert len(server.asked) == 2


async def test_a_name_server_that_is_silent_costs_one_wait() -> None:
    async with loopback_dns({}) as server:
        server.silent = {"NAPTR", "SRV", "A", "AAAA"}
        locator = located_by(Resolver((server.address,), lookup_s=0.3))
        begun = time.monotonic()
        with pytest.raises(SipUnreachable, match="has no address"):
            await locator.locate(
                Uri.parse("sip:nowhere.invalid"), transports=("udp", "tcp"), versions=frozenset({4})
            )
        assert time.monotonic() - begun < 5


async def test_names_of_the_hosts_file_are_known() -> None:
    async with loopback_dns({}) as server:
        for resolver in (Resolver(), Resolver((server.address,))):
            targets = await located_by(resolver).locate(
                Uri.parse("sip:localhost:5070"), transports=("udp",), versions=frozenset({4})
            )
            assert [str(target) for target in targets] == ["udp 127.0.0.1:5070"]


@pytest.mark.req("TRN-13")
async def test_secure_service_that_disappears_is_told() -> None:
    zone = dict(ZONE)
    async with loopback_dns(zone) as server:
        alarms: list[str] = []
        resolver = Resolver((server.address,))
        locator = located_by(resolver, alarms)
        uri = Uri.parse("sip:example.com")
        await locator.locate(uri, transports=("udp",), versions=frozenset({4}))
        assert alarms == []
        server.change(("example.com", "NAPTR"), ['100 50 "s" "SIP+D2U" "" _sip._udp.example.com.'])
        resolver.cache.clear()
        await locator.locate(uri, transports=("udp",), versions=frozenset({4}))
        assert len(alarms) == 1
        assert "example.com offered SIP over TLS" in alarms[0]
