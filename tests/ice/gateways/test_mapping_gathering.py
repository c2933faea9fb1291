"""Sessions behind a gateway that maps ports, in virtual time (RFC 6544 §5.3)."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from ice.checks.floor import Floor
from ice.config import IceConfig, PortMappingChoice
from ice.net.network import Gateway
from ice.session import Session
from ice.types import Candidate, CandidateType, Description, Role, TcpType, Transport, TransportAddress
from tests.ice.gateways.gateway_network import HOST, HOST6, GatewayNetwork
from tests.media.virtual_loop import run_virtually
from tests.net.mapping_gateway import MappingGateway
from tests.net.upnp_gateway import UpnpGateway

AUTO = IceConfig(port_mapping="auto", simultaneous_open="off")
OUTSIDE = "203.0.113.7"
MAPPED = 3
"""Candidates of one gateway: UDP, passive, active."""


def session_on(network: GatewayNetwork, config: IceConfig) -> Session:
    """A session whose clock nobody else of this process has."""
    return Session(network=network, config=config, role=Role.CONTROLLING, floor=Floor())


def run(
    network: GatewayNetwork,
    story: Callable[[Session, Description], Awaitable[None]],
    config: IceConfig = AUTO,
) -> None:
    """Gather, go through the story, close; then nothing may be open, and nothing mapped."""

    async def main() -> None:
        session = session_on(network, config)
        try:
            await story(session, await session.gather())
        finally:
            await session.close()
        assert network.open == []
        assert network.streams == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        if network.up:
            assert mapped(network) == []

    run_virtually(main())


def mapped(network: GatewayNetwork) -> list[TransportAddress]:
    """Inside addresses that the gateway maps to."""
    now = asyncio.get_running_loop().time()
    found = [] if network.core is None else [mapping.inside for mapping in network.core.live(now)]
    return found + ([] if network.upnp is None else network.upnp.live(now))


def assisted(description: Description) -> list[Candidate]:
    return [candidate for candidate in description.candidates if candidate.type is CandidateType.SRFLX]


def problems(session: Session) -> str:
    return "\n".join(session.report().gathering_problems)


@pytest.mark.req("ICETCP-5.3-1", "ICETCP-5.3-2", "ICETCP-4.2-1", "ICETCP-4.2-3", "ICETCP-F-3")
@pytest.mark.parametrize("how", ["auto", "pcp", "nat-pmp", "upnp"])
@pytest.mark.parametrize(
    ("udp", "passive_priority", "active_priority"),
    [(False, 1767899135, 1772093439), (True, 1751121919, 1755316223)],
    ids=["TCP alone", "both"],
)
def test_a_mapping_is_told_as_a_server_reflexive_candidate_of_more_worth(
    udp: bool, passive_priority: int, active_priority: int, how: PortMappingChoice
) -> None:
    network = GatewayNetwork(core=MappingGateway(), upnp=UpnpGateway())

    async def story(session: Session, description: Description) -> None:
        hosts = {c.tcptype: c for c in description.candidates if c.type is CandidateType.HOST}
        passive = next(c for c in assisted(description) if c.tcptype is TcpType.PASSIVE)
        assert passive.priority == passive_priority
        assert passive.address.host == OUTSIDE
        assert passive.related == passive.base == hosts[TcpType.PASSIVE].address
        active = next(c for c in assisted(description) if c.tcptype is TcpType.ACTIVE)
        assert active.priority == active_priority
        assert active.address == TransportAddress(host=OUTSIDE, port=9)
        assert active.related == active.base == hosts[TcpType.ACTIVE].address
        assert len({c.foundation for c in description.candidates}) == len(description.candidates)
        assert hosts[TcpType.PASSIVE].address in mapped(network)
        assert problems(session) == ""

    run(network, story, replace(AUTO, port_mapping=how, udp=udp))


def test_udp_is_mapped_as_well() -> None:
    network = GatewayNetwork(core=MappingGateway())

    async def story(session: Session, description: Description) -> None:
        (udp,) = (c for c in assisted(description) if c.transport is Transport.UDP)
        assert udp.priority == (105 << 24) + (65535 << 8) + 255
        assert udp.base in mapped(network)
        assert session.default_address(1) == udp.address

    run(network, story)


@pytest.mark.req("ICETCP-3-7", "ICETCP-5.3-1")
def test_nobody_is_asked_unless_it_is_wanted() -> None:
    network = GatewayNetwork(core=MappingGateway(), upnp=UpnpGateway())

    async def story(session: Session, description: Description) -> None:
        assert assisted(description) == []
        assert network.core is not None
        assert network.core.requests == []
        assert problems(session) == ""

    run(network, story, IceConfig())


@pytest.mark.req("ICETCP-3-7")
def test_the_switch_takes_away_its_own_candidates_alone() -> None:
    told: list[set[tuple[str, str | None]]] = []

    async def story(_: Session, description: Description) -> None:
        told.append({(c.type.value, c.tcptype) for c in description.candidates})

    run(GatewayNetwork(core=MappingGateway()), story)
    run(GatewayNetwork(core=MappingGateway()), story, replace(AUTO, port_mapping="off"))
    with_mapping, without = told
    assert without == {kind for kind in with_mapping if kind[0] == "host"}
    assert with_mapping - without == {("srflx", None), ("srflx", "passive"), ("srflx", "active")}


@pytest.mark.req("ICETCP-5-1")
def test_one_gateway_is_asked_by_one_protocol_alone() -> None:
    network = GatewayNetwork(core=MappingGateway(), upnp=UpnpGateway())

    async def story(_: Session, description: Description) -> None:
        assert network.core is not None
        assert network.upnp is not None
        assert {request[0] for request in network.core.requests} == {2}
        assert network.upnp.actions == []
        assert len(mapped(network)) == 2
        assert len(assisted(description)) == MAPPED

    run(network, story)


@pytest.mark.req("ICETCP-5-1")
@pytest.mark.parametrize("core", [None, MappingGateway(pcp=False, nat_pmp=False)], ids=["absent", "silent"])
def test_upnp_is_asked_where_the_others_are_silent(core: MappingGateway | None) -> None:
    network = GatewayNetwork(core=core, upnp=UpnpGateway())

    async def story(session: Session, description: Description) -> None:
        assert len(assisted(description)) == MAPPED
        assert len(mapped(network)) == 2
        assert problems(session) == ""

    run(network, story)


@pytest.mark.req("ICETCP-5-1")
def test_upnp_is_asked_where_the_others_are_refused() -> None:
    network = GatewayNetwork(core=MappingGateway(), upnp=UpnpGateway())
    assert network.core is not None
    network.core.refuses = 2

    async def story(session: Session, description: Description) -> None:
        assert len(assisted(description)) == MAPPED
        assert "not authorised" in problems(session)

    run(network, story)


def test_who_answers_late_is_asked_to_take_it_back() -> None:
    """PCP wakes up after UPnP has mapped: no two mappings stay."""
    network = GatewayNetwork(core=MappingGateway(), upnp=UpnpGateway())
    core, network.core = network.core, None

    async def story(_: Session, description: Description) -> None:
        network.core = core
        await asyncio.sleep(20.0)
        assert len(mapped(network)) == 2

    run(network, story)


@pytest.mark.parametrize("how", ["auto", "pcp", "nat-pmp"])
def test_who_wakes_up_after_the_deadline_maps_nothing(how: PortMappingChoice) -> None:
    network = GatewayNetwork()

    async def story(_: Session, description: Description) -> None:
        assert assisted(description) == []
        network.core = MappingGateway()
        await asyncio.sleep(100.0)
        # All that is still sent takes back what was asked.
        assert {request[4:8] for request in network.core.requests} <= {bytes(4)}
        assert mapped(network) == []

    run(network, story, replace(AUTO, port_mapping=how))


def test_a_gateway_that_says_nothing_costs_no_more_than_the_deadline() -> None:
    network = GatewayNetwork()

    async def story(session: Session, description: Description) -> None:
        assert asyncio.get_running_loop().time() == pytest.approx(100.5, abs=0.05)
        assert assisted(description) == []
        assert "port mapping by 192.0.2.1: no answer in time" in problems(session)

    run(network, story)


@pytest.mark.parametrize("how", ["auto", "upnp"])
def test_a_second_nat_makes_the_mapping_useless(how: PortMappingChoice) -> None:
    network = GatewayNetwork(
        core=MappingGateway(external="100.64.3.4"), upnp=UpnpGateway(external="192.168.1.2")
    )

    async def story(session: Session, description: Description) -> None:
        assert assisted(description) == []
        assert "there is another NAT behind it" in problems(session)
        await asyncio.sleep(1.0)
        assert mapped(network) == []

    run(network, story, replace(AUTO, port_mapping=how))


def test_without_a_nat_there_is_nothing_to_tell() -> None:
    network = GatewayNetwork(core=MappingGateway(external=HOST))

    async def story(session: Session, description: Description) -> None:
        assert assisted(description) == []
        assert problems(session) == ""

    # NAT-PMP asks for the port that we have.
    run(network, story, replace(AUTO, port_mapping="nat-pmp"))


def test_a_system_that_does_not_tell_its_gateways_is_told() -> None:
    async def story(session: Session, description: Description) -> None:
        assert assisted(description) == []
        assert "this system does not tell its gateways" in problems(session)

    run(GatewayNetwork(core=MappingGateway(), told=None), story)


def test_an_address_without_a_gateway_is_told() -> None:
    async def story(session: Session, _: Description) -> None:
        assert f"there is no gateway for {HOST}" in problems(session)

    network = GatewayNetwork(core=MappingGateway(), told=(Gateway(host="192.0.2.1", interface="eth1"),))
    run(network, story)


@pytest.mark.req("ICETCP-5.3-2")
@pytest.mark.parametrize("how", ["pcp", "nat-pmp", "upnp"])
def test_a_socket_that_is_freed_takes_its_mapping_with_it(how: PortMappingChoice) -> None:
    network = GatewayNetwork(core=MappingGateway(), upnp=UpnpGateway())

    async def story(session: Session, _: Description) -> None:
        # A peer without ICE: the listener is of no use.
        session.plain_path(1, TransportAddress(host="198.51.100.2", port=5000))
        await asyncio.sleep(1.0)
        (left,) = mapped(network)
        told = {c.address: c for c in session.local_description.candidates}
        assert left == told[session.default_address(1)].base

    run(network, story, replace(AUTO, port_mapping=how))


@pytest.mark.req("ICETCP-5.3-3")
@pytest.mark.parametrize("how", ["pcp", "nat-pmp", "upnp"])
def test_mappings_are_renewed_as_long_as_the_session_lasts(how: PortMappingChoice) -> None:
    network = GatewayNetwork(core=MappingGateway(most_s=3600), upnp=UpnpGateway())

    async def story(session: Session, _: Description) -> None:
        for _round in range(40):
            await asyncio.sleep(400.0)
            assert len(mapped(network)) == 2
        assert problems(session) == ""

    run(network, story, replace(AUTO, port_mapping=how))


@pytest.mark.req("ICETCP-5.3-3")
@pytest.mark.parametrize("how", ["pcp", "nat-pmp"])
def test_an_announced_change_of_address_is_told_and_ends_the_mapping(how: PortMappingChoice) -> None:
    network = GatewayNetwork(core=MappingGateway(pcp=how == "pcp"))

    async def story(session: Session, _: Description) -> None:
        assert network.core is not None
        await asyncio.sleep(60.0)
        network.core.restart(asyncio.get_running_loop().time())
        network.core.external = "203.0.113.8"
        network.announce()
        await asyncio.sleep(6.0)
        assert "is lost: the gateway maps it to 203.0.113.8" in problems(session)
        assert mapped(network) == []

    run(network, story, replace(AUTO, port_mapping=how))


@pytest.mark.req("ICETCP-5.3-3")
def test_upnp_notices_another_address_when_it_renews() -> None:
    network = GatewayNetwork(upnp=UpnpGateway())

    async def story(session: Session, _: Description) -> None:
        assert network.upnp is not None
        network.upnp.external = "203.0.113.8"
        await asyncio.sleep(3600.0)
        assert "is lost: the gateway has the address 203.0.113.8 now" in problems(session)
        assert mapped(network) == []

    run(network, story, replace(AUTO, port_mapping="upnp"))


def test_a_mapping_that_upnp_cannot_renew_runs_out_and_is_told() -> None:
    network = GatewayNetwork(upnp=UpnpGateway())

    async def story(session: Session, _: Description) -> None:
        network.stalls = True
        await asyncio.sleep(4000.0)
        assert "it was not renewed in time" in problems(session)

    run(network, story, replace(AUTO, port_mapping="upnp"))


@pytest.mark.parametrize("how", ["auto", "pcp"])
def test_a_firewall_is_asked_to_let_ipv6_in(how: PortMappingChoice) -> None:
    network = GatewayNetwork(core=MappingGateway(), hosts=(HOST6,))

    async def story(session: Session, description: Description) -> None:
        hosts = {c.address for c in description.candidates if c.tcptype is not TcpType.ACTIVE}
        assert {c.type for c in description.candidates} == {CandidateType.HOST}
        await asyncio.sleep(20_000.0)
        assert set(mapped(network)) == hosts
        assert problems(session) == ""

    run(network, story, replace(AUTO, port_mapping=how))


def test_nobody_waits_for_a_firewall_that_cannot_be_asked() -> None:
    network = GatewayNetwork(hosts=(HOST6,))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        session = session_on(network, AUTO)
        await session.gather()
        await session.close()
        assert loop.time() - begin < 0.05
        assert problems(session) == ""

    run_virtually(main())


@pytest.mark.parametrize("how", ["nat-pmp", "upnp"])
def test_ipv6_is_no_matter_of_the_older_protocols(how: PortMappingChoice) -> None:
    network = GatewayNetwork(core=MappingGateway(), upnp=UpnpGateway(), hosts=(HOST6,))

    async def story(session: Session, _: Description) -> None:
        assert mapped(network) == []
        assert problems(session) == ""

    run(network, story, replace(AUTO, port_mapping=how))


def test_an_address_of_this_network_alone_asks_nobody() -> None:
    network = GatewayNetwork(core=MappingGateway(), hosts=("fd00::10",))

    async def story(_: Session, description: Description) -> None:
        assert description.candidates
        assert mapped(network) == []

    run(network, story)


def test_a_translated_ipv6_address_comes_too_late_and_is_given_back() -> None:
    network = GatewayNetwork(core=MappingGateway(), hosts=(HOST6,))
    assert network.core is not None
    network.core.external6 = ipaddress.IPv6Address("2001:db8:1::99")

    async def story(session: Session, _: Description) -> None:
        await asyncio.sleep(1.0)
        assert mapped(network) == []

    run(network, story)


def test_a_gateway_that_never_said_anything_is_not_waited_for_at_the_end() -> None:
    network = GatewayNetwork()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        session = session_on(network, AUTO)
        await session.gather()
        begin = loop.time()
        await session.close()
        assert loop.time() - begin < 0.01
        assert network.open == []

    run_virtually(main())


def test_a_taken_port_is_replaced_by_another() -> None:
    network = GatewayNetwork(upnp=UpnpGateway(taken=set(range(40_000, 41_000))))

    async def story(_: Session, description: Description) -> None:
        assert len(assisted(description)) == MAPPED
        assert all(
            c.address.port == 9 or c.address.port != c.related.port
            for c in assisted(description)
            if c.related
        )

    run(network, story, replace(AUTO, port_mapping="upnp"))


def test_mappings_that_would_never_end_are_not_wanted() -> None:
    network = GatewayNetwork(upnp=UpnpGateway(fault=725))

    async def story(session: Session, description: Description) -> None:
        assert assisted(description) == []
        assert "it makes no mappings that end by themselves" in problems(session)

    run(network, story, replace(AUTO, port_mapping="upnp"))


@pytest.mark.parametrize(
    ("gateway", "reason"),
    [
        (UpnpGateway(location="http://192.0.2.99:80/x.xml"), "is not at the gateway"),
        (UpnpGateway(location="http://localhost/x.xml"), "no URL with an IP address"),
        (UpnpGateway(location="file:///etc/passwd"), "no URL"),
        (UpnpGateway(location="http://192.0.2.1:5000/missing"), "status 404"),
        (UpnpGateway(description="<root/>"), "no service that maps ports"),
        (UpnpGateway(description="<root"), "no XML"),
        (UpnpGateway(description='<!DOCTYPE r [<!ENTITY a "aaaa">]><r>&a;</r>'), "document type"),
        (UpnpGateway(external="0.0.0.0"), "it has no external address"),
        (UpnpGateway(external=""), "it tells no external address"),
    ],
)
def test_what_a_strange_gateway_tells_by_upnp_is_refused(gateway: UpnpGateway, reason: str) -> None:
    network = GatewayNetwork(upnp=gateway)

    async def story(session: Session, description: Description) -> None:
        assert assisted(description) == []
        assert reason in problems(session)

    run(network, story, replace(AUTO, port_mapping="upnp"))


@pytest.mark.parametrize("how", ["auto", "pcp", "nat-pmp", "upnp"])
@pytest.mark.parametrize("after_s", [0.0, 0.0005, 0.0015, 0.0025, 0.0045, 0.0065, 0.0085, 0.15, 0.22])
def test_a_session_that_is_closed_while_it_gathers_leaves_nothing(
    how: PortMappingChoice, after_s: float
) -> None:
    network = GatewayNetwork(core=MappingGateway(), upnp=UpnpGateway())

    async def main() -> None:
        session = session_on(network, replace(AUTO, port_mapping=how))
        gathering = asyncio.create_task(session.gather())
        await asyncio.sleep(after_s)
        await session.close()
        await asyncio.gather(gathering, return_exceptions=True)
        await asyncio.sleep(5.0)
        assert network.open == []
        assert network.streams == 0
        assert mapped(network) == []

    run_virtually(main())


@pytest.mark.parametrize("how", ["pcp", "nat-pmp", "upnp"])
def test_a_gateway_that_is_gone_at_the_end_is_waited_for_a_second(how: PortMappingChoice) -> None:
    network = GatewayNetwork(core=MappingGateway(), upnp=UpnpGateway())
    closed_in: list[float] = []

    async def main() -> None:
        session = session_on(network, replace(AUTO, port_mapping=how))
        await session.gather()
        network.up, network.stalls = False, True
        begin = asyncio.get_running_loop().time()
        await session.close()
        closed_in.append(asyncio.get_running_loop().time() - begin)
        assert network.open == []
        assert network.streams == 0

    run_virtually(main())
    assert closed_in[0] <= 1.01
