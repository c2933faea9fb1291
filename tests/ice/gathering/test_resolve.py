"""Where servers are that are domain names: SRV records, addresses, and who is asked next."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ice.config import IceConfig
from ice.gathering.resolve import ServerNames, Target
from ice.gathering.servers import ServerTransport, StunServer, TurnServer, parse_stun_uri, parse_turn_uri
from ice.net.sockets import HostNetwork
from ice.session import Session
from ice.types import Candidate, CandidateType, Description, Role, TcpType
from tests.ice.loopback import HOST
from tests.ice.sessions import CONFIG
from tests.ice.turn.turn_service import turn_service
from tests.net.loopback_dns import LoopbackDns, loopback_dns
from tests.net.loopback_stun import loopback_stun, sees, silence
from tests.net.loopback_stun_tcp import loopback_stun_tcp

PUBLIC = "203.0.113.7"

ZONE = {
    ("_stun._udp.example.com", "SRV"): ["10 0 3479 one.example.com.", "20 0 3480 two.example.com."],
    ("_stun._tcp.example.com", "SRV"): ["0 0 3481 two.example.com."],
    ("_stuns._tcp.example.com", "SRV"): ["0 0 443 two.example.com."],
    ("_turn._udp.example.com", "SRV"): ["0 0 3482 one.example.com."],
    ("_turn._tcp.example.com", "SRV"): ["0 0 3483 one.example.com."],
    ("_turns._tcp.example.com", "SRV"): ["0 0 3484 one.example.com."],
    ("one.example.com", "A"): ["192.0.2.1"],
    ("one.example.com", "AAAA"): ["2001:db8::1"],
    ("two.example.com", "A"): ["192.0.2.2"],
    ("example.com", "A"): ["192.0.2.3"],
    ("_stun._udp.nowhere.example.com", "SRV"): ["0 0 0 ."],
    ("nowhere.example.com", "A"): ["192.0.2.4"],
    ("_stun._udp.half.example.com", "SRV"): ["0 0 1 gone.example.com.", "1 0 2 two.example.com."],
    ("_stun._udp.gone.example.com", "SRV"): ["0 0 1 gone.example.com."],
}


def names(server: LoopbackDns, patience_s: float = 2.0) -> ServerNames:
    return ServerNames(patience_s=patience_s, name_servers=(server.address,))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (
            "stun:example.com",
            (
                Target(addresses=("2001:db8::1", "192.0.2.1"), port=3479),
                Target(addresses=("192.0.2.2",), port=3480),
            ),
        ),
        ("stun:example.com?transport=tcp", (Target(addresses=("192.0.2.2",), port=3481),)),
        ("stuns:example.com", (Target(addresses=("192.0.2.2",), port=443),)),
        ("turn:example.com", (Target(addresses=("2001:db8::1", "192.0.2.1"), port=3482),)),
        ("turn:example.com?transport=tcp", (Target(addresses=("2001:db8::1", "192.0.2.1"), port=3483),)),
        ("turns:example.com", (Target(addresses=("2001:db8::1", "192.0.2.1"), port=3484),)),
        # A port in the URI, and an address, need no records.
        ("stun:example.com:3478", (Target(addresses=("192.0.2.3",), port=3478),)),
        ("stun:192.0.2.9", (Target(addresses=("192.0.2.9",), port=3478),)),
        # Without records it is the host of that name.
        ("stun:two.example.com", (Target(addresses=("192.0.2.2",), port=3478),)),
        ("turns:two.example.com", (Target(addresses=("192.0.2.2",), port=5349),)),
        ("stun:half.example.com", (Target(addresses=("192.0.2.2",), port=2),)),
    ],
)
@pytest.mark.req("STUN-11", "STUN-42", "ICE-5.1.1.2-5")
async def test_where_servers_are(uri: str, expected: tuple[Target, ...]) -> None:
    server: StunServer | TurnServer = parse_stun_uri(uri) if uri.startswith("stun") else parse_turn_uri(uri)
    async with loopback_dns(ZONE) as running:
        assert await names(running).targets(server) == expected
        services = [name for name, kind in running.asked if kind == "SRV"]
        assert len(services) == (":3478" not in uri and "192" not in uri)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("stun:nowhere.example.com", "offers no such service"),
        ("stun:gone.example.com", "no address of gone"),
        ("stun:unknown.example.com", "no address of unknown"),
    ],
)
async def test_there_may_be_none(uri: str, says: str) -> None:
    async with loopback_dns(ZONE) as running:
        with pytest.raises(OSError, match=says):
            await names(running).targets(parse_stun_uri(uri))


async def test_service_records_that_are_late_are_waited_for_no_longer_than_they_may() -> None:
    async with loopback_dns(ZONE) as running:
        running.silent.add("SRV")
        async with asyncio.timeout(2):
            found = await names(running, patience_s=0.1).targets(parse_stun_uri("stun:example.com"))
    assert found == (Target(addresses=("192.0.2.3",), port=3478),)


async def test_without_an_address_they_are_waited_for_longer() -> None:
    zone = {key: value for key, value in ZONE.items() if key[0] != "example.com"}
    async with loopback_dns(zone) as running:
        found = await names(running, patience_s=0.0).targets(parse_stun_uri("stuns:example.com"))
    assert found == (Target(addresses=("192.0.2.2",), port=443),)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_only_a_uri_without_a_port_names_a_service(transport: ServerTransport) -> None:
    assert parse_stun_uri("stun:example.com").srv == "stun"
    assert parse_turn_uri("turns:example.com").srv == "turns"
    assert parse_stun_uri("stun:example.com:3478").srv == ""
    assert parse_turn_uri("turn:[2001:db8::1]").srv == ""
    assert StunServer(host="example.com", transport=transport).srv == ""


# --- in a session ---


def zone_of(**services: list[tuple[int, StunServer]]) -> dict[tuple[str, str], list[str]]:
    """Service records of example.com: name of the service, then priority and server each."""
    zone = {
        (f"_{service.replace('_', '._')}.example.com", "SRV"): [
            f"{priority} 0 {server.port} here.example.com." for priority, server in servers
        ]
        for service, servers in services.items()
    }
    return {**zone, ("here.example.com", "A"): [HOST]}


async def gathered(config: IceConfig, running: LoopbackDns) -> tuple[Description, tuple[str, ...]]:
    config = replace(config, name_servers=(running.address,))
    session = Session(network=HostNetwork(), config=config, role=Role.CONTROLLING)
    try:
        return await session.gather(), session.report().gathering_problems
    finally:
        await session.close()


def reflexive(description: Description) -> list[Candidate]:
    return [c for c in description.candidates if c.type is CandidateType.SRFLX]


@pytest.mark.req("STUN-42", "STUN-11")
async def test_the_next_host_is_asked_where_the_first_is_silent() -> None:
    async with loopback_stun(silence) as first, loopback_stun(sees(PUBLIC)) as second:
        zone = zone_of(stun_udp=[(1, first.server), (2, second.server)])
        async with loopback_dns(zone) as running:
            config = replace(
                CONFIG, tcp=False, stun_servers=(parse_stun_uri("stun:example.com"),), gather_timeout_s=0.6
            )
            began = asyncio.get_running_loop().time()
            description, problems = await gathered(config, running)
            assert asyncio.get_running_loop().time() - began < 5
        assert first.requests
        assert second.requests[0][0] - first.requests[0][0] >= 0.25
    assert [candidate.address.host for candidate in reflexive(description)] == [PUBLIC]
    assert problems == ()


@pytest.mark.req("STUN-42")
async def test_the_second_is_left_alone_where_the_first_answers() -> None:
    async with loopback_stun(sees(PUBLIC)) as first, loopback_stun(sees("203.0.113.8")) as second:
        zone = zone_of(stun_udp=[(2, second.server), (1, first.server)])
        async with loopback_dns(zone) as running:
            config = replace(CONFIG, tcp=False, stun_servers=(parse_stun_uri("stun:example.com"),))
            description, _ = await gathered(replace(config, gather_timeout_s=2.0), running)
        assert second.requests == []
    assert [candidate.address.host for candidate in reflexive(description)] == [PUBLIC]


@pytest.mark.req("STUN-42", "STUN-11")
async def test_over_tcp_one_that_refuses_is_left_for_the_next() -> None:
    async with loopback_stun_tcp(sees(PUBLIC)) as second:
        nobody = replace(second.server, port=1)
        zone = zone_of(stun_tcp=[(1, nobody), (2, second.server)])
        async with loopback_dns(zone) as running:
            stun = parse_stun_uri("stun:example.com?transport=tcp")
            config = replace(CONFIG, udp=False, stun_servers=(stun,), gather_timeout_s=2.0)
            description, problems = await gathered(config, running)
        assert len(second.visits) == 1
    assert TcpType.PASSIVE in {candidate.tcptype for candidate in reflexive(description)}
    (problem,) = problems
    assert problem.endswith("connection refused")


@pytest.mark.req("STUN-42", "STUN-11", "TURN-11")
async def test_a_relay_is_found_by_its_domain() -> None:
    async with turn_service("udp") as turn, loopback_stun(silence) as first:
        account = turn.account()
        second = StunServer(host=HOST, port=account.port)
        zone = zone_of(turn_udp=[(1, first.server), (2, second)])
        async with loopback_dns(zone) as running:
            uri = parse_turn_uri("turn:example.com", username=account.username, password=account.password)
            config = replace(CONFIG, turn_servers=(uri,), relay_only=True, gather_timeout_s=1.0)
            description, problems = await gathered(config, running)
        assert first.requests
    assert {candidate.type for candidate in description.candidates} == {CandidateType.RELAY}
    assert problems == ()


async def test_a_domain_without_servers_is_told() -> None:
    async with loopback_dns({("example.com", "TXT"): ["nothing"]}) as running:
        config = replace(CONFIG, stun_servers=(parse_stun_uri("stun:example.com"),), gather_timeout_s=1.0)
        _, problems = await gathered(config, running)
    assert problems == ("STUN server stun:example.com: the name server knows no address of example.com",)
